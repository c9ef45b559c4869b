"""`realtime bench load`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from math import ceil, isfinite
from typing import Annotated, Any

import typer

from realtime.bench import load, load_figures
from realtime.bench.errors import BenchFailed
from realtime.bench.questions import load_questions
from realtime.bench.spread import shown_ms
from realtime.cli.bench import options
from realtime.cli.bench.report import Report, say
from realtime.cli.bench.serving import open_target
from realtime.cli.context import plain_errors
from realtime.cli.talk import KeyOption, ModelOption

MOST_CALLERS = 500
"""More would measure this end of the line."""


def measure_load(
    url: options.UrlOption = None,
    callers: Annotated[
        str, typer.Option(metavar="N[,N…]", help="How many at once; one phase for each number.")
    ] = "1,4,8,16",
    seconds: Annotated[
        float, typer.Option(min=1, max=3600, help="How long each caller asks, a question every 8 s.")
    ] = 60,
    turns: Annotated[
        int | None, typer.Option(min=1, max=500, help="Questions of each caller, in place of --seconds.")
    ] = None,
    session: options.SessionOption = None,
    turn_detection: options.TurnDetectionOption = None,
    key: KeyOption = None,
    model: ModelOption = None,
    out: options.OutOption = None,
    plot: options.PlotOption = None,
    markdown: options.MarkdownOption = False,
) -> None:
    """Report how long callers wait for an answer while many of them talk at once.

    Each holds one call, asks a spoken question every 8 s and waits for the first sound of the answer. Those a full
    server refuses (HTTP status 503) are counted apart. Of a server of its own, what it costs is reported as well.

        realtime bench load --callers 1,8,16 --plot load.svg
    """
    with plain_errors():
        report = Report("load", out, plot, markdown=markdown)
        wanted = options.read_options(session, turn_detection)
        each = turns or ceil(seconds / load.EVERY_S)
        phases = asyncio.run(_load(url, _numbers(callers), each, (key, model), wanted))
        report.show([load_figures.grid(phases)], load_figures.remarks(phases))
        report.draw([load_figures.chart(phases)])
        summary = [load_figures.summary(phase) for phase in phases]
        report.write({"url": url, "session": wanted, "phases": phases, "summary": summary})


def _numbers(callers: str) -> list[int]:
    try:
        numbers = [int(number) for number in callers.split(",")]
    except ValueError:
        numbers = [0]
    if not all(1 <= number <= MOST_CALLERS for number in numbers):
        raise BenchFailed(f"--callers {callers}: numbers from 1 to {MOST_CALLERS}, parted by commas, are expected")
    return numbers


async def _load(
    url: str | None,
    callers: Sequence[int],
    turns: int,
    caller: tuple[str | None, str | None],
    session: dict[str, Any],
) -> list[load.Phase]:
    def tell(what: load.Asked | load.Phase) -> None:
        if isinstance(what, load.Asked):
            found = f"{what.voice_to_voice_ms:.0f} ms" if isfinite(what.voice_to_voice_ms) else "no answer"
            say(f"caller {what.caller + 1}, {what.question or 'hung up'}: {what.problem or found}")
            return
        times = load_figures.summary(what).voice_to_voice
        p50, p95 = (shown_ms(value) for value in ((times.p50_ms, times.p95_ms) if times else (None, None)))
        say(f"{what.callers} callers: p50 {p50} ms, p95 {p95} ms, {what.refused} refused")

    questions = load_questions()
    async with open_target(url, *caller, session) as (target, server):
        return await load.measure(load.Crowd(target, questions, server), callers, turns, tell)
