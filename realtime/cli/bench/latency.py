"""`realtime bench latency`."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from realtime.bench import latency
from realtime.bench.questions import load_questions
from realtime.cli.bench import options
from realtime.cli.bench.report import Report, say
from realtime.cli.bench.serving import open_target
from realtime.cli.context import plain_errors
from realtime.cli.talk import KeyOption, ModelOption


def measure_latency(
    url: options.UrlOption = None,
    turns: Annotated[int, typer.Option(min=1, help="Questions to ask, one after another.")] = 20,
    session: options.SessionOption = None,
    turn_detection: options.TurnDetectionOption = None,
    key: KeyOption = None,
    model: ModelOption = None,
    out: options.OutOption = None,
    plot: options.PlotOption = None,
    markdown: options.MarkdownOption = False,
) -> None:
    """Ask spoken questions in real time and report how long each step of the answer takes.

    Every time is in milliseconds from the last voiced sample of the question to the moment the step's event reached
    this end of the line: the server noticed that speech had stopped, the final transcript, the language model's first
    token, the first sound of the answer, its end. Beside them stands how many questions were cut into.

        realtime bench latency --turn-detection semantic_vad:high --plot latency.svg
    """
    with plain_errors():
        report = Report("latency", out, plot, markdown=markdown)
        wanted = options.read_options(session, turn_detection)
        results = asyncio.run(_latency(url, turns, key, model, wanted))
        report.show([latency.turn_grid(results), latency.summary_grid(results)], latency.remarks(results))
        report.draw([latency.chart(results)])
        report.write({"url": url, "session": wanted, "turns": results, "summary": latency.summary(results)})


async def _latency(
    url: str | None, turns: int, key: str | None, model: str | None, session: dict[str, Any]
) -> list[latency.Asked]:
    def tell(asked: latency.Asked) -> None:
        first = asked.latencies_ms.get("first audio")
        say(f"{asked.text}  {f'{first:.0f} ms' if first is not None else asked.problem or 'no answer'}")

    questions = load_questions()
    async with open_target(url, key, model, session) as (target, _):
        return await latency.measure(target, questions, turns, tell)
