"""Engines that remember how they were used."""

from __future__ import annotations

from collections.abc import Sequence
from threading import get_ident

from realtime.audio import Pcm
from realtime.engines.speaker import Voiceprint
from realtime.errors import NotServed
from tests.fake_speaker import FakeSpeaker
from tests.fakes import FakeDetector


class Attentive(FakeDetector):
    """Counts what it looks at, and remembers in which threads."""

    def __init__(self, rate_hz: int = FakeDetector.rate_hz) -> None:
        self.rate_hz = rate_hz
        self.windows = 0
        self.threads: set[int] = set()

    def probability(self, window: Pcm) -> float:
        self.windows += 1
        self.threads.add(get_ident())
        return super().probability(window)


class OneByOne(FakeSpeaker):
    """Tells whose voice a clip is, and no more."""

    async def encode_each(self, clips: Sequence[Pcm]) -> list[Voiceprint]:
        raise NotServed("not the many windows of a recording")
