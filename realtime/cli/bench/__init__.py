"""`realtime bench`: how fast a server answers, how well it takes turns, and what conversations cost it."""

from __future__ import annotations

import typer

from realtime.cli.bench.grpc import measure_grpc
from realtime.cli.bench.interruptions import measure_interruptions
from realtime.cli.bench.latency import measure_latency
from realtime.cli.bench.listening import measure_listening
from realtime.cli.bench.load import measure_load
from realtime.cli.bench.turns import measure_turns

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="Measure a server of the OpenAI Realtime API: this one, or any other with `--url`.",
    epilog="docs/benchmarks.md says how each figure is made, and what it was on which machine.",
)
app.command("latency")(measure_latency)
app.command("turns")(measure_turns)
app.command("interruptions")(measure_interruptions)
app.command("load")(measure_load)
app.command("listening")(measure_listening)
app.command("grpc")(measure_grpc)
