"""G.711, the telephone's 8-bit logarithmic PCM at 8 kHz: μ-law (`audio/pcmu`) and A-law (`audio/pcma`).

ITU-T Recommendation G.711 (11/88), tables 1 and 2. A code byte is a sign, a segment of 3 bits and 4 bits of
mantissa, with the step doubling from segment to segment; μ-law quantizes 14-bit samples, A-law 13-bit ones, each the
upper bits of our 16. Both directions are look-ups in tables made once from that definition.

Negative samples are turned by ones' complement before their low bits are dropped, as in the ITU's own software
(ITU-T G.191, `g711.c`), so -1 is as quiet as +0. Sun's `g711.c`, which Python's former `audioop` copied, negates after
dropping them and so sends μ-law's -1…-4 as -8: its codes for negative μ-law samples are ours for a sample 4 louder.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime.audio import Pcm
from realtime.codecs.pcm16 import quantize

_Codes = NDArray[np.uint8]
"""Shape (65536,): the code of each 16-bit sample, indexed by the sample's bits read as unsigned."""

_ULAW_BIAS = 33
"""Added to a 14-bit magnitude so that every segment starts at a power of two."""


@dataclass(frozen=True, slots=True, eq=False)
class G711:
    """One of the two laws. Each byte is one sample, so nothing is ever pending."""

    name: str
    codes: _Codes
    sounds: Pcm
    """Shape (256,): the sample each code byte stands for."""
    rate_hz: int = 8_000

    def encode(self, pcm: Pcm) -> bytes:
        """One byte per sample."""
        return self.codes[quantize(pcm).view(np.uint16)].tobytes()

    def decoder(self) -> G711Decoder:
        """A decoder of this law."""
        return G711Decoder(self.sounds)


class G711Decoder:
    """A look-up per byte."""

    pending_bytes = 0

    def __init__(self, sounds: Pcm) -> None:
        self._sounds = sounds

    def decode(self, data: bytes) -> Pcm:
        """One sample per byte."""
        return self._sounds[np.frombuffer(data, np.uint8)]

    def reset(self) -> None:
        """Nothing is pending."""


def ulaw() -> G711:
    """μ-law, the law of North America and Japan."""
    samples, magnitude = _samples()
    biased = np.minimum((magnitude >> 2) + _ULAW_BIAS, 0x1FFF)
    segment = _bit_length(biased) - 6
    codes = ~((samples < 0) << 7 | segment << 4 | biased >> segment + 1 & 0x0F)

    code = ~np.arange(256)
    loudness = ((code << 1 & 0x1E) + _ULAW_BIAS << (code >> 4 & 7)) - _ULAW_BIAS
    return _law("audio/pcmu", codes, np.where(code & 0x80, -4, 4) * loudness)


def alaw() -> G711:
    """A-law, the law of the rest of the world. Every second bit is inverted on the line, hence 0x55."""
    samples, magnitude = _samples()
    cut = magnitude >> 4
    segment = np.maximum(_bit_length(cut) - 4, 0)
    # The first two segments share one step.
    mantissa = cut >> np.maximum(segment - 1, 0) & 0x0F
    codes = ((samples >= 0) << 7 | segment << 4 | mantissa) ^ 0x55

    code = np.arange(256) ^ 0x55
    segment = code >> 4 & 7
    middle = ((code & 0x0F) << 1) + 1 + np.where(segment > 0, 32, 0)
    return _law("audio/pcma", codes, np.where(code & 0x80, 8, -8) * (middle << np.maximum(segment - 1, 0)))


def _samples() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every 16-bit sample in the order of `_Codes`, and its magnitude by ones' complement, 0…32767."""
    samples = np.arange(65536).astype(np.uint16).view(np.int16).astype(np.int64)
    return samples, np.where(samples < 0, ~samples, samples)


def _bit_length(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """`int.bit_length` of each: `frexp` writes n as m·2^e with m in [0.5, 1)."""
    return np.frexp(numbers)[1].astype(np.int64)


def _law(name: str, codes: NDArray[np.int64], sounds: NDArray[np.int64]) -> G711:
    """The codec, its tables closed to writing because every conversation reads them."""
    law = G711(name, (codes & 0xFF).astype(np.uint8), sounds.astype(np.float32) / np.float32(32768))
    law.codes.setflags(write=False)
    law.sounds.setflags(write=False)
    return law
