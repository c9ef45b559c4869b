"""What comes of `turns`: how late a turn is over, beside how often it is taken for over too soon.

One never stands without the other: a server that waits 200 ms is fast, and cuts into every pause.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import inf, isfinite

from realtime.bench.chart import Chart, Series
from realtime.bench.grid import Grid
from realtime.bench.spread import Spread, shown_ms, shown_share, spread, steps
from realtime.bench.turns import OWN_PAUSE_MS, PAUSES_MS, Case, How
from realtime.caller.microphone import SLIP_LIMIT_MS
from realtime.structs import Frozen

BROKEN: tuple[How, ...] = ("drawn out", "plain")
CUT_SHARE = 0.05
DELAY_MS = 300.0


class Cuts(Frozen):
    """How many breaks of one kind were cut into, by the length of the pause that followed."""

    how: How
    breaks: int
    cut: dict[int, int]
    """Pause in ms → breaks at which the turn was over before it was."""


class Summary(Frozen):
    """What one setting comes to."""

    delay: Spread
    """From the last voiced sample of a whole clip to the end of its turn; missed ends are infinite."""
    cuts: list[Cuts]
    cut_share: float
    """Of all breaks and all pauses of `PAUSES_MS`."""
    own_pauses: int
    own_cuts: int
    """Of the clips' own pauses, whole clips only."""


class Setting(Frozen):
    """One way to detect turns, and what came of it."""

    name: str
    summary: Summary
    cases: list[Case]


class Trade(Frozen):
    """A point on the curve of one family of settings, between two that were measured; null outside them."""

    family: str
    cut_share_at_300_ms: float | None
    """Cut-ins at a median delay of 300 ms."""
    delay_ms_at_5_percent: float | None
    """Median delay at 5 % of cut-ins."""


def setting(name: str, cases: Sequence[Case]) -> Setting:
    """Of one run over `cases`, whole clips among them. A call that broke off missed its end and cut into nothing."""
    whole = [case for case in cases if case.how == "whole"]
    cuts = [_cuts(how, [case for case in cases if case.how == how and not case.problem]) for how in BROKEN]
    possible = sum(each.breaks for each in cuts) * len(PAUSES_MS)
    summary = Summary(
        delay=spread([case.stop_ms for case in whole]),
        cuts=cuts,
        cut_share=sum(sum(each.cut.values()) for each in cuts) / possible if possible else 0.0,
        own_pauses=sum(case.own_pauses for case in whole),
        own_cuts=sum(case.own_cuts for case in whole),
    )
    return Setting(name=name, summary=summary, cases=list(cases))


def trades(settings: Sequence[Setting]) -> list[Trade]:
    """For each family of at least two settings: `server_vad:200` is of the family `server_vad`."""
    families: dict[str, list[tuple[float, float]]] = {}
    for each in settings:
        point = (each.summary.delay.p50_ms, each.summary.cut_share)
        families.setdefault(each.name.partition(":")[0], []).append(point)
    return [
        Trade(
            family=family,
            cut_share_at_300_ms=_between(points, DELAY_MS),
            delay_ms_at_5_percent=_between([(share, delay_ms) for delay_ms, share in points], CUT_SHARE),
        )
        for family, points in families.items()
        if len(points) > 1
    ]


def grid(settings: Sequence[Setting]) -> Grid:
    """A row for each setting: delays beside cut-ins."""
    columns = (
        "turns end by",
        "delay, ms: p50",
        "p95",
        "missed",
        *(f"cut in, %: {how}" for how in BROKEN),
        f"pauses of the clips' own, over {OWN_PAUSE_MS} ms",
    )
    title = f"Ends of turns, and pauses of {', '.join(map(str, PAUSES_MS))} ms taken for them"
    return Grid(title, columns, [_row(each) for each in settings])


