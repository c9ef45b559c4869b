"""hibari: a voice of 8 MB that speaks a hundred times faster than real time on one thread.

The package is safe to use from several threads (measured: the same samples from four at once as from one), once its
parts that load when first needed have been loaded. It fetches voices from the network by itself; here it never may.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import suppress
from textwrap import wrap

import numpy as np
from hibari import SAMPLE_RATE
from hibari import Hibari as Voice
from hibari.voices import DEFAULT, VOICES

from realtime.audio import Audio, Pcm, ms_to_samples
from realtime.engines.base import Speaking
from realtime.engines.registry import Options, Workshop
from realtime.engines.scheduler import Scheduler
from realtime.errors import BadConfiguration, EngineFailed, ModelUnavailable

SEED = 0
"""Of the noise in consonants: the same text is the same sound."""

SLOWEST, FASTEST = 0.25, 4.0
"""What the voice was heard to do in proportion: 0.25 takes four times as long. Beyond, the nearest is taken."""

LONGEST_PHONEMES = 400
"""What the model was made for, some 25 s of speech: longer text without any punctuation is cut at a blank."""

QUIET = 10 ** (-50 / 20)
"""Of the loudest sample: what stays below before the first and after the last sound is silence."""

GOES_ON = "but now we are here."
"""At the end of a text the voice falls as if all had been said, whatever mark stands there. So a text that ends with a
clause is said with this after it, and cut in the pause before."""

GOES_ON_MS = (600, 1100)
"""How long before its end that pause can be over, at speed 1. Measured 820-850; there is no pause in the words."""

SHORTEST_PAUSE_MS = 40
PAUSE = 10 ** (-35 / 20)
"""Of the loudest 10 ms: what stays below in the middle of speech is a pause."""

# What ends a clause, and the quotes and brackets that may close after it.
_CLAUSE_END = re.compile(r"[,;:—][”\")]*$")
# The target of a link could be taken for phonemes.
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
# What is left out, and where digits are parted, when a text cannot be read as it is.
_ODD = re.compile(r"[^A-Za-z0-9.,;:!?'\s-]")
_DIGITS = re.compile(r"(?<=\d),?(?=\d)")


class HibariOptions(Options):
    """`[synthesizer]` with `engine = "hibari"`."""

    voice: str = DEFAULT
    """The one that speaks when none is asked for. `heart` is in the package; the others are in the catalogue as
    `hibari-NAME`, and those that have been fetched can be asked for."""
    lead_ms: float = 20
    """Silence kept before the first sound. The voice makes 200-325 ms of it, for which every reply would be late."""
    trail_ms: float = 200
    """Silence kept after the last sound, the pause between two sentences; the voice makes 260-450 ms."""
    clause_ms: float = 100
    """The same where a text ends with a comma, colon or dash, because its sentence goes on in the next; the voice makes
    50-330 ms between two clauses."""


class Hibari:
    """The shared voices. Speaks on the scheduler's threads."""

    rate_hz = SAMPLE_RATE
    model = "hibari"
    languages = frozenset({"en"})

    def __init__(self, voices: Mapping[str, Voice], options: HibariOptions, scheduler: Scheduler) -> None:
        self.voices = tuple(voices)
        self._voices = dict(voices)
        self._goes_on = {name: " ".join(voice.phonemize(GOES_ON)) for name, voice in voices.items()}
        self._options = options
        self._scheduler = scheduler

    async def speak(self, text: str, speaking: Speaking) -> AsyncGenerator[Audio, None]:
        """`text` sentence by sentence. Cancelling, or closing it, abandons the sentence that is being made.

        Raises `EngineBusy` from the scheduler, `EngineFailed` for a voice that is not one of `voices`.
        """
        name = speaking.voice or self.voices[0]
        if name not in self._voices:
            raise EngineFailed(f"there is no voice {name!r}; there are: {', '.join(self.voices)}")
        speed = min(max(speaking.speed, SLOWEST), FASTEST)
        speech = _Speech(self._voices[name], text, self._goes_on[name], speed, self._options)
        while not speech.over:
            pcm = await self._scheduler.run(speech.go_on, speaking.urgency)
            if len(pcm):
                yield Audio(pcm, self.rate_hz)

    async def close(self) -> None:
        """Nothing to let go before the process ends. Cancelling changes nothing."""


