"""The service by itself, the way LocalAI starts an external backend: no HTTP, no page."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Any

import structlog

from realtime.backend.door import Door
from realtime.backend.files import Files
from realtime.backend.premises import Premises
from realtime.conductor.conversations import Conversations
from realtime.conductor.pressure import Pressure
from realtime.engines.ensemble import Engines
from realtime.engines.on_demand import OnDemand
from realtime.engines.once import Once
from realtime.engines.opening import ModelPath, open_engine, open_engines
from realtime.engines.registry import Kind
from realtime.errors import RealtimeError
from realtime.keys import Keyring
from realtime.settings import Settings
from realtime.vectors import VectorStore

log = structlog.get_logger(__name__)


class OwnEngines:
    """Engines that only this service uses."""

    def __init__(self, open_engines: Callable[[], Engines]) -> None:
        self._once = Once(open_engines)

    @property
    def engines(self) -> Engines | None:
        """None while they are not loaded."""
        return self._once.value

    @property
    def loading(self) -> bool:
        """Whether they are being loaded now."""
        return self._once.opening

    @property
    def problem(self) -> RealtimeError | None:
        """What kept them from being loaded the last time."""
        return self._once.problem

    async def load(self) -> None:
        """Return when they are loaded; raises what keeps them from it. Cancelling lets the loading go on."""
        await self._once.get()

    async def free(self) -> bool:
        """Let them go. Cancelling leaves some of them open."""
        if engines := await self._once.take():
            await engines.close()
        return True


async def serve_alone(settings: Settings, model_path: ModelPath, ready: Callable[[str], None]) -> None:
    """Take calls until SIGTERM or SIGINT; `ready` is told the address as soon as there is one.

    The engines are loaded meanwhile: who wants to wait for them calls `LoadModel`. Raises `BadConfiguration` for an
    address that cannot be listened on. Cancelling ends running calls.
    """
    loader = OwnEngines(lambda: open_engines(settings, model_path))
    conversations = Conversations(settings.server.max_conversations)
    pressure = Pressure(settings.server.longest_wait_ms / 1000)

    def open_one(kind: Kind, name: str | None) -> Any:
        return open_engine(kind, settings, model_path, premises.engines.scheduler, name)

    on_demand = OnDemand(open_one)
    premises = Premises(
        settings=settings,
        files=Files(settings.grpc.directories),
        loader=loader,
        on_demand=on_demand,
        vectors=VectorStore(settings.grpc.store),
        conversations=conversations,
        busy=lambda: bool(conversations) and loader.engines is not None and pressure.too_high(loader.engines.wait_s),
    )
    await premises.vectors.open()
    door = Door(premises, Keyring(settings.server.api_keys))
    ready(await door.open())
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with asyncio.TaskGroup() as tasks:
        loading = tasks.create_task(_load(loader, door))
        await stopped.wait()
        drain_s = settings.server.drain_s if door.calls.going_on else 0
        tasks.create_task(conversations.drain(drain_s))
        await door.close(drain_s)
        loading.cancel()
    await on_demand.close()
    await loader.free()
    await premises.vectors.close()


async def _load(loader: OwnEngines, door: Door) -> None:
    try:
        await loader.load()
    except RealtimeError as problem:
        log.error("the models cannot be loaded", problem=str(problem))  # and whoever calls is told
        return
    await door.tell(serving=True)
