"""An engine that does not leave before it may."""

from __future__ import annotations

import asyncio


class Leaver:
    """An engine that is closed when it is let."""

    def __init__(self, may_leave: asyncio.Event) -> None:
        self._may_leave = may_leave
        self.leaving = self.closed = False

    async def close(self) -> None:
        self.leaving = True
        await self._may_leave.wait()
        self.closed = True
