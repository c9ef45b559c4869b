"""What several calls that are one to whoever asked may take together."""

from __future__ import annotations

import asyncio


class Deadline:
    """So many seconds from now on. Belongs to one event loop."""

    def __init__(self, seconds: float) -> None:
        self._now_s = asyncio.get_running_loop().time
        self._until_s = self._now_s() + seconds

    @property
    def left_s(self) -> float:
        """For the next call; never less than 0."""
        return max(0.0, self._until_s - self._now_s())
