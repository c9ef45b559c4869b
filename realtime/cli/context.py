"""What the commands have in common: how settings and models are found, and how an error looks."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from realtime.errors import RealtimeError
from realtime.models.catalogue import load_catalogue
from realtime.models.store import ModelStore
from realtime.settings import Settings, load_settings

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="FILE", help="A TOML file; docs/configuration.md lists what it may say."),
]


@contextmanager
def plain_errors() -> Iterator[None]:
    """An error that a person can mend is one line and exit status 1; a bug keeps its traceback."""
    try:
        yield
    except RealtimeError as problem:
        typer.secho(f"realtime: {problem}", fg="red", err=True)
        raise typer.Exit(1) from None


def read_settings(config: Path | None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """The settings of the file, the environment and the command line."""
    return load_settings(config, os.environ, overrides or {})


def open_store(settings: Settings) -> ModelStore:
    """The model files of this machine."""
    return ModelStore(settings.models.directory, load_catalogue(settings.models.extra))
