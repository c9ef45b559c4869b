"""Sounds to send through a codec, and measures of what became of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from realtime.audio import Pcm

Piece = TypeVar("Piece", bytes, Pcm)


def sine(hz: float, rate_hz: int, samples: int, peak: float = 0.5) -> Pcm:
    """A tone that starts at 0."""
    tone: Pcm = (peak * np.sin(2 * np.pi * hz / rate_hz * np.arange(samples))).astype(np.float32)
    return tone


def noise(samples: int, seed: int = 0) -> Pcm:
    """White noise in [-0.5, 0.5]."""
    return np.random.default_rng(seed).uniform(-0.5, 0.5, samples).astype(np.float32)


def power(pcm: NDArray[np.floating]) -> float:
    """Mean square."""
    return float(np.mean(np.square(pcm, dtype=np.float64)))


def snr_db(wanted: Pcm, got: Pcm) -> float:
    """How far the difference of the two lies below `wanted`: any delay or gain counts as error too."""
    error = got.astype(np.float64) - wanted
    return float(10 * np.log10(power(wanted) / max(power(error), 1e-30)))


def level_db(pcm: Pcm, peak: float = 0.5) -> float:
    """The level against a sine of that peak."""
    return float(10 * np.log10(max(power(pcm), 1e-30) / (peak**2 / 2)))


def cut(whole: Piece, sizes: Sequence[int]) -> Iterator[Piece]:
    """`whole` in pieces of `sizes`, taken round and round, to its last element."""
    start, turn = 0, 0
    while start < len(whole):
        size = sizes[turn % len(sizes)]
        yield whole[start : start + size]
        start, turn = start + size, turn + 1