def pause_grid(settings: Sequence[Setting]) -> Grid:
    """A row for each setting: cut-ins by the length of the pause."""
    rows = [
        [
            each.name,
            *(
                " / ".join(_percent(cuts.cut[pause_ms], cuts.breaks) for cuts in each.summary.cuts)
                for pause_ms in PAUSES_MS
            ),
        ]
        for each in settings
    ]
    columns = ("turns end by", *(f"{pause_ms} ms" for pause_ms in PAUSES_MS))
    return Grid(f"Cut in by the length of the pause, %: {' / '.join(BROKEN)}", columns, rows)


def trade_grid(found: Sequence[Trade]) -> Grid:
    """A row for each family."""
    rows = [
        [
            trade.family,
            "–" if trade.cut_share_at_300_ms is None else f"{100 * trade.cut_share_at_300_ms:.0f}",
            shown_ms(trade.delay_ms_at_5_percent),
        ]
        for trade in found
    ]
    columns = ("family", f"cut in, %, at {DELAY_MS:.0f} ms of delay", f"delay, ms, at {CUT_SHARE:.0%} cut in")
    return Grid("Between the settings (p50 of the delay; all breaks and pauses)", columns, rows)


def charts(settings: Sequence[Setting]) -> list[Chart]:
    """Delay against cut-ins, and cut-ins against the length of the pause."""
    families: dict[str, list[Setting]] = {}
    for each in settings:
        families.setdefault(each.name.partition(":")[0], []).append(each)
    curves = []
    for family, members in families.items():
        ordered = sorted(members, key=lambda each: each.summary.delay.p50_ms)
        points: list[tuple[float | str, float]] = [
            (each.summary.delay.p50_ms, 100 * each.summary.cut_share) for each in ordered
        ]
        curves.append(Series(name=family, points=points, labels=[each.name for each in ordered]))
    pauses = [
        Series(
            name=each.name, points=[*steps([case.stop_ms for case in each.cases if case.how in BROKEN])], style="steps"
        )
        for each in settings
    ]
    return [
        Chart(
            title="Delay against cut-ins",
            x="ms to the end of a turn, p50",
            y="% of pauses cut into",
            series=curves,
            shares=True,
        ),
        Chart(
            title="Cut-ins by the length of the pause",
            x="pause, ms",
            y="% of breaks cut into",
            series=pauses,
            shares=True,
        ),
    ]


def remarks(settings: Sequence[Setting]) -> list[str]:
    """What the reader of the figures must know about this run."""
    said = []
    for each in settings:
        missed = [case.clip for case in each.cases if case.how == "whole" and not isfinite(case.stop_ms)]
        broken = [case.problem for case in each.cases if case.problem]
        late = [case.slip_ms for case in each.cases if case.slip_ms > SLIP_LIMIT_MS]
        if missed:
            said.append(f"{each.name}: the end was missed of {', '.join(missed)}")
        if broken:
            said.append(f"{each.name}: {len(broken)} calls broke off: {broken[0]}")
        if late:
            said.append(f"{each.name}: the caller itself was late in {len(late)} calls, by up to {max(late):.0f} ms")
    return said


def _cuts(how: How, cases: Sequence[Case]) -> Cuts:
    cut = {pause_ms: sum(case.stop_ms <= pause_ms for case in cases) for pause_ms in PAUSES_MS}
    return Cuts(how=how, breaks=len(cases), cut=cut)


def _row(each: Setting) -> list[str]:
    found = each.summary
    return [
        each.name,
        shown_ms(found.delay.p50_ms),
        shown_ms(found.delay.p95_ms),
        f"{found.delay.missed} of {found.delay.count}",
        *(_percent(sum(cuts.cut.values()), cuts.breaks * len(PAUSES_MS)) for cuts in found.cuts),
        shown_share(found.own_cuts, found.own_pauses),
    ]


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f}" if whole else "–"


def _between(points: list[tuple[float, float]], x: float) -> float | None:
    """y at `x` on the lines between the points, the lowest where there are several; none beyond them."""
    known = sorted(point for point in points if inf not in point)
    found = [
        y0 + (y1 - y0) * (x - x0) / (x1 - x0) if x1 > x0 else min(y0, y1)
        for (x0, y0), (x1, y1) in pairwise(known)
        if x0 <= x <= x1
    ]
    return min(found, default=None)
