"""What a piece of sound is inside this project, and the arithmetic of samples and milliseconds.

Inside, sound is `Pcm`: one channel of float32 samples in [-1, 1] at a rate that travels beside it. Bytes exist only
at the edges, where `codecs` turns them into `Pcm` and back. Positions and durations are counted in samples and turned
into milliseconds only to be shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Pcm: TypeAlias = NDArray[np.float32]
"""Mono samples, shape (n,), float32 in [-1, 1]."""

LOWEST_HZ, HIGHEST_HZ = 8_000, 192_000
"""Rates at which sound is taken from whoever brings it: the telephone's, and the fastest of sound cards."""

SPEECH_RATE_HZ = 16_000
"""The rate at which speech is detected and transcribed: what Silero and Whisper were trained on."""


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    """A piece of sound that knows its rate. Equal only to itself: samples have no single truth to compare by."""

    pcm: Pcm
    rate_hz: int

    @property
    def duration_ms(self) -> float:
        """Length in milliseconds."""
        return len(self.pcm) * 1000 / self.rate_hz


def samples_to_ms(samples: int, rate_hz: int) -> int:
    """Whole milliseconds that `samples` cover, rounded down: a position never points past the audio it names."""
    return samples * 1000 // rate_hz


def ms_to_samples(ms: float, rate_hz: int) -> int:
    """Samples in `ms` milliseconds, rounded to the nearest."""
    return round(ms * rate_hz / 1000)


def silence(ms: float, rate_hz: int) -> Pcm:
    """`ms` milliseconds of zeros."""
    return np.zeros(ms_to_samples(ms, rate_hz), np.float32)


class Framer:
    """Cuts ragged input into windows of one size, keeping the rest for the next push."""

    def __init__(self, window_samples: int) -> None:
        self._window_samples = window_samples
        self._rest: Pcm = np.zeros(0, np.float32)

    @property
    def pending_samples(self) -> int:
        """Samples pushed that no window holds yet, fewer than one window."""
        return len(self._rest)

    def push(self, pcm: Pcm) -> list[Pcm]:
        """The windows that are now complete, oldest first."""
        held = np.concatenate((self._rest, pcm)) if len(self._rest) else pcm
        whole = len(held) // self._window_samples * self._window_samples
        self._rest = held[whole:].copy()
        return list(held[:whole].reshape(-1, self._window_samples))

    def flush(self) -> Pcm:
        """What no window held, shorter than one; the next push starts a new window."""
        rest, self._rest = self._rest, self._rest[:0]
        return rest
