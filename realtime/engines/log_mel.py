"""Sound as Whisper's encoder takes it: how loud each of 80 bands is, 100 times a second, on a scale of decades.

Frames are centred, and the sound is mirrored at both ends.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from realtime.audio import SPEECH_RATE_HZ, Pcm
from realtime.engines.mel_bands import mel_bands

BANDS = 80
FRAME_SAMPLES = 400
HOP_SAMPLES = 160
DECADES = 8.0
"""What is softer than the loudest by more than this counts as this much softer."""

_QUIETEST = 1e-10

_BANDS = mel_bands(BANDS, FRAME_SAMPLES, SPEECH_RATE_HZ)
_WINDOW = np.hanning(FRAME_SAMPLES + 1)[:-1].astype(np.float32)


def log_mel(sound: Pcm) -> NDArray[np.float32]:
    """The spectrum of `sound`, shape (n,) at 16 kHz: shape (80, n // 160), most of it between -1 and 1."""
    framed = sliding_window_view(np.pad(sound, FRAME_SAMPLES // 2, mode="reflect"), FRAME_SAMPLES)[::HOP_SAMPLES]
    spectrum = np.fft.rfft(framed[: len(sound) // HOP_SAMPLES] * _WINDOW)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    bands = np.log10(np.maximum(power @ _BANDS, _QUIETEST))
    scaled: NDArray[np.float32] = (np.maximum(bands, bands.max() - DECADES) + 4) / 4
    return np.ascontiguousarray(scaled.T)
