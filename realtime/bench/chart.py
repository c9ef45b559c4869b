"""A chart as data: what is drawn, not how. `plot` draws it; nothing else knows the library that does."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from realtime.structs import Frozen

Style: TypeAlias = Literal["line", "steps", "points", "bars"]


class Series(Frozen):
    """One line of a chart, or one set of points or bars."""

    name: str
    points: list[tuple[float | str, float]]
    """x and y; x in words for bars. What is infinite is not drawn."""
    style: Style = "line"
    labels: list[str] = msgspec.field(default_factory=list)
    """Beside each point, if they are named."""


class Chart(Frozen):
    """One pair of axes."""

    title: str
    x: str
    y: str
    series: list[Series]
    shares: bool = False
    """Whether y is in percent: then it ends at 100."""
