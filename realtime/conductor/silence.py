"""Nobody speaks: noticed when it has lasted, from when the client has nothing more to hear."""

from __future__ import annotations

import asyncio

from realtime.conductor.errands import Errands
from realtime.conductor.playback import Playback
from realtime.pipeline.clock import Clock
from realtime.protocol.reports import NobodySpoke


class Silence:
    """Watches for one silence at a time."""

    def __init__(self, errands: Errands, playback: Playback, clock: Clock) -> None:
        self._errands = errands
        self._playback = playback
        self._clock = clock
        self._watching: asyncio.Task[None] | None = None

    def watch(self, within_s: float) -> None:
        """Report `NobodySpoke` after so much silence."""
        self._watching = self._errands.start(self._wait(within_s))

    async def ignore(self) -> None:
        """It is none, or does not matter any more."""
        await self._errands.stop(self._watching)

    async def _wait(self, within_s: float) -> None:
        await self._clock.sleep(self._playback.left_s + within_s)
        await self._errands.report(NobodySpoke())
