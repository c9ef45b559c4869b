"""What comes of `load`: how long callers wait, by how many there are."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from realtime.bench.chart import Chart, Series
from realtime.bench.grid import Grid
from realtime.bench.load import EVERY_S, Phase
from realtime.bench.spread import Spread, shown_ms, shown_share, spread
from realtime.caller.microphone import SLIP_LIMIT_MS
from realtime.structs import Frozen


class Summary(Frozen):
    """What one number of callers comes to."""

    callers: int
    refused: int
    dropped: int
    cut_into: int
    voice_to_voice: Spread | None
    """Of all questions of those who were on the line; null when all were refused."""


def summary(phase: Phase) -> Summary:
    """Of one phase. A question without an answer before the next has waited for ever."""
    return Summary(
        callers=phase.callers,
        refused=phase.refused,
        dropped=phase.dropped,
        cut_into=sum(asked.turns > 1 for asked in phase.asked),
        voice_to_voice=spread([asked.voice_to_voice_ms for asked in phase.asked]) if phase.asked else None,
    )


def grid(phases: Sequence[Phase]) -> Grid:
    """A row for each phase."""
    columns = (
        "callers",
        "refused (503)",
        "dropped",
        "p50",
        "p95",
        "worst",
        "no answer",
        "cut into",
        "CPU-ms per session-s",
        "RSS, MiB",
        "loop late, worst ms",
    )
    title = f"Voice to voice, ms, one question every {EVERY_S:g} s each (event loop: since the server's start)"
    return Grid(title, columns, [_row(phase) for phase in phases])


def chart(phases: Sequence[Phase]) -> Chart:
    """Waiting against callers."""
    found = [(each.callers, each.voice_to_voice) for phase in phases if (each := summary(phase)).voice_to_voice]
    series = [
        Series(name=name, points=[(callers, getattr(times, field)) for callers, times in found])
        for name, field in (("p50", "p50_ms"), ("p95", "p95_ms"))
    ]
    return Chart(title="Callers at once", x="callers", y="voice to voice, ms", series=series)


def remarks(phases: Sequence[Phase]) -> list[str]:
    """What the reader of the figures must know about this run."""
    said = []
    for phase in phases:
        problems = [asked.problem for asked in phase.asked if asked.problem]
        missed = sum(not isfinite(asked.voice_to_voice_ms) for asked in phase.asked)
        if missed:
            said.append(
                f"{phase.callers} callers: {missed} of {len(phase.asked)} questions were not answered in time"
                f"{': ' if problems else ''}{problems[0] if problems else ''}"
            )
        if phase.slip_ms > SLIP_LIMIT_MS:
            said.append(
                f"{phase.callers} callers: they were up to {phase.slip_ms:.0f} ms late themselves: doubtful figures"
            )
    return said


def _row(phase: Phase) -> list[str]:
    found = summary(phase)
    times = found.voice_to_voice
    return [
        str(phase.callers),
        str(phase.refused),
        str(phase.dropped),
        *(shown_ms(value) for value in ((times.p50_ms, times.p95_ms, times.worst_ms) if times else (None,) * 3)),
        shown_share(times.missed, times.count) if times else "–",
        shown_share(found.cut_into, times.count) if times else "–",
        "–" if phase.cpu_ms_per_session_s is None else f"{phase.cpu_ms_per_session_s:.1f}",
        "–" if phase.rss_mib is None else f"{phase.rss_mib:.0f}",
        shown_ms(phase.lag.get("worst_ms")),
    ]
