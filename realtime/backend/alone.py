"""The service by itself, the way LocalAI starts an external backend: no HTTP, no page."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

import structlog

from realtime.backend.door import Door
from realtime.backend.files import Files
from realtime.backend.own_engines import OwnEngines
from realtime.backend.premises import Premises
from realtime.conductor.conversations import Conversations
from realtime.conductor.lag import LoopLag
from realtime.conductor.pressure import Pressure
from realtime.engines.opening import ModelPath, open_engines
from realtime.errors import RealtimeError
from realtime.keys import Keyring
from realtime.settings import Settings
from realtime.vectors import VectorStore

log = structlog.get_logger(__name__)


async def serve_alone(settings: Settings, model_path: ModelPath, ready: Callable[[str], None]) -> None:
    """Take calls until SIGTERM or SIGINT; `ready` is told the address as soon as there is one.

    The engines are loaded meanwhile: who wants to wait for them calls `LoadModel`. A first signal lets running calls
    finish, a second ends them. Raises `BadConfiguration` for an address that cannot be listened on. Cancelling ends
    running calls.
    """
    signals = _Signals(asyncio.get_running_loop())
    vectors = VectorStore(settings.grpc.store)
    await vectors.open()
    try:
        async with asyncio.TaskGroup() as tasks:
            await _serve(settings, model_path, ready, signals, vectors, tasks)
    except* RealtimeError as problems:
        raise problems.exceptions[0] from None
    finally:
        await vectors.close()


class _Signals:
    """SIGTERM and SIGINT, counted to two."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.first, self.second = asyncio.Event(), asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._came)

    def _came(self) -> None:
        (self.second if self.first.is_set() else self.first).set()


async def _serve(
    settings: Settings,
    model_path: ModelPath,
    ready: Callable[[str], None],
    signals: _Signals,
    vectors: VectorStore,
    tasks: asyncio.TaskGroup,
) -> None:
    async def tell(serving: bool) -> None:
        await door.tell(serving=serving)

    loader = OwnEngines(lambda: open_engines(settings, model_path), tasks, tell)
    conversations = Conversations(settings.server.max_conversations)
    pressure = Pressure(settings.server.longest_wait_ms / 1000)
    premises = Premises(
        settings=settings,
        files=Files(settings.grpc.directories),
        loader=loader,
        vectors=vectors,
        conversations=conversations,
        busy=lambda: bool(conversations) and loader.engines is not None and pressure.too_high(loader.engines.wait_s),
    )
    door = Door(premises, Keyring(settings.server.api_keys))
    try:
        ready(await door.open())
        meanwhile = LoopLag(pressure.loop_woke).watch(), loader.announce(), _load(loader)
        background = [tasks.create_task(work) for work in meanwhile]
        await signals.first.wait()
        await _drain(door, conversations, settings.server.drain_s, signals.second, tasks)
        for task in background:
            task.cancel()
    finally:
        await door.close(0)
        await loader.close()


async def _drain(
    door: Door, conversations: Conversations, within_s: float, at_once: asyncio.Event, tasks: asyncio.TaskGroup
) -> None:
    """Let what is running finish, until it takes too long or nobody wants to wait any more."""
    finishing = tasks.create_task(_finish(door, conversations, within_s))
    impatience = tasks.create_task(at_once.wait())
    finishing.add_done_callback(lambda _: impatience.cancel())
    await asyncio.wait([impatience])
    finishing.cancel()


async def _finish(door: Door, conversations: Conversations, within_s: float) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(conversations.drain(within_s))
        await door.close(within_s)


async def _load(loader: OwnEngines) -> None:
    try:
        await loader.load()
    except RealtimeError as problem:
        log.error("the models cannot be loaded", problem=str(problem))  # and whoever calls is told
