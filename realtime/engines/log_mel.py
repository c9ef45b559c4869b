"""Sound as Whisper's encoder takes it: how loud each of 80 bands is, 100 times a second, on a scale of decades.

Bands and scale are those of Slaney's auditory toolbox (linear below 1 kHz, logarithmic above), frames are centred, and
the sound is mirrored at both ends. Written in numpy, so that an engine needs no audio library for it.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from realtime.audio import SPEECH_RATE_HZ, Pcm

BANDS = 80
FRAME_SAMPLES = 400
HOP_SAMPLES = 160
DECADES = 8.0
"""What is softer than the loudest by more than this counts as this much softer."""

LINEAR_HZ_PER_MEL = 200 / 3
LOGARITHMIC_FROM_HZ = 1000.0
LOG_STEP = np.log(6.4) / 27
"""From there on, each mel is this much more on the natural logarithm of the frequency."""

_QUIETEST = 1e-10


def _band_edges_hz() -> NDArray[np.float64]:
    """Where the bands begin, peak and end, evenly spaced in mel from 0 to half the rate: each ends where the one after
    the next begins."""
    top_hz, bend = SPEECH_RATE_HZ / 2, LOGARITHMIC_FROM_HZ / LINEAR_HZ_PER_MEL
    mels = np.linspace(0, bend + np.log(top_hz / LOGARITHMIC_FROM_HZ) / LOG_STEP, BANDS + 2)
    above = LOGARITHMIC_FROM_HZ * np.exp(LOG_STEP * (mels - bend))
    return np.where(mels < bend, mels * LINEAR_HZ_PER_MEL, above)


def _bands() -> NDArray[np.float32]:
    """The bands' shares in each frequency of a frame, shape (201, 80): triangles of equal area."""
    edges = _band_edges_hz()
    begins, peaks, ends = edges[:-2], edges[1:-1], edges[2:]
    hz = np.linspace(0, SPEECH_RATE_HZ / 2, FRAME_SAMPLES // 2 + 1)[:, None]
    rising, falling = (hz - begins) / (peaks - begins), (ends - hz) / (ends - peaks)
    triangles = np.maximum(0, np.minimum(rising, falling)) * 2 / (ends - begins)
    return triangles.astype(np.float32)


_BANDS = _bands()
_WINDOW = np.hanning(FRAME_SAMPLES + 1)[:-1].astype(np.float32)


def log_mel(sound: Pcm) -> NDArray[np.float32]:
    """The spectrum of `sound`, shape (n,) at 16 kHz: shape (80, n // 160), most of it between -1 and 1."""
    framed = sliding_window_view(np.pad(sound, FRAME_SAMPLES // 2, mode="reflect"), FRAME_SAMPLES)[::HOP_SAMPLES]
    spectrum = np.fft.rfft(framed[: len(sound) // HOP_SAMPLES] * _WINDOW)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    bands = np.log10(np.maximum(power @ _BANDS, _QUIETEST))
    scaled: NDArray[np.float32] = (np.maximum(bands, bands.max() - DECADES) + 4) / 4
    return np.ascontiguousarray(scaled.T)
