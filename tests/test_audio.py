"""Samples and milliseconds, and the cutting of ragged input into windows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.audio import Audio, Framer, ms_to_samples, samples_to_ms, silence


def test_duration_follows_the_rate() -> None:
    """The same samples last longer at a slower rate."""
    pcm = np.zeros(2_400, np.float32)
    assert Audio(pcm, 24_000).duration_ms == 100
    assert Audio(pcm, 16_000).duration_ms == 150


def test_audio_can_be_compared_and_kept_in_a_set() -> None:
    """By identity: comparing arrays sample by sample would raise in the middle of somebody's `==`."""
    one, other = Audio(np.zeros(3, np.float32), 8_000), Audio(np.zeros(3, np.float32), 8_000)
    assert one != other
    assert len({one, other, one}) == 2


@pytest.mark.parametrize(
    ("samples", "rate_hz", "ms"),
    [(0, 16_000, 0), (16, 16_000, 1), (31, 16_000, 1), (32, 16_000, 2), (44_099, 44_100, 999), (24_000, 24_000, 1_000)],
)
def test_a_position_never_points_past_its_audio(samples: int, rate_hz: int, ms: int) -> None:
    """Rounded down."""
    assert samples_to_ms(samples, rate_hz) == ms


@given(st.integers(0, 10**7), st.sampled_from([8_000, 16_000, 24_000, 48_000]))
def test_whole_milliseconds_come_back(ms: int, rate_hz: int) -> None:
    """There and back is the same."""
    assert samples_to_ms(ms_to_samples(ms, rate_hz), rate_hz) == ms


def test_milliseconds_are_rounded_to_the_nearest_sample() -> None:
    """Half a millisecond is 22.05 samples at 44.1 kHz."""
    assert ms_to_samples(0.5, 44_100) == 22
    assert ms_to_samples(0.52, 44_100) == 23


def test_silence_is_zeros_of_the_right_length() -> None:
    """In our own dtype."""
    quiet = silence(20, 24_000)
    assert quiet.shape == (480,)
    assert quiet.dtype == np.float32
    assert not quiet.any()


@given(st.lists(st.integers(0, 1_500), max_size=20), st.sampled_from([1, 160, 512]))
def test_a_framer_keeps_every_sample_in_order(sizes: list[int], window: int) -> None:
    """Windows of one size, then the rest: together what was pushed."""
    framer, pushed = Framer(window), np.arange(sum(sizes), dtype=np.float32)
    windows, start = [], 0
    for size in sizes:
        made = framer.push(pushed[start : start + size])
        start += size
        assert all(len(one) == window for one in made)
        windows += made
        assert framer.pending_samples == start - window * len(windows) < window
    assert np.array_equal(np.concatenate([*windows, framer.flush()]), pushed)
    assert framer.pending_samples == 0


def test_what_a_framer_holds_back_is_its_own() -> None:
    """The caller may fill its buffer again before the window is complete."""
    framer, buffer = Framer(4), np.array([1, 2, 3], np.float32)
    assert framer.push(buffer) == []
    buffer[:] = 9
    assert framer.push(np.array([4], np.float32))[0].tolist() == [1, 2, 3, 4]
