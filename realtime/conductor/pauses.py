"""The user's pauses, listened to while they last: is the turn over?"""

from __future__ import annotations

from realtime.audio import Audio
from realtime.codecs.resample import resampled
from realtime.conductor.errands import Errands, account_for
from realtime.engines.base import TurnDetector
from realtime.microphone import Microphone
from realtime.pipeline.endpoint import Paused, Verdict


class Pauses:
    """Asks the turn detector, about one pause at a time: while it is at one, only the newest of the others waits."""

    def __init__(self, detector: TurnDetector, errands: Errands, microphone: Microphone) -> None:
        self._detector = detector
        self._errands = errands
        self._microphone = microphone
        self._waiting: tuple[Paused, Audio] | None = None
        self._listening = False
        self._has_failed = False

    def consider(self, pause: Paused) -> None:
        """Have the turn listened to as it is now. The `Verdict` is reported, or nothing if a newer pause came first."""
        self._waiting = pause, self._microphone.newest(self._detector.window_ms)
        if not self._listening:
            self._listening = True
            self._errands.start(self._listen())

    async def _listen(self) -> None:
        while self._waiting:
            (pause, turn), self._waiting = self._waiting, None
            await self._errands.report(Verdict(pause, await self._completeness(turn)))
        self._listening = False

    async def _completeness(self, turn: Audio) -> float | None:
        try:
            return await self._detector.completeness((await resampled(turn, self._detector.rate_hz)).pcm)
        except Exception as failure:
            if not self._has_failed:  # it may fail several times a turn: once tells it
                account_for(failure, "turn detection")
            self._has_failed = True
            return None
