"""What hearing costs, and how much is misheard: Whisper with more and less effort.

    python bench/transcription.py [FOLDER]

hears the questions of the benchmarks, and the recordings in FOLDER if one is given (WAV files, and a `transcripts.json`
that lists `{"file", "text"}`), in quiet, in noise, over the telephone, and joined to longer turns: with the effort that
the engine takes, with single steps of it, and with Whisper's own, the full window and a beam of 5. Prints the tables of
docs/benchmarks.md in three to ten minutes on two cores. Times are those of the processor, not of the clock: other work
on the machine disturbs them less. It needs the packages of the `local` extra, the models of `make models`, and jiwer,
which comes with the packages for development.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import process_time

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
from realtime.engines.whisper_effort import WINDOW_FRAMES, Effort, long_window, short_window
from realtime.models.catalogue import load_catalogue
from realtime.models.store import ModelStore
from realtime.settings import load_settings

JOINED = 4
"""Clips in a longer turn."""
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class Clip:
    """Somebody speaks, at 16 kHz."""

    pcm: Pcm
    text: str


def load_clips(folder: Path | None, questions: bool = True) -> list[Clip]:
    """The questions, unless they are not wanted, and what lies in `folder`."""
    asked = load_questions() if questions else ()
    clips = [Clip(resample(question.audio, SPEECH_RATE_HZ).pcm, question.text) for question in asked]
    for listed in json.loads((folder / "transcripts.json").read_text()) if folder else []:
        audio = read_audio((folder / listed["file"]).read_bytes()) if folder else None
        assert audio
        clips.append(Clip(resample(audio, SPEECH_RATE_HZ).pcm, listed["text"]))
    return clips


def in_noise(voice_db: float) -> Callable[[Clip], Clip]:
    """Pink noise, as of a room, so much softer than the voice."""

    def mix(clip: Clip) -> Clip:
        spectrum = np.fft.rfft(np.random.default_rng(0).normal(size=len(clip.pcm)))
        noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 1)), len(clip.pcm))
        level = np.sqrt(np.mean(clip.pcm**2) / np.mean(noise**2)) * 10 ** (-voice_db / 20)
        return Clip((clip.pcm + level * noise).astype(np.float32), clip.text)

    return mix


def by_telephone(clip: Clip) -> Clip:
    """8 kHz, μ-law."""
    codec = find_codec("audio/pcmu")
    sent = codec.encode(resample(Audio(clip.pcm, SPEECH_RATE_HZ), codec.rate_hz).pcm)
    return Clip(resample(Audio(codec.decoder().decode(sent), codec.rate_hz), SPEECH_RATE_HZ).pcm, clip.text)


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


POINTS: dict[str, Callable[[int], Iterable[Effort] | None]] = {
    "short window, greedy": lambda samples: [Effort(short_window(samples), 1)],
    "short window, beam 5": lambda samples: [Effort(short_window(samples), 5)],
    "**as the engine does it**": lambda _: None,
    "16 s window, beam 5": lambda samples: [Effort(long_window(samples), 5)],
    "full window, beam 5": lambda _: [Effort(WINDOW_FRAMES, 5)],
}
"""The last one is what all others are compared with."""


@dataclass
class Tally:
    """What came of hearing some clips."""

    said: int = 0
    wrong: int = 0
    clips: int = 0
    ms: float = 0.0

    def add(self, other: Tally) -> None:
        """Other clips, too."""
        self.said += other.said
        self.wrong += other.wrong
        self.clips += other.clips
        self.ms += other.ms

    def row(self, full: Tally) -> str:
        """Words wrong in percent, milliseconds a clip, and of the time of the full window."""
        return f"{100 * self.wrong / self.said:.1f} | {self.ms / self.clips:.0f} | {self.ms / full.ms:.2f}"


def hear(whisper: FasterWhisper, clip: Clip, efforts: Iterable[Effort] | None) -> Tally:
    """One clip."""
    began_s = process_time()
    heard = "".join(segment.text for segment in whisper.hear_turn(clip.pcm, Listening(), efforts))
    took_ms = (process_time() - began_s) * 1000
    words = jiwer.process_words(plain(clip.text), plain(heard) or "-")
    wrong = words.substitutions + words.deletions + words.insertions
    return Tally(len(plain(clip.text).split()), wrong, 1, took_ms)


def main() -> None:
    """Print the tables."""
    clips = load_clips(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    conditions = {
        "quiet": clips,
        "noise, 10 dB below the voice": [in_noise(10)(clip) for clip in clips],
        "noise, 5 dB below the voice": [in_noise(5)(clip) for clip in clips],
        "telephone, 8 kHz": [by_telephone(clip) for clip in clips],
        f"{JOINED} clips in one turn": list(joined(clips)),
    }
    store = ModelStore(load_settings(None, os.environ, {}).models.directory, load_catalogue())
    whisper = open_faster_whisper(Workshop(model_path=store.path, scheduler=Scheduler(1), threads=1, options={}))
    points = list(POINTS)
    print("| sound | turn, s | full: words wrong, % | ms | as the engine does it: words wrong, % | ms | of full |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    single = {name: Tally() for name in points}
    for condition, sounds in conditions.items():
        tallies = {name: Tally() for name in points}
        for clip in sounds:
            for name, efforts in POINTS.items():
                tallies[name].add(hear(whisper, clip, efforts(len(clip.pcm))))
        full, ours = tallies[points[-1]], tallies[points[2]]
        seconds = sum(len(clip.pcm) for clip in sounds) / len(sounds) / SPEECH_RATE_HZ
        first = " | ".join(full.row(full).split(" | ")[:2])
        print(f"| {condition} | {seconds:.1f} | {first} | {ours.row(full)} |", flush=True)
        if sounds is not list(conditions.values())[-1]:
            for name in points:
                single[name].add(tallies[name])
    print("\n| one sentence, all conditions | words wrong, % | ms | of full |\n| --- | ---: | ---: | ---: |")
    for name in points:
        print(f"| {name} | {single[name].row(single[points[-1]])} |")


if __name__ == "__main__":
    main()
