"""`realtime` and its commands."""

from __future__ import annotations

from typing import Annotated

import typer

from realtime import __version__
from realtime.cli import bench, models
from realtime.cli.backend import backend
from realtime.cli.serve import serve
from realtime.cli.speech import say, transcribe
from realtime.cli.talk import talk

app = typer.Typer(
    name="realtime",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="A voice agent server that speaks the OpenAI Realtime protocol, on models that run on this machine.",
    epilog="First `realtime models pull`, then `realtime serve`, then open the address it prints and talk.",
)
app.command()(serve)
app.command()(backend)
app.command()(transcribe)
app.command()(say)
app.command()(talk)
app.add_typer(models.app, name="models")
app.add_typer(bench.app, name="bench")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"realtime {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Everything is a command; see `realtime COMMAND --help`."""
