"""What hearing costs, and how much is misheard: Whisper through a short window and through its full one.

    python bench/transcription.py [FOLDER]

hears the questions of the benchmarks, and the recordings in FOLDER if one is given (WAV files, and a `transcripts.json`
that lists `{"file", "text"}`), in quiet, noise, noise taken out again, over the telephone, spoken faster, and joined to
longer turns. Prints the table of docs/benchmarks.md in two to three minutes on two cores. It needs the packages of the
`local` extra, the models of `make models`, and jiwer, which comes with the packages for development.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Literal

import jiwer
import numpy as np

from realtime.audio import SPEECH_RATE_HZ, Audio, Pcm, silence
from realtime.bench.questions import load_questions
from realtime.codecs import find_codec
from realtime.codecs.containers import read_audio
from realtime.codecs.resample import resample
from realtime.engines.base import Listening
from realtime.engines.faster_whisper import FasterWhisper, open_faster_whisper
from realtime.engines.registry import Workshop
from realtime.engines.scheduler import Scheduler
from realtime.engines.webrtc import Webrtc
from realtime.models.catalogue import load_catalogue
from realtime.models.store import ModelStore
from realtime.settings import load_settings

NOISE_DB = 5
"""How much louder the voice is than the noise."""
JOINED = 4
"""Clips in a longer turn."""
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class Clip:
    """Somebody speaks, at 16 kHz."""

    pcm: Pcm
    text: str


def load_clips(folder: Path | None) -> list[Clip]:
    """The questions, and what lies in `folder`."""
    clips = [Clip(resample(question.audio, SPEECH_RATE_HZ).pcm, question.text) for question in load_questions()]
    for listed in json.loads((folder / "transcripts.json").read_text()) if folder else []:
        audio = read_audio((folder / listed["file"]).read_bytes()) if folder else None
        assert audio
        clips.append(Clip(resample(audio, SPEECH_RATE_HZ).pcm, listed["text"]))
    return clips


def in_noise(clip: Clip) -> Clip:
    """Pink noise, as of a room."""
    spectrum = np.fft.rfft(np.random.default_rng(0).normal(size=len(clip.pcm)))
    noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 1)), len(clip.pcm))
    level = np.sqrt(np.mean(clip.pcm**2) / np.mean(noise**2)) * 10 ** (-NOISE_DB / 20)
    return Clip((clip.pcm + level * noise).astype(np.float32), clip.text)


def cleaned(distance: Literal["near_field", "far_field"]) -> Callable[[Clip], Clip]:
    """The same noise, taken out again."""

    def clean(clip: Clip) -> Clip:
        stream = Webrtc().stream(SPEECH_RATE_HZ, distance)
        return Clip(np.concatenate((stream.push(in_noise(clip).pcm), stream.flush())), clip.text)

    return clean


def by_telephone(clip: Clip) -> Clip:
    """8 kHz, μ-law."""
    codec = find_codec("audio/pcmu")
    sent = codec.encode(resample(Audio(clip.pcm, SPEECH_RATE_HZ), codec.rate_hz).pcm)
    return Clip(resample(Audio(codec.decoder().decode(sent), codec.rate_hz), SPEECH_RATE_HZ).pcm, clip.text)


def faster(clip: Clip) -> Clip:
    """A tenth faster, and higher."""
    return Clip(resample(Audio(clip.pcm, 17_600), SPEECH_RATE_HZ).pcm, clip.text)


def joined(clips: list[Clip]) -> Iterator[Clip]:
    """Longer turns, with pauses."""
    pause = silence(400, SPEECH_RATE_HZ)
    for start in range(0, len(clips), JOINED):
        some = clips[start : start + JOINED]
        sound = np.concatenate([part for clip in some for part in (clip.pcm, pause)])
        yield Clip(sound, " ".join(clip.text for clip in some))


def plain(text: str) -> str:
    """Words as they sound: no case, no punctuation, no figures."""
    said = re.findall(r"[a-z0-9']+", text.lower().replace("mr.", "mister"))
    return " ".join(DIGITS[int(word)] if word.isdigit() and len(word) == 1 else word for word in said)


def measure(whisper: FasterWhisper, clips: list[Clip]) -> tuple[float, float]:
    """Words wrong, as a share of all, and milliseconds a clip."""
    began_s = perf_counter()
    heard = ["".join(segment.text for segment in whisper.hear_turn(clip.pcm, Listening())) for clip in clips]
    took_ms = (perf_counter() - began_s) * 1000 / len(clips)
    return jiwer.wer([plain(clip.text) for clip in clips], [plain(text) for text in heard]), took_ms


def main() -> None:
    """Print the table."""
    clips = load_clips(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    conditions = {
        "quiet": clips,
        f"noise, {NOISE_DB} dB below the voice": [in_noise(clip) for clip in clips],
        "the same, near_field": [cleaned("near_field")(clip) for clip in clips],
        "the same, far_field": [cleaned("far_field")(clip) for clip in clips],
        "telephone, 8 kHz": [by_telephone(clip) for clip in clips],
        "a tenth faster": [faster(clip) for clip in clips],
        f"{JOINED} clips in one turn": list(joined(clips)),
    }
    store = ModelStore(load_settings(None, os.environ, {}).models.directory, load_catalogue())
    engines = {
        window: open_faster_whisper(
            Workshop(model_path=store.path, scheduler=Scheduler(1), threads=1, options={"window": window})
        )
        for window in ("full", "short")
    }
    print("| sound | turn, s | full: words wrong, % | ms | short: words wrong, % | ms |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, sounds in conditions.items():
        seconds = sum(len(clip.pcm) for clip in sounds) / len(sounds) / SPEECH_RATE_HZ
        figures = [f"{100 * wer:.1f} | {ms:.0f}" for wer, ms in (measure(each, sounds) for each in engines.values())]
        print(f"| {name} | {seconds:.1f} | {' | '.join(figures)} |", flush=True)


if __name__ == "__main__":
    main()
