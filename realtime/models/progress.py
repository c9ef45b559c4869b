"""How a pull says how far it is, and bars on a terminal that show it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from rich.console import Console

Progress: TypeAlias = Callable[[str, int, int | None], None]
"""Called with a model's name, the bytes fetched so far and the bytes in all, None while nobody knows.

A model that is in place already is not mentioned; one that was fetched is last mentioned with both numbers equal. It
may be called from a thread of the downloader's. What it raises stops the pull; the next pull goes on from there.
"""


def quiet(name: str, done_bytes: int, total_bytes: int | None) -> None:
    """Progress nobody watches."""


@contextmanager
def progress_bars(console: Console | None = None) -> Iterator[Progress]:
    """One bar per model being fetched, drawn on `console` (default: the terminal) while the context is open."""
    # Imported here because only a terminal needs it: a server start should not pay for it.
    from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    tasks: dict[str, TaskID] = {}
    with Bars(*columns, TimeRemainingColumn(), console=console) as bars:

        def show(name: str, done_bytes: int, total_bytes: int | None) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=None)
            bars.update(tasks[name], completed=done_bytes, total=total_bytes)

        yield show
