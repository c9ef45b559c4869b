"""When a turn is taken for over: how long after a finished sentence, and how often in the middle of one.

    python bench/turns.py [--clips FOLDER] [--speeches FOLDER] [--plot FILE]

plays the questions of the benchmarks, and the WAV files of one sentence or two in the folder of clips, to the voice
detector, the turn detector and the transcriber; then again, broken off between two words. A break is plain, or the last
quarter of a second before it is drawn out, as people do who search for a word; nobody says "um" in either. Of speeches,
WAV files of up to half a minute, the pauses are taken that the speaker made. Whatever a conversation would know of a
silence, it knows in the time of the sound: a look is answered 64 ms after it, the words are known 128 ms after they
were asked for.

Prints the tables of docs/benchmarks.md, a second of two cores for each silence. It needs the packages of the `local`
extra and the models of `make models`.
"""

from __future__ import annotations

import os
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from silences import Form, Listeners, Silence

from realtime.audio import SPEECH_RATE_HZ, Pcm
from realtime.bench.questions import load_questions
from realtime.codecs.containers import read_audio
from realtime.codecs.resample import resample
from realtime.engines.faster_whisper import open_faster_whisper
from realtime.engines.registry import Workshop
from realtime.engines.scheduler import Scheduler
from realtime.engines.silero import open_silero
from realtime.engines.smart_turn import open_smart_turn
from realtime.models.catalogue import load_catalogue
from realtime.models.store import ModelStore
from realtime.pipeline.eagerness import EAGERNESS
from realtime.pipeline.endpoint import Bar, Knobs
from realtime.settings import load_settings

PAUSES_MS = (400, 700, 1000, 1500)
"""Put in where a clip is broken off."""
SERVER_VAD = {f"server_vad, {ms} ms": Knobs(silence_ms=ms) for ms in (200, 500, 1000)}
WAITS_MS = (640, 1024, 1536, 2048, 3072)
SURE_FROM = (0.5, 0.7, 0.8, 0.85, 0.9, 0.93, 0.96, 0.98)
DELAY_MS, CUT_OFFS = 300, 0.05
"""What is quoted of a sweep."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of silences with certain knobs."""

    delays_ms: Sequence[float]
    """Of the turns that were over."""
    cuts: Mapping[Form, float]
    """Share of pauses in which the turn was taken for over."""

    def delay_ms(self, percent: float) -> float:
        """So many of the turns were decided sooner."""
        return float(np.percentile(self.delays_ms, percent))


def outcome(silences: Sequence[Silence], knobs: Knobs) -> Outcome:
    """Try `knobs`."""
    cuts: dict[Form, list[float]] = {}
    for silence in silences:
        if silence.form in ("plain", "drawn out"):
            delay_ms = silence.delay_ms(knobs)
            cuts.setdefault(silence.form, []).append(sum(delay_ms <= pause for pause in PAUSES_MS) / len(PAUSES_MS))
        elif silence.form != "end":
            cuts.setdefault(silence.form, []).append(silence.end_ms(knobs) < float("inf"))
    delays = [silence.delay_ms(knobs) for silence in silences if silence.form == "end"]
    return Outcome(delays, {form: sum(each) / len(each) for form, each in cuts.items()})


def sweeps() -> Mapping[str, list[Knobs]]:
    """Ways of deciding, each from the most to the least eager."""
    bars = [(sure, wait_ms) for sure in SURE_FROM for wait_ms in WAITS_MS]
    return {
        "silence alone": [Knobs(silence_ms=ms) for ms in range(96, 2048, 32)],
        "sound": [
            Knobs(hush_ms=0, looks_ms=(64, 128), bars=(Bar(first_ms, sure),), silence_ms=wait_ms)
            for first_ms in (192, 320)
            for sure, wait_ms in bars
        ],
        "sound and words": [_with_words(sure, wait_ms) for sure, wait_ms in bars],
    }


def _with_words(sure: float, wait_ms: int) -> Knobs:
    """As `eagerness` has it: of few words, or none, a fourth of the doubt is allowed."""
    strict = 1 - (1 - sure) / 4
    early = (Bar(192, sure, "whole"), Bar(192, strict, "brief"), Bar(320, strict))
    late = (Bar(wait_ms, 0, "whole"), Bar(wait_ms, 0, "brief"), Bar(wait_ms, 0))
    return Knobs(looks_ms=(64, 128), bars=(*early, *late), silence_ms=max(4000, 2 * wait_ms))


def heard(listeners: Listeners, clips: Mapping[str, Pcm], speeches: Mapping[str, Pcm]) -> Iterator[Silence]:
    """All silences."""
    for name, clip in clips.items():
        if end := listeners.end_of(name, clip):
            yield end
        yield from listeners.breaks_of(name, clip)
    for name, speech in {**clips, **speeches}.items():
        yield from listeners.pauses_of(name, speech)


