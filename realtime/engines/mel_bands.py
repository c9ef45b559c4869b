"""The bands of Slaney's auditory toolbox, linear below 1 kHz and logarithmic above, in which models hear.

Written in numpy, so that an engine needs no audio library for it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LINEAR_HZ_PER_MEL = 200 / 3
LOGARITHMIC_FROM_HZ = 1000.0
LOG_STEP = np.log(6.4) / 27
"""From there on, each mel is this much more on the natural logarithm of the frequency."""


def mel_bands(bands: int, frame_samples: int, rate_hz: int) -> NDArray[np.float32]:
    """The bands' shares in each frequency of a frame, shape (frame_samples // 2 + 1, bands): triangles of equal area,
    from 0 to half the rate."""
    edges = _edges_hz(bands, rate_hz / 2)
    begins, peaks, ends = edges[:-2], edges[1:-1], edges[2:]
    hz = np.linspace(0, rate_hz / 2, frame_samples // 2 + 1)[:, None]
    rising, falling = (hz - begins) / (peaks - begins), (ends - hz) / (ends - peaks)
    triangles = np.maximum(0, np.minimum(rising, falling)) * 2 / (ends - begins)
    return triangles.astype(np.float32)


def _edges_hz(bands: int, top_hz: float) -> NDArray[np.float64]:
    """Where the bands begin, peak and end, evenly spaced in mel: each ends where the one after the next begins."""
    bend = LOGARITHMIC_FROM_HZ / LINEAR_HZ_PER_MEL
    mels = np.linspace(0, bend + np.log(top_hz / LOGARITHMIC_FROM_HZ) / LOG_STEP, bands + 2)
    above = LOGARITHMIC_FROM_HZ * np.exp(LOG_STEP * (mels - bend))
    return np.where(mels < bend, mels * LINEAR_HZ_PER_MEL, above)
