"""Whose voice is in a recording, and when: what the calls about speakers share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import numpy as np

from realtime.audio import Audio, Pcm
from realtime.backend.hearing.recordings import Recording, recording_in, recording_of
from realtime.backend.premises import Premises
from realtime.engines.base import Detector
from realtime.engines.clustering import Grouping, group
from realtime.engines.on_demand import OnDemand
from realtime.engines.scheduler import Scheduler
from realtime.engines.speaker import SpeakerEncoder, Voiceprint
from realtime.errors import InvalidRequest
from realtime.pipeline.diarize import Tidiness, Turn, turns, windows
from realtime.pipeline.stretches import Stretch

PAUSE_MS, PADDING_MS = 160, 30
"""A pause of five windows of Silero parts two stretches of speech: people answer one another after as little."""

SHORTEST_S = 0.8
"""Of speech, for a voiceprint that stands by itself."""

LONGEST_S = 60
"""Of speech: more does not make a voiceprint any better."""


@dataclass(frozen=True, slots=True, eq=False)
class Talk:
    """A recording as a voice encoder hears it."""

    sound: Pcm
    rate_hz: int
    spoken: list[Stretch]
    """Where somebody speaks, in samples of it."""

    def speech(self, most_s: float) -> Pcm:
        """The first so many seconds of what is left without the pauses."""
        parts, missing = [self.sound[:0]], round(most_s * self.rate_hz)
        for one in self.spoken:
            parts.append(self.sound[one.start : one.end][:missing])
            missing -= len(parts[-1])
        return np.concatenate(parts)


async def listen_to(audio: Audio, rate_hz: int, detector: Detector, scheduler: Scheduler) -> Talk:
    """`audio` at `rate_hz`, and where somebody speaks in it. Cancelling stops it between two half minutes."""
    return await talk_in(await recording_of(audio, {rate_hz}, detector, scheduler), rate_hz)


async def talk_in(recording: Recording, rate_hz: int) -> Talk:
    """The same of a recording that is heard at `rate_hz`. Cancelling gives up the answer."""
    spoken = await recording.spoken(rate_hz, silence_ms=PAUSE_MS, padding_ms=PADDING_MS)
    return Talk(recording.sounds[rate_hz], rate_hz, spoken)


async def voiceprint(premises: Premises, path: str, field: str, speaker: SpeakerEncoder) -> Voiceprint:
    """Whose voice is in the file that `field` names, by its first `LONGEST_S` of speech.

    Raises as `Files.read_audio` does, and `InvalidRequest`, naming `field`, if there are less than `SHORTEST_S`.
    Cancelling withdraws the question.
    """
    talk = await talk_in(await recording_in(premises, path, field, {speaker.rate_hz}), speaker.rate_hz)
    speech = talk.speech(LONGEST_S)
    if len(speech) < SHORTEST_S * speaker.rate_hz:
        spoken_s = len(speech) / speaker.rate_hz
        raise InvalidRequest(
            f"'{field}' has {spoken_s:.1f} s of speech; a voice is told from {SHORTEST_S} s or more.", param=field
        )
    try:
        return await speaker.encode(speech)
    except InvalidRequest as problem:
        raise InvalidRequest(f"'{field}': {problem.message}.", code=problem.reason, param=field) from problem


async def who_can_part(on_demand: OnDemand) -> SpeakerEncoder:
    """The voice encoder, for a recording of several people. Raises as `OnDemand.speaker` does, and `NotServed` for one
    that takes single clips only. Cancelling lets the opening go on.
    """
    speaker = await on_demand.speaker()
    await speaker.encode_each(())  # says whether it would, before a file is listened to in vain
    return speaker


async def who_speaks(talk: Talk, speaker: SpeakerEncoder, grouping: Grouping, tidiness: Tidiness) -> list[Turn]:
    """Who speaks when, in samples of the talk, whose rate is the voice encoder's.

    Costs a thirtieth of the sound's time on one thread. Cancelling stops it within a tenth of a second.
    """
    listened = await asyncio.to_thread(windows, talk.spoken, talk.rate_hz)
    voiceprints = await speaker.encode_each([talk.sound[one.start : one.end] for one in listened])

    def told() -> list[Turn]:
        return turns(talk.spoken, listened, group(voiceprints, grouping), talk.rate_hz, tidiness)

    return await asyncio.to_thread(told)


def label(speaker: int) -> str:
    """What a speaker is called, who is counted from 0."""
    return f"SPEAKER_{speaker:02}"