class _Speech:
    """One text being said. Knows when it is over: to find that out in a turn of its own would cost a place in line."""

    def __init__(self, voice: Voice, text: str, goes_on: str, speed: float, options: HibariOptions) -> None:
        self._voice = voice
        self._text = text
        self._goes_on = goes_on
        self._speed = speed
        self._options = options
        self._sentences: deque[str] | None = None

    @property
    def over(self) -> bool:
        """Whether there is nothing left to say."""
        return self._sentences is not None and not self._sentences

    def go_on(self) -> Pcm:
        """The next sentence, or no samples where there is nothing to hear. Blocks."""
        try:
            if self._sentences is None:
                self._sentences = deque(_sentences(self._voice, self._text))
            return self._say(self._sentences.popleft()) if self._sentences else np.zeros(0, np.float32)
        except Exception as problem:  # whatever a text does to the package; the text itself is nobody's business
            raise EngineFailed(f"the voice could not say a sentence: {type(problem).__name__}") from problem

    def _say(self, phonemes: str) -> Pcm:
        if not _CLAUSE_END.search(phonemes):
            return self._trimmed(self._sound(phonemes), self._options.trail_ms)
        whole = self._sound(f"{phonemes} {self._goes_on}")
        clause = _before_pause(whole, self._speed, self._options.clause_ms)
        return self._trimmed(self._sound(phonemes) if clause is None else clause, self._options.clause_ms)

    def _sound(self, phonemes: str) -> Pcm:
        pcm: Pcm = self._voice.from_ids(self._voice.ids(phonemes), self._speed, np.random.default_rng(SEED))
        return pcm

    def _trimmed(self, pcm: Pcm, trail_ms: float) -> Pcm:
        """`pcm` with no more silence around it than is wanted."""
        loud = np.flatnonzero(np.abs(pcm) > QUIET * np.abs(pcm).max(initial=0))
        if not len(loud):
            return pcm[:0]
        start = loud[0] - ms_to_samples(self._options.lead_ms, SAMPLE_RATE)
        return pcm[max(0, start) : loud[-1] + 1 + ms_to_samples(trail_ms, SAMPLE_RATE)]


def _before_pause(pcm: Pcm, speed: float, pause_ms: float) -> Pcm | None:
    """`pcm` without `GOES_ON`, but with up to `pause_ms` of the pause before it; None where there is none."""
    size = ms_to_samples(10, SAMPLE_RATE)
    frames = pcm[: len(pcm) // size * size].reshape(-1, size)
    loudness = np.sqrt(np.mean(frames**2, axis=1))
    is_loud = loudness > PAUSE * loudness.max(initial=0)
    loud = np.flatnonzero(is_loud)
    # From each loud frame to the next: where they are not neighbours there is a pause.
    pauses_ms = (np.diff(loud) - 1) * 10
    before_end_ms = (loud[-1:] - loud[1:]) * 10 * speed
    is_place = (pauses_ms >= SHORTEST_PAUSE_MS) & (before_end_ms >= GOES_ON_MS[0]) & (before_end_ms <= GOES_ON_MS[1])
    if not is_place.any():
        return None
    place = np.argmax(np.where(is_place, pauses_ms, 0))
    clause = pcm[: min((loud[place] + 1) * size + ms_to_samples(pause_ms, SAMPLE_RATE), loud[place + 1] * size)].copy()
    clause[-size:] *= np.linspace(1, 0, size, dtype=np.float32)
    return clause


def _sentences(voice: Voice, text: str) -> Iterator[str]:
    """The phonemes of each sentence that has something to pronounce, in pieces the model can say."""
    plain = _LINK.sub(r"\1", text)
    try:
        sentences = voice.phonemize(plain)
    except (IndexError, KeyError, TypeError, ValueError):
        # The package fails at a few combinations of signs, and at numbers that have no name.
        sentences = voice.phonemize(_DIGITS.sub(" ", _ODD.sub(" ", plain)))
    for phonemes in sentences:
        if any(character.isalpha() for character in phonemes):
            yield from wrap(phonemes, LONGEST_PHONEMES, break_on_hyphens=False)


def open_hibari(workshop: Workshop) -> Hibari:
    """Load every voice that is here, and have each say something, so that no later sentence loads anything."""
    options = workshop.read_options(HibariOptions, "hibari")
    if options.voice not in VOICES:
        raise BadConfiguration(f"hibari has no voice {options.voice!r}; it has: {', '.join(VOICES)}")
    found = {options.voice: _open_voice(options.voice, workshop)}
    for name in VOICES.keys() - found.keys():
        with suppress(ModelUnavailable):
            found[name] = _open_voice(name, workshop)
    return Hibari(found, options, workshop.scheduler)


def _open_voice(name: str, workshop: Workshop) -> Voice:
    path = None if VOICES[name].get("bundled") else workshop.model_path(f"hibari-{name}")
    try:
        # One thread: more would spin while they wait, and a sentence takes 10-40 ms as it is.
        voice = Voice(voice=name, model=path and str(path), threads=1)
        voice("Warm up, Zyxqua!")  # a name that no dictionary has, for the model of unknown words
    except Exception as problem:  # onnxruntime's errors have no common base but this
        raise ModelUnavailable(f"hibari cannot load its voice {name!r}: {type(problem).__name__}") from problem
    return voice
