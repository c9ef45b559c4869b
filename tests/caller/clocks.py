"""Clocks of a caller: one in a hurry, and one on which nobody waits."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from tests.fakes import HandClock


@dataclass(frozen=True)
class Hurried:
    """The event loop's clock, `times` as fast: what takes a caller seconds takes a test less, over a real socket.

    Not in too great a hurry: a caller's patience runs out by the same clock, and a busy machine is slow.
    """

    times: float = 5.0

    def now_s(self) -> float:
        return asyncio.get_running_loop().time() * self.times

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.times)


class Sleepless(HandClock):
    """Sleeping takes exactly as long as asked, or longer by what `oversleeps` says."""

    def __init__(self, *oversleeps: float) -> None:
        super().__init__()
        self._late = list(oversleeps)

    async def sleep(self, seconds: float) -> None:
        self._now_s += seconds + (self._late.pop(0) if self._late else 0)
