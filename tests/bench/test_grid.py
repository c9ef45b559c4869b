from __future__ import annotations

from rich.console import Console

from realtime.bench.grid import Grid

GRID = Grid("Times, ms", ("stage", "p50", "p95"), [["first | audio", "100", "200"], ["done", "–", "1000"]])


def test_for_a_page() -> None:
    assert GRID.markdown() == (
        "**Times, ms**\n"
        "\n"
        "| stage | p50 | p95 |\n"
        "| --- | ---: | ---: |\n"
        "| first \\| audio | 100 | 200 |\n"
        "| done | – | 1000 |\n"
    )


def test_for_a_terminal() -> None:
    console = Console(width=80, color_system=None)
    with console.capture() as shown:
        console.print(GRID.table())
    assert [line.split() for line in shown.get().splitlines()] == [
        ["Times,", "ms"],
        ["stage", "p50", "p95"],
        ["first", "|", "audio", "100", "200"],
        ["done", "–", "1000"],
    ]
