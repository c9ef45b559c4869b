"""Real time, where real time is the point: pacing, and measuring how long a stage took."""

from __future__ import annotations

import asyncio
from typing import Protocol


class Clock(Protocol):
    """Seconds that only go up, and a way to wait for some of them. Tests bring one that they move by hand."""

    def now_s(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class LoopClock:
    """The event loop's own clock."""

    def now_s(self) -> float:
        """Seconds since an arbitrary start."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`. Cancelling returns at once."""
        await asyncio.sleep(seconds)
