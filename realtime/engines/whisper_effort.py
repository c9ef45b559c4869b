"""How much of Whisper it takes to hear a turn: as little as will do, and more in doubt.

A turn is heard through a window of what was said and 2 s more, 10 s at least (below that Whisper begins to repeat
itself): the encoder then takes a seventh of the time of the full half minute. What it says is believed by how likely
Whisper finds all of it together, not one word on average: when one hypothesis alone has most of the probability, no
wider search can find a better one, and that search costs twice as much a word. So a short turn is decoded greedily
first; then, from the same encoding, with a beam; what is unlikely even then is heard through a window of 16 s, which is
wrong no more often than the full one for less than half of its time; and what comes out as nonsense, through the full
one.

The likelihoods were chosen on 56 clips in quiet, in noise and over the telephone; docs/benchmarks.md has the table.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from math import inf
from typing import Any, Protocol, TypeAlias

import numpy as np
from faster_whisper import WhisperModel
from numpy.typing import NDArray

from realtime.audio import SPEECH_RATE_HZ, Pcm

Frames: TypeAlias = NDArray[np.float32]

FRAME_SAMPLES = SPEECH_RATE_HZ // 100
WINDOW_FRAMES = 3000
"""What Whisper hears at once, when it hears all it can."""

SHORT_WINDOW_FRAMES = 1000
MARGIN_FRAMES = 200
LONG_WINDOW_FRAMES = 1600
LONG_MARGIN_FRAMES = 500
"""The windows: at least so much, and so much more than was said; with 1 s instead of 2 a turn of 19 s was lost."""

GREEDY_SAMPLES = 8 * SPEECH_RATE_HZ
"""In a longer turn a greedy search may stop at a pause, and be sure that nothing comes after it."""

GREEDY_LOG_PROBABILITY = -4.0
"""Of all that was said together; below, the search is made wider."""
LONG_WINDOW_LOG_PROBABILITY = -5.0
LONG_WINDOW_MEAN = -0.2
"""Below both, together and on average, the window is made longer."""
FULL_WINDOW_MEAN = -0.6
"""Below, the window is made full."""
REPETITIVE = 2.4
"""How much shorter a text may be when it is packed; more is Whisper repeating itself."""


class Weighed(Protocol):
    """What was heard, as Whisper weighs it."""

    avg_logprob: float
    compression_ratio: float
    tokens: list[int]


@dataclass(frozen=True, slots=True)
class Effort:
    """One way to hear a turn, and what must come out of it to be believed."""

    frames: int
    """The window, 10 ms each."""
    beam_size: int
    together: float = -inf
    """The natural logarithm of the probability of all tokens."""
    mean: float = 0.0
    """What comes out below both `together` and this, the mean of a token, is not believed."""
    repetitive: float = inf

    def is_enough(self, heard: Weighed) -> bool:
        """Whether what was heard so is likely what was said."""
        mean = float(heard.avg_logprob)
        together = mean * (len(heard.tokens) + 1)  # and the end of the text, which Whisper counts too
        return (together >= self.together or mean >= self.mean) and float(heard.compression_ratio) <= self.repetitive


def final_efforts(samples: int, beam_size: int) -> Iterator[Effort]:
    """How to hear a turn of so many samples, the least effort first; the last one is believed in any case."""
    short = short_window(samples)
    longer = long_window(samples)
    if samples <= GREEDY_SAMPLES and beam_size > 1:
        yield Effort(short, 1, GREEDY_LOG_PROBABILITY, 0.0, REPETITIVE)
    if short < WINDOW_FRAMES:
        yield Effort(short, beam_size, LONG_WINDOW_LOG_PROBABILITY, LONG_WINDOW_MEAN, REPETITIVE)
    if short < longer < WINDOW_FRAMES:
        yield Effort(longer, beam_size, 0.0, FULL_WINDOW_MEAN, REPETITIVE)
    yield Effort(WINDOW_FRAMES, beam_size)


def partial_efforts(samples: int, beam_size: int) -> Iterator[Effort]:
    """The same for a turn that will be heard again soon: what comes out as repetition is left out."""
    short = short_window(samples)
    if samples <= GREEDY_SAMPLES and beam_size > 1:
        yield Effort(short, 1, GREEDY_LOG_PROBABILITY, 0.0, REPETITIVE)
    yield Effort(short, beam_size, repetitive=REPETITIVE)


def short_window(samples: int) -> int:
    """Frames of the window through which a turn is heard first."""
    return min(WINDOW_FRAMES, max(SHORT_WINDOW_FRAMES, samples // FRAME_SAMPLES + MARGIN_FRAMES))


def long_window(samples: int) -> int:
    """Frames of the one through which it is heard in doubt."""
    return min(WINDOW_FRAMES, max(LONG_WINDOW_FRAMES, samples // FRAME_SAMPLES + LONG_MARGIN_FRAMES))


class Windows:
    """A Whisper that hears one turn through windows; what it has analysed or encoded it does not again."""

    def __init__(self, whisper: WhisperModel) -> None:
        self._whisper = whisper
        self._spectrum = _Spectrum(whisper)
        self._seen: Frames | None = None
        self._encoded: Any = None

    def of(self, frames: int) -> WhisperModel:
        """The same weights, with an encoder that is given only the first `frames` of the padded window."""
        near = copy(self._whisper)
        near.feature_extractor = self._spectrum
        if frames < WINDOW_FRAMES:
            near.encode = lambda features: self._encode(features[..., :frames])
        return near

    def _encode(self, features: Frames) -> Any:
        if self._seen is None or not np.array_equal(self._seen, features):
            self._seen, self._encoded = features, self._whisper.encode(features)
        return self._encoded


class _Spectrum:
    """A feature extractor that is only ever given the same sound."""

    def __init__(self, whisper: WhisperModel) -> None:
        self._whisper = whisper
        self._features: Frames | None = None

    def __call__(self, sound: Pcm, **options: Any) -> Frames:
        if self._features is None:
            self._features = self._whisper.feature_extractor(sound, **options)
        return self._features

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whisper.feature_extractor, name)
