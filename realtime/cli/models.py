"""`realtime models`: the files the engines run on."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from realtime.cli.context import ConfigOption, open_store, plain_errors, read_settings
from realtime.models.progress import progress_bars
from realtime.models.store import ModelStore

app = typer.Typer(
    no_args_is_help=True,
    help="Fetch, list and check model files. They are kept in one folder and shared by everything that runs here.",
)

Names = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME]...", help="Models of the catalogue; by default, the default ones.")
]


@app.command("list")
def list_models(config: ConfigOption = None) -> None:
    """Show every model of the catalogue and whether it is here."""
    with plain_errors():
        store = open_store(read_settings(config))
        table = Table("name", "kind", "size", "state", "licence", "what it is", box=None, pad_edge=False)
        for standing in store.status():
            model = standing.model
            size = f"{model.size_bytes / 1e6:.1f} MB" if model.size_bytes else "?"
            name = f"{model.name} *" if model.default else model.name
            table.add_row(name, model.kind, size, standing.state, model.licence, model.description)
        console = Console()
        console.print(table)
        console.print(f"\n* needed by the default configuration; kept in {store.root}", highlight=False)


@app.command()
def pull(names: Names = None, config: ConfigOption = None) -> None:
    """Fetch models that are not here yet; one that was interrupted goes on where it stopped."""
    with plain_errors():
        store = open_store(read_settings(config))
        wanted = _wanted(names, store)
        with progress_bars() as progress:
            store.pull(wanted, progress)
        typer.echo(f"{len(wanted)} models ready in {store.root}")


@app.command()
def verify(names: Names = None, config: ConfigOption = None) -> None:
    """Read every file again and compare it with the catalogue; exit status 1 if one is missing or damaged."""
    with plain_errors():
        store = open_store(read_settings(config))
        findings = store.verify(_wanted(names, store))
    for finding in findings:
        typer.echo(f"{finding.state:8} {finding.model}  {finding.path}")
    if any(finding.state != "ok" for finding in findings):
        raise typer.Exit(1)


@app.command()
def path(name: str, config: ConfigOption = None) -> None:
    """Print where a model lies."""
    with plain_errors():
        typer.echo(open_store(read_settings(config)).path(name))


def _wanted(names: list[str] | None, store: ModelStore) -> list[str]:
    return names or list(store.catalogue.defaults)
