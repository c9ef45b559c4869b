"""Sounds of a room that mean nothing to a conversation, made by arithmetic, the same in every run.

They are likenesses: enough to ask whether a voice detector is taken in by bursts of noise, clicks and notes. All are
at `RATE_HZ`, with 200 ms of silence before and after, and as loud as the benchmark's voice.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realtime.audio import Pcm, ms_to_samples, silence
from realtime.caller.clip import RATE_HZ

PEAK = 0.5
_MARGIN_MS = 200


def cough(seed: int = 1) -> Pcm:
    """Two coughs: a burst of breath through the throat, a moment of voice, a fading hiss."""
    random = np.random.default_rng(seed)
    burst = _filtered(
        random.standard_normal(ms_to_samples(300, RATE_HZ)), ((450, 200, 1.0), (1500, 500, 0.6)), hiss=0.2
    )
    time_s = np.arange(len(burst)) / RATE_HZ
    voice = np.sign(np.sin(2 * np.pi * 130 * time_s)) * np.exp(-(((time_s - 0.12) / 0.05) ** 2))
    once = burst / np.abs(burst).max() * _hump(len(burst), 8, 90) + 0.25 * voice
    return _finish(np.concatenate((once, silence(180, RATE_HZ), 0.7 * once)))


def typing(seed: int = 2, keys: int = 14) -> Pcm:
    """Keys pressed and let go, five or six a second."""
    random = np.random.default_rng(seed)
    sound = np.zeros(ms_to_samples(keys * 190 + 100, RATE_HZ))
    for key in range(keys):
        for delay_ms, loudness in ((0, 1.0), (75, 0.4)):
            start = ms_to_samples(key * 190 + delay_ms + random.uniform(0, 60), RATE_HZ)
            click = random.standard_normal(ms_to_samples(14, RATE_HZ))
            click = _filtered(click, ((random.uniform(1800, 3500), 900, 1.0), (350, 150, 0.7)), hiss=0.1)
            click *= loudness * random.uniform(0.5, 1) * _hump(len(click), 0.5, 3) / np.abs(click).max()
            sound[start : start + len(click)] += click
    return _finish(sound)


def music(seed: int = 3, beats: int = 8) -> Pcm:
    """A plucked tune over chords, two beats a second, with a drum."""
    random = np.random.default_rng(seed)
    beat = ms_to_samples(400, RATE_HZ)
    sound = np.zeros(beat * (beats + 2))
    for place in range(beats):
        root = (220.0, 174.61, 261.63, 196.0)[place // 2 % 4]
        notes = [(root * ratio, 0.5) for ratio in (1, 1.26, 1.5)] if place % 2 == 0 else []
        notes.append((root * 2 * float(random.choice((1, 1.122, 1.26, 1.5, 1.682))), 1.0))
        for pitch_hz, loudness in notes:
            sound[place * beat : (place + 2) * beat] += loudness * _plucked(pitch_hz, 2 * beat)
        drum = random.standard_normal(beat // 4) * _hump(beat // 4, 1, 25)
        sound[place * beat : place * beat + len(drum)] += 0.4 * drum
    return _finish(sound)


def _plucked(pitch_hz: float, samples: int) -> NDArray[np.float64]:
    time_s = np.arange(samples) / RATE_HZ
    overtones = sum(np.sin(2 * np.pi * pitch_hz * k * time_s) * np.exp(-time_s * 3 * k) / k for k in range(1, 7))
    return np.asarray(overtones)


def _hump(samples: int, rise_ms: float, fall_ms: float) -> NDArray[np.float64]:
    time_ms = np.arange(samples) * 1000 / RATE_HZ
    return np.asarray((1 - np.exp(-time_ms / rise_ms)) * np.exp(-time_ms / fall_ms))


def _filtered(
    sound: NDArray[np.float64], bands: tuple[tuple[float, float, float], ...], hiss: float
) -> NDArray[np.float64]:
    """`sound` with bands (middle in Hz, width in Hz, loudness) let through, and a little of all else."""
    spectrum = np.fft.rfft(sound)
    frequency_hz = np.fft.rfftfreq(len(sound), 1 / RATE_HZ)
    gain = hiss + sum(loud * np.exp(-(((frequency_hz - middle) / width) ** 2)) for middle, width, loud in bands)
    return np.fft.irfft(spectrum * gain, len(sound))


def _finish(sound: NDArray[np.float64]) -> Pcm:
    margin = silence(_MARGIN_MS, RATE_HZ)
    return np.concatenate((margin, (sound * PEAK / np.abs(sound).max()).astype(np.float32), margin))
