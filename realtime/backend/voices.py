"""Whose voice is in a recording, and when: what the calls about speakers share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import numpy as np

from realtime.audio import Audio, Pcm
from realtime.backend.detection import at_rate, speech_probabilities
from realtime.codecs.resample import resample
from realtime.engines.base import Detector
from realtime.engines.clustering import Grouping, group
from realtime.engines.ensemble import Engines
from realtime.engines.scheduler import Scheduler
from realtime.engines.speaker import SpeakerEncoder, Voiceprint
from realtime.errors import InvalidRequest
from realtime.pipeline.diarize import Tidiness, Turn, turns, windows
from realtime.pipeline.stretches import Stretch, stretches

PAUSE_MS, PADDING_MS = 160, 30
"""A pause of five windows of Silero parts two stretches of speech: people answer one another after as little."""

SHORTEST_S = 0.8
"""Of speech, for a voiceprint that stands by itself."""

LONGEST_S = 60
"""Of speech: more does not make a voiceprint any better."""


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """Sound in which somebody may speak."""

    sound: Pcm
    rate_hz: int
    spoken: list[Stretch]
    """Where, in samples of it."""

    def speech(self, most_s: float) -> Pcm:
        """The first so many seconds of what is left without the pauses."""
        parts, missing = [self.sound[:0]], round(most_s * self.rate_hz)
        for one in self.spoken:
            parts.append(self.sound[one.start : one.end][:missing])
            missing -= len(parts[-1])
        return np.concatenate(parts)


async def listen_to(audio: Audio, rate_hz: int, detector: Detector, scheduler: Scheduler) -> Recording:
    """`audio` at `rate_hz`, and where somebody speaks in it. Cancelling stops it between two half minutes."""
    near = await asyncio.to_thread(resample, audio, detector.rate_hz)
    likely = await speech_probabilities(near.pcm, detector, scheduler)
    spoken = await asyncio.to_thread(
        stretches, likely, len(near.pcm), detector, silence_ms=PAUSE_MS, padding_ms=PADDING_MS
    )
    if rate_hz != detector.rate_hz:
        near = await asyncio.to_thread(resample, audio, rate_hz)
        spoken = [at_rate(one, detector.rate_hz, rate_hz) for one in spoken]
    return Recording(near.pcm, rate_hz, spoken)


async def voiceprint(audio: Audio, field: str, speaker: SpeakerEncoder, engines: Engines) -> Voiceprint:
    """Whose voice is in `audio`, by its first `LONGEST_S` of speech.

    Raises `InvalidRequest`, naming `field`, if there are less than `SHORTEST_S`. Cancelling withdraws the question.
    """
    recording = await listen_to(audio, speaker.rate_hz, engines.detector, engines.scheduler)
    speech = recording.speech(LONGEST_S)
    if len(speech) < SHORTEST_S * speaker.rate_hz:
        spoken_s = len(speech) / speaker.rate_hz
        raise InvalidRequest(
            f"'{field}' has {spoken_s:.1f} s of speech; a voice is told from {SHORTEST_S} s or more.", param=field
        )
    try:
        return await speaker.encode(speech)
    except InvalidRequest as problem:
        raise InvalidRequest(f"'{field}': {problem.message}.", code=problem.reason, param=field) from problem


async def who_speaks(
    recording: Recording, speaker: SpeakerEncoder, grouping: Grouping, tidiness: Tidiness
) -> list[Turn]:
    """Who speaks when, in samples of the recording, whose rate is the speaker encoder's.

    Costs a thirtieth of the sound's time on one thread. Cancelling stops it within a tenth of a second.
    """
    listened = await asyncio.to_thread(windows, recording.spoken, recording.rate_hz)
    voiceprints = await speaker.encode_each([recording.sound[one.start : one.end] for one in listened])

    def told() -> list[Turn]:
        return turns(recording.spoken, listened, group(voiceprints, grouping), recording.rate_hz, tidiness)

    return await asyncio.to_thread(told)
