"""What a spoken question looks like to VoiceFilter's voice encoder, by the audio library it was trained with, and whose
voice it is by the package's own reckoning:

    pip install --target reference librosa open-voicefilter-lite==0.2.0
    PYTHONPATH=reference python -m tools.voicefilter_reference

writes tests/engines/data/voicefilter.npz, which the tests hold the engine against.
"""

from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np
from voicefilter_lite.streaming import StreamingVoiceFilter

from realtime.bench.questions import load_questions
from realtime.engines.voicefilter import FLOOR, FRAME_SAMPLES, HOP_SAMPLES, LOUDNESS, TAPER_SAMPLES

TARGET = Path(__file__).parent.parent / "tests" / "engines" / "data" / "voicefilter.npz"
QUESTION = "ocean"
EVERY = 10
"""Frames of which one is kept."""


def write_reference() -> None:
    """Write `TARGET`."""
    [asked] = [asked for asked in load_questions() if asked.name == QUESTION]
    sound = asked.audio.pcm
    power = librosa.feature.melspectrogram(
        y=sound * (LOUDNESS / np.sqrt(np.mean(sound.astype(np.float64) ** 2))),
        sr=16_000,
        n_fft=FRAME_SAMPLES,
        win_length=TAPER_SAMPLES,
        hop_length=HOP_SAMPLES,
        n_mels=40,
        window="hamming",
        center=True,
        pad_mode="reflect",
    )
    package = StreamingVoiceFilter()
    package.set_enrollment(sound)
    np.savez(
        TARGET,
        spectrum=np.log10(power.T[::EVERY] + FLOOR).astype(np.float32),
        voiceprint=package._dvec.astype(np.float32),
    )


if __name__ == "__main__":
    write_reference()
