"""What comes of the conversations of `grpc`: both doors' times, and what one adds to the other's."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from realtime.bench import latency
from realtime.bench.chart import Chart, Series
from realtime.bench.grid import Grid
from realtime.bench.grpc_conversation import FIGURES, Figure, Round, Summary, asked_over, known, summaries
from realtime.bench.spread import percentile, shown_ms, steps
from realtime.caller.turn import Stage

CHARTED: tuple[Stage, ...] = ("speech stopped", "first audio")

_SHOWN: dict[Figure, str] = {
    "on the way": "first audio, less the server's own time",
    "processor time": "processor time of a turn",
}


def grids(rounds: Sequence[Round]) -> list[Grid]:
    """For each door but the first, beside the first, a row for each figure that either has."""
    first, *others = summaries(rounds)
    return [_grid(rounds, first, other) for other in others]


def chart(rounds: Sequence[Round]) -> Chart:
    """How many turns had come how far by when, over each door."""
    series = [
        Series(
            name=f"{stage}, {door}",
            points=[*steps([asked.latencies_ms.get(stage, inf) for asked in asked_over(door, rounds)])],
            style="steps",
        )
        for stage in CHARTED
        for door in rounds[0].visits
    ]
    x = "ms after the last voiced sample"
    return Chart(title="The same questions over each door", x=x, y="% of turns", series=series, shares=True)


def remarks(rounds: Sequence[Round]) -> list[str]:
    """What the reader of the figures must know about this run."""
    said = []
    for door in rounds[0].visits:
        said += [f"{door}: {remark}" for remark in latency.remarks(asked_over(door, rounds))]
    differing = sum(len({visit.asked.said for visit in each.visits.values()}) > 1 for each in rounds)
    if differing:
        said.append(f"in {differing} of {len(rounds)} rounds the answers were not the same: so are not their lengths")
    return said


def _grid(rounds: Sequence[Round], first: Summary, other: Summary) -> Grid:
    title = (
        f"{other.door} beside {first.door}, ms after the last voiced sample, {len(rounds)} questions; "
        "added: differences between answers to the same question"
    )
    columns = ["stage"]
    columns += [f"{door.door}, {part}" for door in (first, other) for part in ("p50", "p95")]
    columns += ["added, p50", "p25", "p75"]
    rows = []
    for figure in FIGURES:
        cells = [cell for door in (first, other) for cell in _cells(rounds, door.door, figure)]
        if any(cell != "–" for cell in cells):
            rows.append([_SHOWN.get(figure, figure), *cells, *_added(other, figure)])
    return Grid(title, columns, rows)


def _cells(rounds: Sequence[Round], door: str, figure: Figure) -> list[str]:
    """A figure that a door never has is not told there; where it is missing only in some turns, it never came."""
    values = known(door, rounds, figure)
    values += [inf] * (len(rounds) - len(values)) if values else []
    return [shown_ms(percentile(values, percent) if values else None) for percent in (50, 95)]


def _added(door: Summary, figure: Figure) -> list[str]:
    added = door.added.get(figure)
    return [f"{value:+.1f}" for value in (added.p50_ms, added.p25_ms, added.p75_ms)] if added else ["–"] * 3
