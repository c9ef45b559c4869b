"""A model of voices without weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from realtime.audio import SPEECH_RATE_HZ, Pcm, ms_to_samples
from realtime.engines.speaker import Voiceprint
from realtime.errors import InvalidRequest


def voice_of(loudness: float, ms: float, rate_hz: int = SPEECH_RATE_HZ) -> Pcm:
    """Somebody speaks, told from others by how loud: more than a quarter, so that `FakeDetector` hears speech."""
    return np.full(ms_to_samples(ms, rate_hz), loudness, np.float32)


@dataclass
class FakeSpeaker:
    """A voice is its loudness, from 0 to 1: an angle of nothing to half a turn."""

    heard: list[Pcm] = field(default_factory=list)
    rate_hz: int = SPEECH_RATE_HZ
    model: str = "fake-ear"
    same_below: float = 0.2
    same_group_below: float = 0.3
    closed: bool = False

    async def encode(self, speech: Pcm) -> Voiceprint:
        if len(speech) < self.rate_hz // 10:
            raise InvalidRequest("too short to tell")
        self.heard.append(speech)
        angle = float(np.abs(speech).mean()) * np.pi
        return np.array([np.cos(angle), np.sin(angle)], np.float32)

    async def encode_each(self, clips: Sequence[Pcm]) -> list[Voiceprint]:
        return [await self.encode(clip) for clip in clips]

    async def close(self) -> None:
        self.closed = True
