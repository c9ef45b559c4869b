"""16-bit PCM: nothing of the 16 bits is lost, and nothing a float can be turns into noise."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from realtime.codecs.pcm16 import Pcm16, quantize
from tests.codecs.signals import sine, snr_db

EVERY_SAMPLE = struct.pack("<65536h", *range(-32768, 32768))


def test_every_16_bit_sample_survives_the_round_trip() -> None:
    """Decode, then encode: the same bytes."""
    codec = Pcm16()
    assert codec.encode(codec.decoder().decode(EVERY_SAMPLE)) == EVERY_SAMPLE


def test_a_sample_is_its_number_over_32768() -> None:
    """Little-endian, signed, float32, never above 1."""
    pcm = Pcm16().decoder().decode(b"\x00\x00\x01\x00\x00\x80\xff\x7f\xff\xff")
    assert pcm.dtype == np.float32
    assert pcm.tolist() == [0, 1 / 32768, -1, 32767 / 32768, -1 / 32768]


@pytest.mark.parametrize(
    ("sample", "number"),
    [
        (1.0, 32767),
        (-1.0, -32768),
        (7.5, 32767),
        (-7.5, -32768),
        (float("inf"), 32767),
        (float("-inf"), -32768),
        (float("nan"), 0),
        (np.finfo(np.float32).max, 32767),
        (0.5 / 32768, 0),
        (1.5 / 32768, 2),
        (-0.51 / 32768, -1),
        (32766.6 / 32768, 32767),
    ],
)
def test_odd_samples_have_a_defined_number(sample: float, number: int) -> None:
    """Clipped at full scale, rounded to the nearest (ties to even), NaN silent."""
    assert Pcm16().encode(np.array([sample], np.float32)) == struct.pack("<h", number)


@given(hnp.arrays(np.float32, st.integers(0, 64), elements=st.floats(width=32)))
def test_no_float_makes_noise(pcm: np.ndarray[tuple[int], np.dtype[np.float32]]) -> None:
    """Whatever the floats: half a step from the clipped sample, and no warning on the way."""
    wanted = np.clip(np.nan_to_num(pcm.astype(np.float64)), -1, 32767 / 32768)
    assert np.all(np.abs(quantize(pcm) / 32768 - wanted) <= 0.5 / 32768)


def test_a_sample_cut_in_two_waits_for_its_second_half() -> None:
    """The odd byte is neither lost nor doubled, and `pending_bytes` tells of it."""
    decoder = Pcm16().decoder()
    assert len(decoder.decode(b"\x00")) == 0
    assert decoder.pending_bytes == 1
    assert len(decoder.decode(b"")) == 0
    assert decoder.pending_bytes == 1
    assert decoder.decode(b"\x40\x00").tolist() == [0.5]
    assert decoder.pending_bytes == 1
    decoder.reset()
    assert decoder.pending_bytes == 0
    assert decoder.decode(b"\x00\x40").tolist() == [0.5]


def test_a_sine_keeps_its_16_bits() -> None:
    """6.02 · 16 + 1.76 dB for a full-scale sine, 6 dB less at half scale."""
    codec, tone = Pcm16(), sine(997, 24_000, 24_000)
    assert snr_db(tone, codec.decoder().decode(codec.encode(tone))) > 91


def test_telephone_bridges_take_the_same_samples_at_their_rate() -> None:
    """The rate is the codec's, not the format's."""
    assert Pcm16().rate_hz == 24_000
    assert Pcm16(rate_hz=8_000).rate_hz == 8_000
