"""`realtime bench`: how fast the server answers, and what a conversation costs it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from realtime.bench import latency, listening
from realtime.bench.errors import BenchFailed
from realtime.bench.grid import Grid
from realtime.bench.machine import Machine, command_line, describe_machine, load_average
from realtime.bench.own_server import own_server
from realtime.bench.questions import load_questions
from realtime.bench.room import Phase
from realtime.cli.context import plain_errors
from realtime.cli.talk import KeyOption, ModelOption

app = typer.Typer(
    no_args_is_help=True,
    help="Measure a server. docs/benchmarks.md says how each figure is made, and what it was on which machine.",
)

OutOption = Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="A JSON file for everything.")]
MarkdownOption = Annotated[bool, typer.Option("--markdown", help="Print tables for docs/benchmarks.md.")]


@app.command("latency")
def measure_latency(
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="A running server; by default one is started and stopped.")
    ] = None,
    turns: Annotated[int, typer.Option(min=1, help="Questions to ask, one after another.")] = 20,
    key: KeyOption = None,
    model: ModelOption = None,
    out: OutOption = None,
    markdown: MarkdownOption = False,
) -> None:
    """Ask spoken questions in real time and report how long each step of the answer takes.

    Every time is in milliseconds from the last voiced sample of the question to the moment the step's event reached
    this end of the line: the server noticed that speech had stopped, the final transcript, the language model's first
    token, the first sound of the answer, its end.
    """
    with plain_errors():
        machine = describe_machine(command_line())
        results = asyncio.run(_latency(url, turns, key, model))
        spreads = latency.spreads(results)
        _show([latency.turn_grid(results), latency.summary_grid(results)], latency.remarks(results), machine, markdown)
        _write(out, {"benchmark": "latency", "machine": machine, "turns": results, "summary": spreads})


@app.command("listening")
def measure_listening(
    conversations: Annotated[int, typer.Option(min=2, help="How many at once.")] = 50,
    seconds: Annotated[float, typer.Option(min=1, help="How long each number of them is measured.")] = 60,
    out: OutOption = None,
    markdown: MarkdownOption = False,
) -> None:
    """Report what one more open microphone costs a server of its own while nobody speaks."""
    with plain_errors():
        machine = describe_machine(command_line())
        phases = asyncio.run(_listening(conversations, seconds))
        _show([listening.phase_grid(phases), listening.cost_grid(phases)], listening.remarks(phases), machine, markdown)
        found = {"cost": listening.cost(phases), "growth": listening.growth(phases[-1])}
        _write(out, {"benchmark": "listening", "machine": machine, "phases": phases, "summary": found})


async def _latency(url: str | None, turns: int, key: str | None, model: str | None) -> list[latency.Asked]:
    questions = load_questions()

    def tell(asked: latency.Asked) -> None:
        first = asked.latencies_ms.get("first audio")
        _say(f"{asked.text}  {f'{first:.0f} ms' if first is not None else asked.problem or 'no answer'}")

    async with _server(url) as address:
        return await latency.measure(address, questions, turns, key=key, model=model, tell=tell)


async def _listening(conversations: int, seconds: float) -> list[Phase]:
    def tell(phase: Phase) -> None:
        _say(
            f"{phase.conversations} conversations: {phase.cpu_ms_per_s:.1f} CPU-ms per second, {phase.rss_mib:.0f} MiB"
        )

    room = {"REALTIME_SERVER__MAX_CONVERSATIONS": str(conversations)}
    async with own_server({**os.environ, **room}) as server:
        return await listening.measure(server, conversations, seconds, tell)


@asynccontextmanager
async def _server(url: str | None) -> AsyncIterator[str]:
    if url:
        yield url
        return
    _say("starting a server")
    async with own_server(os.environ) as server:
        yield server.url


def _show(grids: list[Grid], remarks: list[str], machine: Machine, markdown: bool) -> None:
    where = (
        f"{machine.cpu}, {machine.cores} cores, {machine.memory_gib:g} GiB; {machine.python}; "
        f"load average {machine.load_average:g} before, {load_average():g} after; {machine.began}"
    )
    if markdown:
        typer.echo("\n".join([f"`{machine.command}`\n", f"{where}\n", *(grid.markdown() for grid in grids)]))
        typer.echo("".join(f"- {remark}\n" for remark in remarks))
        return
    console = Console(highlight=False)
    for grid in grids:
        console.print()
        console.print(grid.table())
    console.print(f"\n{where}", style="dim")
    for remark in remarks:
        console.print(remark, style="yellow")


def _write(out: Path | None, results: dict[str, Any]) -> None:
    if out is None:
        return
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")
    except OSError as problem:
        raise BenchFailed(f"cannot write {out}: {problem.strerror}") from problem
    _say(f"everything is in {out}")


def _say(text: str) -> None:
    typer.secho(text, dim=True, err=True)
