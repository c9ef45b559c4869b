"""How times are spread, those that never came included: a turn that is missed has lasted for ever."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, inf, isfinite

from realtime.structs import Frozen


class Spread(Frozen):
    """Percentiles in milliseconds. Infinite ones fell among what was missed; JSON has null for them."""

    count: int
    missed: int
    """Of them, those that never came."""
    p50_ms: float
    p95_ms: float
    worst_ms: float


def spread(times_ms: Sequence[float]) -> Spread:
    """Of times of which there is at least one; infinity is what never came."""
    return Spread(
        count=len(times_ms),
        missed=sum(not isfinite(time) for time in times_ms),
        p50_ms=percentile(times_ms, 50),
        p95_ms=percentile(times_ms, 95),
        worst_ms=max(times_ms),
    )


def percentile(values: Sequence[float], percent: float) -> float:
    """Interpolated between the nearest two, and infinite as soon as the upper one of them is."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    low = floor(place)
    share = place - low
    if not share:
        return ordered[low]
    return inf if ordered[low + 1] == inf else ordered[low] + share * (ordered[low + 1] - ordered[low])


def steps(values: Sequence[float]) -> list[tuple[float, float]]:
    """A rising line: how many of them, in percent, had come by when. It stops short of what never came."""
    ordered = sorted(value for value in values if isfinite(value))
    return [(value, 100 * (place + 1) / len(values)) for place, value in enumerate(ordered)]


def shown_ms(value: float | None) -> str:
    """For a table."""
    if value is None:
        return "–"
    return f"{value:.0f}" if isfinite(value) else "∞"


def shown_share(part: int, whole: int) -> str:
    """For a table: percent, and of how many."""
    return f"{100 * part / whole:.0f} % of {whole}" if whole else "–"
