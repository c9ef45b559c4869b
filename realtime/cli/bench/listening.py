"""`realtime bench listening`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from realtime.bench import listening
from realtime.bench.room import Phase
from realtime.cli.bench import options
from realtime.cli.bench.report import Report, say
from realtime.cli.bench.serving import own_process
from realtime.cli.context import plain_errors


def measure_listening(
    conversations: Annotated[int, typer.Option(min=2, help="How many at once.")] = 50,
    seconds: Annotated[float, typer.Option(min=1, help="How long each number of them is measured.")] = 60,
    out: options.OutOption = None,
    markdown: options.MarkdownOption = False,
) -> None:
    """Report what one more open microphone costs a server of its own while nobody speaks."""
    with plain_errors():
        report = Report("listening", out, markdown=markdown)
        phases = asyncio.run(_listening(conversations, seconds))
        report.show([listening.phase_grid(phases), listening.cost_grid(phases)], listening.remarks(phases))
        found = {"cost": listening.cost(phases), "growth": listening.growth(phases[-1])}
        report.write({"phases": phases, "summary": found})


async def _listening(conversations: int, seconds: float) -> list[Phase]:
    def tell(phase: Phase) -> None:
        say(f"{phase.conversations} conversations: {phase.cpu_ms_per_s:.1f} CPU-ms per second, {phase.rss_mib:.0f} MiB")

    async with own_process({"REALTIME_SERVER__MAX_CONVERSATIONS": str(conversations)}) as server:
        return await listening.measure(server, conversations, seconds, tell)
