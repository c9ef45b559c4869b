"""Signed 16-bit little-endian PCM: `audio/pcm` of the Realtime protocol, at 24 kHz there.

A sample s of the wire is s / 32768 inside: a power of two, so decoding is exact in float32 and encoding a decoded
sample gives the same 16 bits back. Inside, +1.0 therefore has no exact counterpart and becomes 32767.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime.audio import Pcm

_STEPS = 32768.0
_LARGEST = 32767 / _STEPS


def quantize(pcm: Pcm) -> NDArray[np.int16]:
    """The nearest 16-bit samples, ties to even. Beyond full scale (and ±inf) is full scale; NaN is 0."""
    steps: Pcm = np.clip(pcm, -1.0, _LARGEST) * _STEPS  # Scaling first would overflow on the largest floats.
    steps[np.isnan(steps)] = 0
    return np.rint(steps).astype(np.int16)


@dataclass(frozen=True, slots=True)
class Pcm16:
    """`audio/pcm`; telephone bridges use the same samples at 8 kHz."""

    name: str = "audio/pcm"
    rate_hz: int = 24_000

    def encode(self, pcm: Pcm) -> bytes:
        """Two bytes per sample; see `quantize` for rounding and clipping."""
        return quantize(pcm).astype("<i2", copy=False).tobytes()

    def decoder(self) -> Pcm16Decoder:
        """A decoder that holds nothing yet."""
        return Pcm16Decoder()


class Pcm16Decoder:
    """Carries the odd byte of a sample that a client cut in two over to the next piece."""

    def __init__(self) -> None:
        self._half = b""

    @property
    def pending_bytes(self) -> int:
        """1 when a first half of a sample waits for its second, else 0."""
        return len(self._half)

    def decode(self, data: bytes) -> Pcm:
        """The samples completed by `data`, in [-1, 1)."""
        held = self._half + data if self._half else data
        samples = len(held) // 2
        self._half = bytes(held[2 * samples :])
        return np.frombuffer(held, "<i2", samples).astype(np.float32) / np.float32(_STEPS)

    def reset(self) -> None:
        """Drop the waiting half sample."""
        self._half = b""
