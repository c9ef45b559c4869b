from __future__ import annotations

import sys
from math import inf
from pathlib import Path
from xml.etree import ElementTree

import pytest

from realtime.bench.chart import Chart, Series
from realtime.bench.errors import BenchFailed
from realtime.bench.plot import check_plot, draw

CHARTS = [
    Chart(
        title="Waiting",
        x="callers",
        y="ms",
        series=[
            Series(name="p50", points=[(1, 300), (8, 500), (16, inf)], labels=["one", "eight", "sixteen"]),
            Series(name="steps", points=[(1, 1), (2, 3)], style="steps"),
            Series(name="points", points=[(1, 1), (inf, 3)], style="points"),
        ],
    ),
    Chart(title="Stops", x="", y="%", series=[Series(name="kinds", points=[("cough", 50), ("echo", 0)], style="bars")]),
]


def words(svg: Path) -> str:
    """The texts of a picture; matplotlib leaves them as comments beside the outlines of their letters."""
    ElementTree.parse(svg)
    return svg.read_text()


def test_charts_become_one_picture(tmp_path: Path) -> None:
    picture = tmp_path / "new" / "load.svg"
    draw(CHARTS, picture, "how it was made")
    text = words(picture)
    assert all(
        f"<!-- {word} -->" in text for word in ("Waiting", "callers", "p50", "eight", "cough", "how it was made")
    )
    assert "<!-- sixteen -->" not in text


def test_the_same_charts_are_the_same_file(tmp_path: Path) -> None:
    first, second = tmp_path / "first.svg", tmp_path / "second.svg"
    draw(CHARTS, first)
    draw(CHARTS, second)
    assert first.read_bytes() == second.read_bytes()


def test_pixels_too(tmp_path: Path) -> None:
    draw(CHARTS, tmp_path / "load.png")
    assert (tmp_path / "load.png").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_drawn_is_said_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BenchFailed, match=r"should end in \.svg or \.png"):
        check_plot(tmp_path / "load.txt")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(BenchFailed, match="`bench` extra"):
        check_plot(tmp_path / "load.svg")


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BenchFailed, match="cannot write"):
        draw(CHARTS, tmp_path / "file" / "load.svg")
