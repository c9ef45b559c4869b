"""Calling one backend, in the clear."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from realtime.backend.remote.channels import Channels
from realtime.backend.remote.connection import Connection, make_line


@asynccontextmanager
async def dial(address: str, key: str | None = None) -> AsyncIterator[Channels]:
    """The calls of the backend at `address`, `host:port`, for as long as the context lasts; those that go on end with
    it. `key` is shown if there is one. Nothing is connected before the first call.

    Raises `BadConfiguration` for what is no address.
    """
    channels = Channels(make_line(address, Connection(token=key or "")))
    try:
        yield channels
    finally:
        await channels.close()
