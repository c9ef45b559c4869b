"""Bars appear for models that are fetched, and only for those."""

from __future__ import annotations

import io

from rich.console import Console

from realtime.models.progress import progress_bars, quiet


def test_a_bar_per_model_with_its_bytes() -> None:
    screen = io.StringIO()
    with progress_bars(Console(file=screen, width=120)) as report:
        report("whisper", 0, None)
        report("whisper", 30_000_000, 75_000_000)
        report("silero", 2_000_000, 2_000_000)
    assert screen.getvalue().count("whisper") == 1
    assert "30.0/75.0 MB" in screen.getvalue()
    assert "2.0/2.0 MB" in screen.getvalue()


def test_nothing_fetched_draws_nothing() -> None:
    screen = io.StringIO()
    with progress_bars(Console(file=screen, width=120)):
        pass
    assert screen.getvalue().strip() == ""


def test_nobody_has_to_watch() -> None:
    quiet("whisper", 1, None)
