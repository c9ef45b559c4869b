"""`realtime bench interruptions`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from realtime.bench import interruption_figures, interruptions
from realtime.bench.errors import BenchFailed
from realtime.cli.bench import options
from realtime.cli.bench.report import Report, say
from realtime.cli.bench.serving import open_target
from realtime.cli.context import plain_errors
from realtime.cli.talk import KeyOption, ModelOption


def measure_interruptions(
    url: options.UrlOption = None,
    request: Annotated[
        str, typer.Option(metavar="TEXT", help="What the caller asks for, in writing; the answer should be long.")
    ] = interruptions.REQUEST,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="WORD", help="Only sounds with this in their name or kind; may be repeated."),
    ] = None,
    session: options.SessionOption = None,
    turn_detection: options.TurnDetectionOption = None,
    key: KeyOption = None,
    model: ModelOption = None,
    out: options.OutOption = None,
    plot: options.PlotOption = None,
    markdown: options.MarkdownOption = False,
) -> None:
    """Report what stops an answer: words that are meant to, "uh-huh", a cough, or the answer's own echo.

    The caller listens to a long answer and lets one sound after another happen, each in a call of its own: precision
    (of the stops, those that were meant), recall (of those that were meant, the stops), and how soon. About three
    minutes.

        realtime bench interruptions --only backchannel --only echo
    """
    with plain_errors():
        report = Report("interruptions", out, plot, markdown=markdown)
        wanted = options.read_options(session, turn_detection)
        trials = asyncio.run(_interruptions(url, request, _sounds(only), (key, model), wanted))
        grids = [interruption_figures.trial_grid(trials), interruption_figures.summary_grid(trials)]
        report.show(grids, interruption_figures.remarks(trials))
        report.draw(interruption_figures.charts(trials))
        summary = interruption_figures.summary(trials)
        report.write({"url": url, "session": wanted, "request": request, "trials": trials, "summary": summary})


def _sounds(only: list[str] | None) -> list[interruptions.Sound]:
    sounds = [
        sound
        for sound in interruptions.load_sounds()
        if not only or any(word in f"{sound.kind} {sound.name}" for word in only)
    ]
    if not sounds:
        raise BenchFailed(f"no sound is called {' or '.join(only or [])}")
    return sounds


async def _interruptions(
    url: str | None,
    request: str,
    sounds: Sequence[interruptions.Sound],
    caller: tuple[str | None, str | None],
    session: dict[str, Any],
) -> list[interruptions.Trial]:
    def tell(trial: interruptions.Trial) -> None:
        after = f" after {trial.stop_ms:.0f} ms" if trial.stop_ms is not None else ""
        say(f"{trial.kind}, {trial.sound}: {trial.problem or trial.outcome}{after}")

    async with open_target(url, *caller, session) as (target, _):
        return await interruptions.measure(target, sounds, request, tell)
