"""What a caller says: sound, and where in it somebody is speaking.

Answers are timed from the last voiced sample, so it must be known without asking the server that is being timed.
Speech is told from quiet by its loudness, in frames of 10 ms: voiced is what lies within 35 dB of the clip's loudest
frame and clearly above its quietest ones. That is exact for clean recordings; in a noisy one the end of the voice is
where the noise takes over, and a recording that ends in loud noise ends "voiced".
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from realtime.audio import Audio, Pcm
from realtime.caller.errors import NotSound
from realtime.codecs.containers import read_audio
from realtime.codecs.resample import resample
from realtime.errors import InvalidRequest

RATE_HZ = 24_000
"""The rate of `audio/pcm`: what is sent and what comes back."""

MAX_CLIP_S = 300.0

_FRAME = RATE_HZ // 100
_BELOW_LOUDEST_DB = 35.0
_ABOVE_NOISE_DB = 10.0
_QUIETEST_SPEECH_DB = -55.0
"""Below full scale. A clip that is never louder holds no speech."""


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Sound at `RATE_HZ` in which somebody speaks."""

    pcm: Pcm
    voiced: NDArray[np.int64]
    """For each voiced frame of 10 ms, ascending, the sample after its last; never empty."""

    @property
    def voice_end(self) -> int:
        """The sample after the last voiced one."""
        return int(self.voiced[-1])

    def voice_end_before(self, sample: int) -> int:
        """The sample after the last voiced one that comes before `sample`: where the turn that ends there fell silent.

        A turn that ends before any voice has no such place, and is taken to end with the first voiced frame.
        """
        return int(self.voiced[max(int(np.searchsorted(self.voiced, sample, side="right")) - 1, 0)])


def make_clip(audio: Audio) -> Clip:
    """`audio` as something to say. Raises `NotSound` when nobody speaks in it."""
    pcm = resample(audio, RATE_HZ).pcm
    voiced = _voiced_frames(pcm)
    if not len(voiced):
        raise NotSound("there is nothing to say: the sound is silent from beginning to end")
    return Clip(pcm, (voiced + 1) * _FRAME)


def read_clip(path: Path) -> Clip:
    """The clip in a sound file. Raises `NotSound`, naming the file; reads and converts, so not for an event loop."""
    try:
        return make_clip(read_audio(path, max_s=MAX_CLIP_S))
    except OSError as problem:
        raise NotSound(f"cannot read {path}: {problem.strerror or problem}") from problem
    except InvalidRequest as problem:
        raise NotSound(f"{path}: {problem.message}") from problem
    except NotSound as problem:
        raise NotSound(f"{path}: {problem}") from problem


def _voiced_frames(pcm: Pcm) -> NDArray[np.int64]:
    frames = pcm[: len(pcm) // _FRAME * _FRAME].reshape(-1, _FRAME)
    if not len(frames):
        return np.zeros(0, np.int64)
    level_db = 10 * np.log10(np.square(frames).mean(axis=1) + 1e-12)
    loudest = float(level_db.max())
    if loudest < _QUIETEST_SPEECH_DB:
        return np.zeros(0, np.int64)
    noise = float(np.percentile(level_db, 5))
    # A clip without a pause has no quiet frames to know the noise by; then its loudness alone decides.
    threshold = max(loudest - _BELOW_LOUDEST_DB, min(noise, loudest - 2 * _ABOVE_NOISE_DB) + _ABOVE_NOISE_DB)
    return np.flatnonzero(level_db >= threshold)