def load(folder: Path | None) -> dict[str, Pcm]:
    """The WAV files in a folder at 16 kHz, each as loud as the questions."""
    clips = {path.stem: resample(read_audio(path.read_bytes()), SPEECH_RATE_HZ).pcm for path in _wavs(folder)}
    return {name: clip * np.float32(0.7 / np.abs(clip).max()) for name, clip in clips.items()}


def _wavs(folder: Path | None) -> list[Path]:
    return sorted(folder.glob("*.wav")) if folder else []


def print_eagerness(silences: Sequence[Silence]) -> None:
    """How the server decides."""
    deaf = [replace(silence, text="") for silence in silences]
    print("| turns end by | delay, ms: p50 | p75 | p95 | cut in, %: drawn out | plain | natural | between sentences |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, knobs in EAGERNESS.items():
        _print_row(f"semantic_vad, {name}", outcome(silences, knobs))
        _print_row("the same, words not known", outcome(deaf, knobs))
    for name, knobs in SERVER_VAD.items():
        _print_row(name, outcome(silences, knobs))


def _print_row(name: str, found: Outcome) -> None:
    forms: tuple[Form, ...] = ("drawn out", "plain", "natural", "between sentences")
    delays = [f"{found.delay_ms(percent):.0f}" for percent in (50, 75, 95)]
    cuts = [f"{100 * found.cuts[form]:.0f}" if form in found.cuts else "–" for form in forms]
    print(f"| {name} | {' | '.join((*delays, *cuts))} |")


Sweep: TypeAlias = Mapping[str, Sequence[Outcome]]


def print_sweep(sweep: Sweep, form: Form) -> None:
    """What each way of deciding comes to at its best."""
    print(
        f"\n| {form} | false cut-offs, %, median delay {DELAY_MS} ms | mean delay, ms, {CUT_OFFS:.0%} false cut-offs |"
    )
    print("| --- | ---: | ---: |")
    for name, found in sweep.items():
        fast = [100 * each.cuts[form] for each in found if each.delay_ms(50) <= DELAY_MS]
        careful = [float(np.mean(each.delays_ms)) for each in found if each.cuts[form] <= CUT_OFFS]
        print(f"| {name} | {' | '.join(f'{min(figures):.0f}' if figures else '–' for figures in (fast, careful))} |")


def plot(silences: Sequence[Silence], sweep: Sweep, file: Path) -> None:
    """Mean delay against false cut-offs, the best of each way of deciding, and where the server stands."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot(
        xlabel="mean delay after the last voiced sample, ms", ylabel="drawn-out breaks cut into, %"
    )
    for name, found in sweep.items():
        points = sorted(_point(each) for each in found)
        best = [point for index, point in enumerate(points) if all(point[1] < other[1] for other in points[:index])]
        axes.plot(*zip(*best, strict=True), label=name)
    for name, knobs in EAGERNESS.items():
        point = _point(outcome(silences, knobs))
        axes.plot(*point, "o", color="black")
        axes.annotate(f" {name}", point)
    axes.set_ylim(0, 60)
    axes.legend()
    figure.savefig(file)


def _point(found: Outcome) -> tuple[float, float]:
    return float(np.mean(found.delays_ms)), 100 * found.cuts["drawn out"]


def main() -> None:
    """Print the tables."""
    parser = ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--clips", type=Path, help="folder of WAV files of one sentence or two")
    parser.add_argument("--speeches", type=Path, help="folder of WAV files of half a minute, for the pauses in them")
    parser.add_argument("--plot", type=Path, help="file for a plot of delay against false cut-offs; needs matplotlib")
    asked = parser.parse_args()
    store = ModelStore(load_settings(None, os.environ, {}).models.directory, load_catalogue())
    workshop = Workshop(model_path=store.path, scheduler=Scheduler(1), threads=1)
    listeners = Listeners(open_silero(workshop), open_smart_turn(workshop), open_faster_whisper(workshop))
    questions = {question.name: resample(question.audio, SPEECH_RATE_HZ).pcm for question in load_questions()}
    silences = list(heard(listeners, questions | load(asked.clips), load(asked.speeches)))
    forms = [silence.form for silence in silences]
    print("silences:", ", ".join(f"{forms.count(form)} {form}" for form in dict.fromkeys(forms)), end="\n\n")
    print_eagerness(silences)
    sweep = {name: [outcome(silences, knobs) for knobs in family] for name, family in sweeps().items()}
    swept: tuple[Form, ...] = ("drawn out", "natural")
    for form in swept:
        if form in forms:
            print_sweep(sweep, form)
    if asked.plot:
        plot(silences, sweep, asked.plot)


if __name__ == "__main__":
    main()
