"""hibari: a voice of 8 MB that speaks 100 times faster than real time on one thread."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from types import MappingProxyType

import numpy as np
from hibari import SAMPLE_RATE
from hibari import Hibari as Voice

from realtime.audio import Audio, Pcm, ms_to_samples
from realtime.engines.base import Speaking
from realtime.engines.registry import Options, Workshop
from realtime.engines.scheduler import Scheduler
from realtime.errors import EngineFailed, ModelUnavailable

BUNDLED_VOICE = "heart"
"""Inside the package; the others are models of the catalogue, `hibari-NAME`."""

LEAD_IN_MS = 20
"""Silence kept before the first sound; the voice makes a quarter of a second of it, and the listener would wait."""

SEED = 0
"""The same text always sounds the same."""


class HibariOptions(Options):
    """`[synthesizer]` with `engine = "hibari"`."""

    voices: tuple[str, ...] = (BUNDLED_VOICE,)
    """The first is the default."""


class Hibari:
    """A `Synthesizer`."""

    rate_hz = SAMPLE_RATE
    model = "hibari"

    def __init__(self, voices: Mapping[str, Voice], scheduler: Scheduler) -> None:
        self._voices = MappingProxyType(dict(voices))
        self._scheduler = scheduler

    @property
    def voices(self) -> tuple[str, ...]:
        """Names of the voices that are loaded, the default first."""
        return tuple(self._voices)

    async def speak(self, text: str, speaking: Speaking) -> AsyncGenerator[Audio, None]:
        """`text` sentence by sentence. Cancelling stops after the sentence that is being made."""
        voice = self._voices[speaking.voice or self.voices[0]]
        steps = self._scheduler.steps(_sentences(voice, text, speaking.speed), speaking.urgency)
        async with aclosing(steps):
            async for pcm in steps:
                yield Audio(pcm, self.rate_hz)

    async def close(self) -> None:
        """Nothing to give back before the process ends."""


def open_hibari(workshop: Workshop) -> Hibari:
    """Load and warm up."""
    options = workshop.read_options(HibariOptions, "hibari")
    voices = {name: _open_voice(name, workshop) for name in options.voices}
    for voice in voices.values():
        list(_sentences(voice, "Warm up.", 1.0))
    return Hibari(voices, workshop.scheduler)


def _open_voice(name: str, workshop: Workshop) -> Voice:
    if name == BUNDLED_VOICE:
        return Voice(threads=workshop.threads)
    model = str(workshop.model_path(f"hibari-{name}"))
    try:
        return Voice(voice=name, model=model, threads=workshop.threads)
    except KeyError as unknown:
        raise ModelUnavailable(f"hibari has no voice {name!r}") from unknown


def _sentences(voice: Voice, text: str, speed: float) -> Iterator[Pcm]:
    try:
        for phonemes in voice.phonemize(text):
            ids = voice.ids(phonemes)
            sound: Pcm = voice.from_ids(ids, speed, np.random.default_rng(SEED))
            if len(sound):
                yield _without_lead_in(sound)
    except Exception as problem:  # whatever a text does to the package, it costs this sentence and no more
        raise EngineFailed(f"the voice could not say a sentence: {type(problem).__name__}") from problem


def _without_lead_in(sound: Pcm) -> Pcm:
    """`sound` from shortly before it rises above a hundredth of its peak (-40 dB)."""
    loud = np.abs(sound) > np.abs(sound).max() / 100
    first = int(np.argmax(loud))
    return sound[max(0, first - ms_to_samples(LEAD_IN_MS, SAMPLE_RATE)) :]
