"""The gRPC door beside HTTP: the same engines, the same conversations, the same keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING

import structlog

from realtime.engines.ensemble import Engines
from realtime.errors import RealtimeError
from realtime.server.state import State

if TYPE_CHECKING:
    from realtime.backend.door import Door

log = structlog.get_logger(__name__)


class SharedEngines:
    """The engines of the conversations, which only the server itself loads and closes."""

    def __init__(self, state: State) -> None:
        self._state = state

    @property
    def engines(self) -> Engines | None:
        """None while they are not loaded."""
        return self._state.engines

    @property
    def loading(self) -> bool:
        """A server is either ready or loading."""
        return self._state.engines is None

    @property
    def problem(self) -> RealtimeError | None:
        """What keeps the models from loading ends the server."""
        return None

    async def load(self) -> None:
        """Return when they are loaded. Cancelling changes nothing."""
        await self._state.loaded.wait()

    async def free(self) -> bool:
        """Those that conversations need stay: one may begin at any time. Cancelling lets the letting go go on."""
        if engines := self._state.engines:
            await engines.on_demand.free()
        return False


@asynccontextmanager
async def second_door(state: State) -> AsyncGenerator[Door | None, None]:
    """Open for as long as the context lasts, if the operator wants it; raises `BadConfiguration` if it cannot be."""
    if not state.settings.grpc.enabled:
        yield None
        return
    try:
        await asyncio.to_thread(import_module, "realtime.backend.door")  # takes half a second
    except ModuleNotFoundError as missing:
        log.info("no gRPC", missing_package=missing.name)
        yield None
        return
    from realtime.backend.door import Door
    from realtime.backend.files import Files
    from realtime.backend.premises import Premises
    from realtime.vectors import VectorStore

    premises = Premises(
        settings=state.settings,
        files=Files(state.settings.grpc.directories),
        loader=SharedEngines(state),
        vectors=VectorStore(state.settings.grpc.store),
        conversations=state.conversations,
        meter=state.metrics,
        busy=lambda: state.busy,
    )
    door = Door(premises, state.keyring)
    await premises.vectors.open()
    await door.open()
    try:
        yield door
    finally:
        await door.close(grace_s=0)
        await premises.vectors.close()
