"""Sound that is there already, and where somebody speaks in it: looked through once, whoever wants to know."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from realtime.audio import Audio, Pcm
from realtime.backend.hearing.detection import at_rate, speech_probabilities
from realtime.backend.premises import Premises
from realtime.codecs.resample import resampled
from realtime.engines.base import Detector
from realtime.engines.scheduler import Scheduler
from realtime.pipeline.stretches import PADDING_MS, PAUSE_MS, Probabilities, Stretch, clips, stretches


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """Sound in which somebody may speak. What it is made of may be let go: it holds what engines hear of it."""

    duration_s: float
    sounds: Mapping[int, Pcm]
    """The same sound by the rates at which it is heard; engines of one rate hear one and the same."""
    samples: int
    """How many there are at the detector's rate."""
    likely: Probabilities
    detector: Detector

    async def spoken(self, rate_hz: int, *, silence_ms: int = PAUSE_MS, padding_ms: int = PADDING_MS) -> list[Stretch]:
        """Where somebody speaks, in samples at `rate_hz`, as `stretches` has it. Cancelling gives up the answer."""
        found = await asyncio.to_thread(self._spoken, silence_ms, padding_ms)
        return [at_rate(one, self.detector.rate_hz, rate_hz) for one in found]

    async def clips(self, rate_hz: int) -> list[Stretch]:
        """What a transcriber is to hear, in samples at `rate_hz`, as `clips` has it. Cancelling gives up the answer."""
        found = await asyncio.to_thread(lambda: clips(self._spoken(), self.likely, self.detector))
        return [at_rate(one, self.detector.rate_hz, rate_hz) for one in found]

    def _spoken(self, silence_ms: int = PAUSE_MS, padding_ms: int = PADDING_MS) -> list[Stretch]:
        """In samples at the detector's rate. Blocks: half an hour has 56,000 windows."""
        return stretches(self.likely, self.samples, self.detector, silence_ms, padding_ms)


async def recording_in(premises: Premises, path: str, field: str, rates_hz: set[int]) -> Recording:
    """The file that `field` names, as it is to be heard at `rates_hz`; raises as `Files.read_audio` does.

    Cancelling stops it between two half minutes of the sound.
    """
    detector, scheduler = premises.engines.detector, premises.engines.scheduler
    # The highest: from it the others can be made, and where all are the same, as mostly, it is the only one.
    audio = await premises.files.read_audio(path, field, max(rates_hz | {detector.rate_hz}))
    return await recording_of(audio, rates_hz, detector, scheduler)


async def recording_of(audio: Audio, rates_hz: set[int], detector: Detector, scheduler: Scheduler) -> Recording:
    """`audio` as it is to be heard at `rates_hz`. Cancelling stops it between two half minutes of the sound."""
    near = await resampled(audio, detector.rate_hz)
    likely = await speech_probabilities(near.pcm, detector, scheduler)
    heard = [near if rate_hz == near.rate_hz else await resampled(audio, rate_hz) for rate_hz in rates_hz]
    sounds = {one.rate_hz: one.pcm for one in heard}
    return Recording(audio.duration_ms / 1000, sounds, len(near.pcm), likely, detector)
