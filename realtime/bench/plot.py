"""Charts into a picture, one below the other. No screen is needed, and matplotlib only where something is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

from realtime.bench.chart import Chart, Series
from realtime.bench.errors import BenchFailed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS = (".svg", ".png", ".pdf")
_WIDTH_INCHES, _HEIGHT_INCHES = 8, 4.5
_CAPTION_LETTERS = 130


def check_plot(path: Path) -> None:
    """Before anything is measured: whether charts could be drawn into `path`. Raises `BenchFailed`."""
    if path.suffix.lower() not in FORMATS:
        raise BenchFailed(f"{path} is no picture that can be drawn: its name should end in {' or '.join(FORMATS)}")
    try:
        import matplotlib  # of the extra `bench`: nothing else needs it  # noqa: F401
    except ModuleNotFoundError:
        raise BenchFailed("plots need the package matplotlib: install the project with its `bench` extra") from None


def draw(charts: Sequence[Chart], path: Path, caption: str = "") -> None:
    """Draw `charts` into `path`, `caption` below them. Raises `BenchFailed` when the file cannot be written."""
    check_plot(path)
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH_INCHES, _HEIGHT_INCHES * len(charts)), layout="constrained")
    for axes, chart in zip(figure.subplots(len(charts), squeeze=False)[:, 0], charts, strict=True):
        _draw_chart(axes, chart)
    if caption:
        lines = [line for each in caption.splitlines() for line in wrap(each, _CAPTION_LETTERS)]
        figure.supxlabel("\n".join(lines), fontsize=7, color="gray")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with rc_context({"svg.hashsalt": "realtime"}):  # the same figures make the same file
            figure.savefig(path, metadata={"Date": None} if path.suffix.lower() == ".svg" else None)
    except OSError as problem:
        raise BenchFailed(f"cannot write {path}: {problem.strerror}") from problem


def _draw_chart(axes: Axes, chart: Chart) -> None:
    for series in chart.series:
        _draw_series(axes, series)
    axes.set(title=chart.title, xlabel=chart.x, ylabel=chart.y)
    axes.set_ylim(bottom=0, top=105 if chart.shares else None)
    if not any(series.style == "bars" for series in chart.series):
        axes.set_xlim(left=0)
    axes.grid(alpha=0.3)
    if len(chart.series) > 1:
        axes.legend(fontsize="small")


def _draw_series(axes: Axes, series: Series) -> None:
    points = [(x, y) for x, y in series.points if isfinite(y) and (isinstance(x, str) or isfinite(x))]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    match series.style:
        case "bars":
            axes.bar(xs, ys, label=series.name)
        case "points":
            axes.plot(xs, ys, "o", label=series.name)
        case "steps":
            axes.step(xs, ys, where="post", label=series.name)
        case "line":
            axes.plot(xs, ys, marker="o", label=series.name)
    if series.labels:
        for (x, y), label in zip(series.points, series.labels, strict=True):
            if isfinite(y) and (isinstance(x, str) or isfinite(x)):
                axes.annotate(label, (x, y), textcoords="offset points", xytext=(5, 4), fontsize=7)
