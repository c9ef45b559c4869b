"""The server a benchmark calls: the one that was named, or one of its own."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from realtime.bench.own_server import OwnServer, own_server
from realtime.bench.target import Target
from realtime.cli.bench.report import say


@asynccontextmanager
async def open_target(
    url: str | None, key: str | None, model: str | None, session: dict[str, Any]
) -> AsyncIterator[tuple[Target, OwnServer | None]]:
    """The server at `url`, or one that is started on this machine and stopped at the end of the context.

    Raises `BenchFailed` when it does not start. Cancelling stops it.
    """
    if url:
        yield Target(url, key, model, session), None
        return
    async with own_process({}) as server:
        yield Target(server.url, key, model, session), server


@asynccontextmanager
async def own_process(settings: dict[str, str]) -> AsyncIterator[OwnServer]:
    """A server of the benchmark's own, under this environment and `settings`. Raises `BenchFailed`."""
    say("starting a server")
    async with own_server({**os.environ, **settings}) as server:
        yield server
