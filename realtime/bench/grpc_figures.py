"""What comes of `grpc`: how long a frame takes, and how many streams hold."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite

from realtime.bench.chart import Chart, Series
from realtime.bench.grid import Grid
from realtime.bench.grpc_transforms import Case, Measured, Run
from realtime.caller.microphone import SLIP_LIMIT_MS
from realtime.structs import Frozen


class Summary(Frozen):
    """What one case comes to."""

    case: Case
    p50_ms: float
    """Of one stream."""
    p99_ms: float
    streams: int
    """That hold at once."""
    limited: bool
    """Whether more were not tried."""


def summary(measured: Measured, most: int) -> Summary:
    """Of one case, of which `most` streams were tried at most."""
    alone = measured.alone
    return Summary(
        case=measured.case,
        p50_ms=alone.p50_ms,
        p99_ms=alone.p99_ms,
        streams=measured.most,
        limited=measured.most == most,
    )


def latency_grid(cases: Sequence[Measured]) -> Grid:
    """A row for each case."""
    columns = ("transform, rate, frame", "p50", "p99", "worst", "CPU-ms per stream-s")
    rows = []
    for each in cases:
        alone = each.alone
        rows.append([each.case.name, *_times(alone), _cost(alone)])
    return Grid("One stream: a frame there and back, ms after it was recorded", columns, rows)


def stream_grid(cases: Sequence[Measured], most: int) -> Grid:
    """A row for each case: the most that held, and the fewest that did not."""
    columns = ("transform, rate, frame", "streams", "p50", "p99", "worst", "CPU-ms per stream-s", "p99 of more")
    rows = []
    for each in cases:
        held = [run for run in each.runs if run.streams == each.most and run.held(each.case)]
        others = [run for run in each.runs if run.streams > each.most]
        beyond = min(others, key=lambda run: (run.streams, run.p99_ms), default=None)
        shown = [*_times(held[0]), _cost(held[0])] if held else ["–"] * 4
        more = f"{_shown(beyond.p99_ms)} ({beyond.streams})" if beyond else "not tried"
        rows.append([each.case.name, f"{each.most}{' or more' if each.most == most else ''}", *shown, more])
    return Grid("Streams at once of which 99 of 100 frames are back before the next is due, ms", columns, rows)


def chart(cases: Sequence[Measured]) -> Chart:
    """Lateness against streams: the better try of each number, as long as it can be shown beside the others."""
    series = []
    for each in cases:
        best: dict[float | str, float] = {}
        for run in each.runs:
            best[run.streams] = min(run.p99_ms, best.get(run.streams, inf))
        points = [(streams, late_ms) for streams, late_ms in best.items() if late_ms < 10 * each.case.frame_ms]
        series.append(Series(name=each.case.name, points=sorted(points)))
    return Chart(title="Streams at once", x="streams", y="p99 of a frame there and back, ms", series=series)


def remarks(cases: Sequence[Measured]) -> list[str]:
    """What the reader of the figures must know about this run."""
    said = []
    for each in cases:
        said += [f"{each.case.name}, {run.streams} streams: {run.problem}" for run in each.runs if run.problem]
        late = [run for run in each.runs if run.held(each.case) and run.slip_ms > SLIP_LIMIT_MS]
        said += [
            f"{each.case.name}, {run.streams} streams: the client was up to {run.slip_ms:.0f} ms late itself"
            for run in late
        ]
    return said


def _times(run: Run) -> list[str]:
    return [_shown(value) for value in (run.p50_ms, run.p99_ms, run.worst_ms)]


def _shown(value: float) -> str:
    return f"{value:.1f}" if isfinite(value) else "∞"


def _cost(run: Run) -> str:
    return "–" if run.cpu_ms_per_stream_s is None else f"{run.cpu_ms_per_stream_s:.0f}"
