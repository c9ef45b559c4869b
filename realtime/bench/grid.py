"""A table of figures, for a terminal and for a page of documentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table


@dataclass(frozen=True, slots=True)
class Grid:
    """A title, the columns' names, and rows of cells. The first column is words, the others figures."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def table(self) -> Table:
        """For the terminal."""
        table = Table(title=self.title, title_justify="left", box=None, pad_edge=False, title_style="bold")
        for place, column in enumerate(self.columns):
            table.add_column(column, justify="right" if place else "left", overflow="fold")
        for row in self.rows:
            table.add_row(*row)
        return table

    def markdown(self) -> str:
        """For docs/benchmarks.md."""
        lines = [
            _line(self.columns),
            _line(["---", *["---:"] * (len(self.columns) - 1)]),
            *(_line([cell.replace("|", "\\|") for cell in row]) for row in self.rows),
        ]
        return f"**{self.title}**\n\n" + "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
