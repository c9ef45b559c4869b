"""The spectrum against the one Whisper's own package computes."""

from __future__ import annotations

import numpy as np
import pytest
from faster_whisper.feature_extractor import FeatureExtractor

from realtime.audio import Pcm
from realtime.codecs.resample import resample
from realtime.engines.log_mel import BANDS, HOP_SAMPLES, log_mel
from tests.live import question


def noise(samples: int) -> Pcm:
    return np.random.default_rng(3).normal(0, 0.1, samples).astype(np.float32)


def reference(sound: Pcm) -> Pcm:
    """As Whisper hears it, in nearly the same arithmetic."""
    heard: Pcm = FeatureExtractor()(sound, padding=0)
    return heard[:, : len(sound) // HOP_SAMPLES]


@pytest.mark.parametrize("name", ["france", "train"])
def test_speech_looks_as_it_does_to_whisper(name: str) -> None:
    sound = resample(question(name), 16_000).pcm
    sound = sound[: len(sound) // HOP_SAMPLES * HOP_SAMPLES]
    np.testing.assert_allclose(log_mel(sound), reference(sound), atol=2e-4)


@pytest.mark.parametrize("frames", [3, 100, 801])
def test_there_are_a_hundred_frames_a_second(frames: int) -> None:
    sound = noise(frames * HOP_SAMPLES)
    assert log_mel(sound).shape == (BANDS, frames)
    np.testing.assert_allclose(log_mel(sound), reference(sound), atol=2e-4)


def test_a_tone_is_in_the_band_of_its_frequency() -> None:
    """Linear below 1 kHz and logarithmic above: 400 Hz is band 11, 4 kHz band 60 of 80."""
    seconds = np.arange(16_000) / 16_000
    loudest = [
        int(log_mel(np.sin(2 * np.pi * hz * seconds).astype(np.float32)).mean(axis=1).argmax()) for hz in (400, 4000)
    ]
    assert loudest == [pytest.approx(11, abs=1), pytest.approx(60, abs=2)]


def test_silence_is_the_softest_there_is_and_eight_decades_are_all_that_counts() -> None:
    assert log_mel(np.zeros(16_000, np.float32)) == pytest.approx(-1.5)
    half = np.concatenate((noise(16_000), np.zeros(16_000, np.float32)))
    spectrum = log_mel(half)
    assert spectrum.max() - spectrum.min() == pytest.approx(2.0)
