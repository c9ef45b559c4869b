"""Sounds for the scripted engines that are more than loud: a voice with all that is in words, not a hum."""

from __future__ import annotations

import numpy as np

from realtime.audio import Pcm, ms_to_samples


def spoken(ms: float, rate_hz: int = 24_000, seed: int = 0) -> Pcm:
    """Something `FakeDetector` takes for speech, and nobody for a hum."""
    samples = np.random.default_rng(seed).choice([-0.7, 0.7], ms_to_samples(ms, rate_hz))
    return samples.astype(np.float32)
