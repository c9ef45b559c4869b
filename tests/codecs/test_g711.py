"""G.711 against its definition: tables 1a, 1b (A-law) and 2a, 2b (μ-law) of ITU-T Recommendation G.711 (11/88).

The reference here walks the tables' decision values, as the Recommendation prints them; the codec computes with bits.
"""

from __future__ import annotations

import struct
import warnings
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
import pytest

from realtime.codecs.base import Codec
from realtime.codecs.g711 import alaw, ulaw
from tests.codecs.signals import sine, snr_db

SAMPLES = range(-32768, 32768)
ULAW, ALAW = ulaw(), alaw()


@dataclass(frozen=True)
class Law:
    """One table of the Recommendation, on the 16-bit scale."""

    decisions: tuple[int, ...]
    """Column 5, "decision value number n": interval n begins here."""
    sounds: tuple[int, ...]
    """Column 8: what a receiver makes of interval n."""
    codes: tuple[int, ...]
    """Column 6 on the line, for positive samples; the first bit is the sign."""

    def encode(self, sample: int) -> int:
        """The interval that holds `sample`. On a decision value the upper one of the signed scale wins (G.191)."""
        below = bisect_left(self.decisions, -sample) if sample < 0 else bisect_right(self.decisions, sample)
        code = self.codes[min(below - 1, 127)]
        return code ^ 0x80 if sample < 0 else code

    def decode(self, byte: int) -> int:
        """The sample a code stands for."""
        if byte in self.codes:
            return self.sounds[self.codes.index(byte)]
        return -self.sounds[self.codes.index(byte ^ 0x80)]


def table_1() -> Law:
    """A-law: 32 intervals of size 2, then 16 each of 4, 8, … 128, on a 13-bit scale. Even bits are inverted."""
    sizes = [2] * 32 + [4 << segment for segment in range(6) for _ in range(16)]
    decisions = tuple(8 * edge for edge in accumulate(sizes, initial=0))
    middles = tuple((low + high) // 2 for low, high in pairwise(decisions))
    return Law(decisions, middles, tuple((0b1000_0000 + n) ^ 0b0101_0101 for n in range(128)))


def table_2() -> Law:
    """μ-law: half an interval around 0, 15 of size 2, then 16 each of 4, 8, … 256, on a 14-bit scale."""
    sizes = [1] + [2] * 15 + [4 << segment for segment in range(7) for _ in range(16)]
    decisions = tuple(4 * edge for edge in accumulate(sizes, initial=0))
    middles = tuple((low + high) // 2 for low, high in pairwise(decisions[1:]))
    return Law(decisions, (0, *middles), tuple(0b1111_1111 - n for n in range(128)))


def encode_every_sample(codec: Codec) -> bytes:
    """The codes of -32768 … 32767."""
    return codec.encode(np.array(SAMPLES, np.float32) / np.float32(32768))


def decode_every_byte(codec: Codec) -> list[int]:
    """The samples of 0 … 255, in 16-bit steps."""
    return [int(sample * 32768) for sample in codec.decoder().decode(bytes(range(256)))]


LAWS = pytest.mark.parametrize(("codec", "law"), [(ULAW, table_2()), (ALAW, table_1())], ids=["ulaw", "alaw"])


def test_the_reference_tables_have_the_standards_landmarks() -> None:
    """Decision and output values spelled out in G.711, so the reference itself is not taken on trust."""
    mu, a = table_2(), table_1()
    assert [mu.decisions[n] // 4 for n in (1, 16, 32, 48, 112, 128)] == [1, 31, 95, 223, 4063, 8159]
    assert [mu.sounds[n] // 4 for n in (0, 1, 16, 127)] == [0, 2, 33, 8031]
    assert [a.decisions[n] // 8 for n in (1, 32, 48, 112, 128)] == [2, 64, 128, 2048, 4096]
    assert [a.sounds[n] // 8 for n in (0, 32, 127)] == [1, 66, 4032]


@LAWS
def test_all_65536_samples_are_encoded_by_the_book(codec: Codec, law: Law) -> None:
    """Code by code."""
    assert list(encode_every_sample(codec)) == [law.encode(sample) for sample in SAMPLES]


@LAWS
def test_all_256_bytes_are_decoded_by_the_book(codec: Codec, law: Law) -> None:
    """Sample by sample."""
    assert decode_every_byte(codec) == [law.decode(byte) for byte in range(256)]


def test_the_tables_are_closed() -> None:
    """Every conversation reads them; nobody writes."""
    for table in (ULAW.codes, ULAW.sounds, ALAW.codes, ALAW.sounds):
        assert not table.flags.writeable


@LAWS
def test_a_decoded_byte_is_encoded_as_itself(codec: Codec, law: Law) -> None:
    """Passing through adds nothing, save that μ-law's second zero becomes the first."""
    every = bytes(range(256))
    again = codec.encode(codec.decoder().decode(every))
    zeros = {0x7F: 0xFF} if law.sounds[0] == 0 else {}
    assert list(again) == [zeros.get(byte, byte) for byte in every]


def test_audioop_agrees() -> None:
    """Python's own, up to 3.12. Its μ-law (Sun's) takes a negative sample for one 4 quieter: see the module."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        audioop = pytest.importorskip("audioop", reason="left the standard library in Python 3.13")
    every = struct.pack("<65536h", *SAMPLES)
    bytes_256 = bytes(range(256))
    assert audioop.lin2alaw(every, 2) == encode_every_sample(ALAW)
    sun, ours = audioop.lin2ulaw(every, 2), encode_every_sample(ULAW)
    assert sun[32768:] == ours[32768:]
    assert sun[4:32768] == ours[: 32768 - 4]
    for codec, decode in ((ULAW, audioop.ulaw2lin), (ALAW, audioop.alaw2lin)):
        assert decode_every_byte(codec) == list(struct.unpack("<256h", decode(bytes_256, 2)))


@pytest.mark.parametrize("codec", [ULAW, ALAW], ids=["ulaw", "alaw"])
@pytest.mark.parametrize("peak", [1.0, 0.5, 0.1, 0.02])
def test_a_sine_keeps_a_telephones_quality(codec: Codec, peak: float) -> None:
    """G.712 asks 33 dB between -30 and 0 dBm0; a companded sine has about 38 dB whatever its level."""
    tone = sine(997, 8_000, 8_000, peak)
    assert snr_db(tone, codec.decoder().decode(codec.encode(tone))) > 34


@pytest.mark.parametrize("codec", [ULAW, ALAW], ids=["ulaw", "alaw"])
def test_silence_is_silent(codec: Codec) -> None:
    """Zeros and NaN: within A-law's smallest sound, which has no zero."""
    quiet = codec.decoder().decode(codec.encode(np.array([0, -0.0, np.nan], np.float32)))
    assert np.abs(quiet).max() <= 8 / 32768
