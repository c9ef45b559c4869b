"""Sounds for transforms, and what can be told of them."""

from __future__ import annotations

import numpy as np

from realtime.audio import Pcm
from realtime.codecs.resample import resample
from realtime.engines.transform import TransformStream
from tests.live import question


def spoken(*names: str, rate_hz: int = 16_000) -> Pcm:
    """Questions, one after the other, half as loud as can be."""
    sound = np.concatenate([resample(question(name), rate_hz).pcm for name in names])
    return sound * np.float32(0.5 / np.abs(sound).max())


def hiss(samples: int, level: float = 0.01, seed: int = 0) -> Pcm:
    """White noise."""
    return np.random.default_rng(seed).normal(0, level, samples).astype(np.float32)


async def pushed(stream: TransformStream, frame_samples: int, sound: Pcm, reference: Pcm | None = None) -> Pcm:
    """What becomes of all whole frames of `sound`."""
    starts = range(0, len(sound) - frame_samples + 1, frame_samples)
    frames = [
        await stream.push(
            sound[at : at + frame_samples], None if reference is None else reference[at : at + frame_samples]
        )
        for at in starts
    ]
    return np.concatenate(frames)


def moved_by(before: Pcm, after: Pcm) -> int:
    """By how many samples `after` lies behind `before`: told by high frequencies, which no filter here moves."""
    size = 2 * max(len(before), len(after))
    first, second = (np.fft.rfft(np.diff(sound), size) for sound in (before, after))
    return int(np.argmax(np.fft.irfft(second * np.conj(first), size)[: size // 2]))


def si_sdr_db(clean: Pcm, sound: Pcm) -> float:
    """How much more of `sound` is `clean`, however loud, than is not."""
    target = clean * (np.dot(sound, clean) / np.dot(clean, clean))
    return float(10 * np.log10(np.sum(target**2) / np.sum((sound - target) ** 2)))
