"""What a benchmark leaves behind: tables on the terminal, a file of everything, a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import typer
from rich.console import Console

from realtime.bench.chart import Chart
from realtime.bench.errors import BenchFailed
from realtime.bench.grid import Grid
from realtime.bench.machine import Machine, command_line, describe_machine, load_average
from realtime.bench.plot import check_plot, draw


class Report:
    """Made before anything is measured, so that it knows how the machine was, and what could not be written."""

    def __init__(self, benchmark: str, out: Path | None, plot: Path | None = None, *, markdown: bool = False) -> None:
        """Raises `BenchFailed` when `plot` could not be drawn."""
        self._benchmark = benchmark
        self._out = out
        self._plot = plot
        self._markdown = markdown
        self._machine = describe_machine(command_line())
        if plot:
            check_plot(plot)

    def show(self, grids: Sequence[Grid], remarks: Sequence[str]) -> None:
        """On the terminal."""
        where = _where(self._machine)
        if self._markdown:
            typer.echo("\n".join([f"`{self._machine.command}`\n", f"{where}\n", *(grid.markdown() for grid in grids)]))
            typer.echo("".join(f"- {remark}\n" for remark in remarks))
            return
        console = Console(highlight=False)
        for grid in grids:
            console.print()
            console.print(grid.table())
        console.print(f"\n{where}", style="dim")
        for remark in remarks:
            console.print(remark, style="yellow", markup=False)

    def draw(self, charts: Sequence[Chart]) -> None:
        """Into the picture, if one is wanted. Raises `BenchFailed`."""
        if self._plot:
            draw(charts, self._plot, f"{self._machine.command}\n{_where(self._machine)}")
            say(f"the picture is {self._plot}")

    def write(self, results: dict[str, Any]) -> None:
        """Into the file, if one is wanted; a time that never came is null. Raises `BenchFailed`."""
        if self._out is None:
            return
        everything = {"benchmark": self._benchmark, "machine": self._machine, **results}
        try:
            self._out.parent.mkdir(parents=True, exist_ok=True)
            self._out.write_bytes(msgspec.json.format(msgspec.json.encode(everything), indent=2) + b"\n")
        except OSError as problem:
            raise BenchFailed(f"cannot write {self._out}: {problem.strerror}") from problem
        say(f"everything is in {self._out}")


def say(text: str) -> None:
    """How it goes, beside what is printed at the end."""
    typer.secho(text, dim=True, err=True)


def _where(machine: Machine) -> str:
    return (
        f"{machine.cpu}, {machine.cores} cores, {machine.memory_gib:g} GiB; {machine.python}; "
        f"load average {machine.load_average:g} before, {load_average():g} after; {machine.began}"
    )
