"""`realtime bench turns`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import Annotated, Any

import typer

from realtime.bench import turn_figures, turns
from realtime.bench.breaks import load_clips
from realtime.bench.errors import BenchFailed
from realtime.bench.questions import Question, load_questions
from realtime.bench.target import read_turn_detection, session_with
from realtime.cli.bench import options
from realtime.cli.bench.report import Report, say
from realtime.cli.bench.serving import open_target
from realtime.cli.context import plain_errors
from realtime.cli.talk import KeyOption, ModelOption

SWEEP = (
    *(f"semantic_vad:{eagerness}" for eagerness in ("low", "medium", "high")),
    *(f"server_vad:{silence_ms}" for silence_ms in (200, 300, 500, 700, 1000)),
)


def measure_turns(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[FOLDER]", help="WAV files of a sentence or two to play besides the questions."),
    ] = None,
    url: options.UrlOption = None,
    sweep: Annotated[bool, typer.Option("--sweep", help=f"Each of these in turn: {', '.join(SWEEP)}.")] = False,
    at_once: Annotated[
        int, typer.Option("--at-once", min=1, max=64, help="Calls at a time: sooner done, and the server busier.")
    ] = 1,
    clips: Annotated[int | None, typer.Option("--clips", min=1, help="Play only so many of the clips.")] = None,
    session: options.SessionOption = None,
    turn_detection: options.TurnDetectionOption = None,
    key: KeyOption = None,
    model: ModelOption = None,
    out: options.OutOption = None,
    plot: options.PlotOption = None,
    markdown: options.MarkdownOption = False,
) -> None:
    """Report how late a turn is taken for over, and how often in a pause in the middle of it.

    Spoken clips are played in real time: whole, for the delay from the last voiced sample to the server's
    `speech_stopped` (or that it never came), and broken off between two words with pauses of 400 to 1500 ms, for the
    share of them that the server cuts into. About three minutes for each setting with one call at a time.

        realtime bench turns --sweep --at-once 4 --plot turns.svg
    """
    with plain_errors():
        report = Report("turns", out, plot, markdown=markdown)
        wanted = {turn_detection or "the session as it is": options.read_options(session, turn_detection)}
        if sweep:
            if turn_detection:
                raise BenchFailed("--sweep brings its own turn detection: leave --turn-detection out")
            base = options.read_options(session, None)
            wanted = {name: session_with(base, read_turn_detection(name)) for name in SWEEP}
        played = [*load_questions(), *load_clips(folder)][:clips]
        settings = asyncio.run(_turns(url, played, at_once, (key, model), wanted))
        trades = turn_figures.trades(settings)
        grids = [turn_figures.grid(settings), turn_figures.pause_grid(settings)]
        grids += [turn_figures.trade_grid(trades)] if trades else []
        report.show(grids, turn_figures.remarks(settings))
        report.draw(turn_figures.charts(settings))
        summary = {"settings": {each.name: each.summary for each in settings}, "trades": trades}
        report.write({"url": url, "sessions": wanted, "settings": settings, "summary": summary})


async def _turns(
    url: str | None,
    clips: Sequence[Question],
    at_once: int,
    caller: tuple[str | None, str | None],
    sessions: dict[str, dict[str, Any]],
) -> list[turn_figures.Setting]:
    def tell(case: turns.Case) -> None:
        stopped = f"over after {case.stop_ms:.0f} ms" if isfinite(case.stop_ms) else case.problem or "not over"
        say(f"{case.clip}, {case.how}{'' if case.how == 'whole' else f' at {case.at_ms} ms'}: {stopped}")

    cases = turns.cases_of(clips)
    settings: list[turn_figures.Setting] = []
    async with open_target(url, *caller, {}) as (target, _):
        for name, session in sessions.items():
            say(f"turns end by {name}")
            results = await turns.measure(target.with_session(session), cases, at_once, tell)
            settings.append(turn_figures.setting(name, results))
    return settings
