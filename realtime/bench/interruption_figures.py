"""What comes of `interruptions`: how many stops were meant, how many that were meant happened, and how fast."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import get_args

from realtime.bench.chart import Chart, Series
from realtime.bench.grid import Grid
from realtime.bench.interruptions import REAL, Kind, Trial
from realtime.bench.spread import Spread, shown_ms, shown_share, spread, steps
from realtime.caller.microphone import SLIP_LIMIT_MS
from realtime.structs import Frozen


class Share(Frozen):
    """Of the sounds of one kind that were heard in an answer, those that stopped it."""

    kind: Kind
    trials: int
    stopped: int


class Summary(Frozen):
    """What a run comes to. An answer that was stopped before the sound began was stopped falsely, whatever it was."""

    precision: float | None
    """Of all stops, the share that was meant; null when nothing was stopped."""
    recall: float | None
    """Of all interruptions that were meant, the share that stopped the answer; null without any."""
    false_stops: int
    too_early: int
    """Of those, answers that were stopped before the sound began."""
    stop: Spread | None
    """From the first voiced sample of real interruptions to the stop; those that were talked over are infinite."""
    quiet: Spread | None
    """The same for a client that knows `response.output_audio.ducked`, and is quiet from the first of both."""
    kinds: list[Share]
    not_tried: int
    """Trials without an answer, or with one that was over too soon."""


def summary(trials: Sequence[Trial]) -> Summary:
    """Over all trials."""
    counted = [trial for trial in trials if trial.counts]
    heard = [trial for trial in counted if trial.outcome != "stopped too early"]
    meant = [trial for trial in heard if trial.kind in REAL]
    right = sum(trial.stopped for trial in meant)
    stops = sum(trial.stopped for trial in counted)
    kinds = [
        Share(kind=kind, trials=len(of_kind), stopped=sum(trial.stopped for trial in of_kind))
        for kind in get_args(Kind)
        if (of_kind := [trial for trial in heard if trial.kind == kind])
    ]
    return Summary(
        precision=right / stops if stops else None,
        recall=right / len(meant) if meant else None,
        false_stops=stops - right,
        too_early=len(counted) - len(heard),
        stop=spread([_ms(trial.stop_ms) for trial in meant]) if meant else None,
        quiet=spread([min(_ms(trial.ducked_ms), _ms(trial.stop_ms)) for trial in meant]) if meant else None,
        kinds=kinds,
        not_tried=len(trials) - len(counted),
    )


def trial_grid(trials: Sequence[Trial]) -> Grid:
    """A row for each sound."""
    rows = [
        [
            trial.sound,
            trial.kind,
            trial.outcome,
            shown_ms(trial.ducked_ms),
            shown_ms(trial.stop_ms),
            trial.stopped_by.removeprefix("input_audio_buffer."),
        ]
        for trial in trials
    ]
    return Grid("Each sound", ("sound", "kind", "the answer", "lowered, ms after the onset", "stopped", "by"), rows)


def summary_grid(trials: Sequence[Trial]) -> Grid:
    """A row for each kind, and what they come to."""
    found = summary(trials)
    rows = [
        [
            f"{share.kind}: {'stopped' if share.kind in REAL else 'falsely stopped'}",
            shown_share(share.stopped, share.trials),
        ]
        for share in found.kinds
    ]
    rows += [
        ["stopped before the sound began", shown_share(found.too_early, len(trials) - found.not_tried)],
        ["precision: of the stops, those that were meant", _percent(found.precision)],
        ["recall: of those that were meant, the stops", _percent(found.recall)],
        ["onset of a real interruption to the stop, ms, p50 / p95", _both(found.stop)],
        ["the same to the voice lowered or stopped", _both(found.quiet)],
    ]
    return Grid("Interruptions", ("", "figure"), rows)


def charts(trials: Sequence[Trial]) -> list[Chart]:
    """Stops by kind of sound, and how soon the real ones came."""
    found = summary(trials)
    bars: list[tuple[float | str, float]] = [(share.kind, 100 * share.stopped / share.trials) for share in found.kinds]
    times = [_ms(trial.stop_ms) for trial in trials if trial.kind in REAL and trial.outcome in ("stopped", "went on")]
    return [
        Chart(
            title="What stops an answer",
            x="",
            y="% of sounds that stopped it",
            series=[Series(name="stopped", points=bars, style="bars")],
            shares=True,
        ),
        Chart(
            title="How soon",
            x="ms after the onset of a real interruption",
            y="% of them that have stopped the answer",
            series=[Series(name="stopped", points=[*steps(times)], style="steps")],
            shares=True,
        ),
    ]


def remarks(trials: Sequence[Trial]) -> list[str]:
    """What the reader of the figures must know about this run."""
    silent = [trial for trial in trials if trial.outcome == "no answer"]
    short = [trial.sound for trial in trials if trial.outcome == "answer too short"]
    early = [trial.sound for trial in trials if trial.outcome == "stopped too early"]
    late = [trial.slip_ms for trial in trials if trial.slip_ms > SLIP_LIMIT_MS]
    said = []
    if silent:
        said.append(f"{len(silent)} of {len(trials)} trials had no answer to talk into: {silent[0].problem}")
    if short:
        said.append(f"the answer was over before anything could stop it: {', '.join(short)}")
    if early:
        said.append(f"the answer was stopped before anything was said: {', '.join(early)}")
    if late:
        said.append(f"the caller itself was late in {len(late)} trials, by up to {max(late):.0f} ms: they are doubtful")
    return said


def _ms(time_ms: float | None) -> float:
    return inf if time_ms is None else time_ms


def _both(times: Spread | None) -> str:
    return f"{shown_ms(times.p50_ms)} / {shown_ms(times.p95_ms)}" if times else "–"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f} %"
