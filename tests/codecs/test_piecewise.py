"""Sound that comes in pieces: kept whole, and turned to another rate as if it had come at once."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.audio import Audio
from realtime.codecs.piecewise import Kept, PiecewiseResampler
from realtime.codecs.resample import resample
from tests.codecs.signals import noise


@pytest.mark.parametrize("piece", [441, 65_536, 1_000_000])
def test_however_it_is_cut_it_is_the_same(piece: int) -> None:
    """And nearly all has come out before the end."""
    sound = noise(15 * 44_100)
    resampler = PiecewiseResampler(44_100, 16_000)
    made = [resampler.push(sound[start : start + piece]) for start in range(0, len(sound), piece)]
    assert sum(map(len, made)) >= 8 * 16_000
    whole = np.concatenate([*made, resampler.flush()])
    assert len(whole) == 15 * 16_000
    assert np.abs(whole - resample(Audio(sound, 44_100), 16_000).pcm).max() < 1e-5


def test_between_equal_rates_nothing_waits() -> None:
    resampler = PiecewiseResampler(16_000, 16_000)
    sound = noise(100)
    assert resampler.push(sound) is sound
    assert len(resampler.flush()) == 0


def test_no_sound_is_no_sound() -> None:
    assert len(PiecewiseResampler(8_000, 16_000).flush()) == 0


def test_what_is_kept_is_taken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """In order, whatever it grew by."""
    monkeypatch.setattr("realtime.codecs.piecewise._GROWTH_SAMPLES", 7)
    kept, sound = Kept(), noise(50)
    for start in range(0, 50, 3):
        kept.push(sound[start : start + 3])
    assert np.array_equal(kept.take(), sound)
    assert len(kept.take()) == 0
