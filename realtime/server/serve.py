"""Run the server: listen, load the models, converse until a signal, finish what is running."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

import structlog
import uvicorn
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from realtime.engines.opening import ModelPath, open_engines
from realtime.errors import BadConfiguration, RealtimeError
from realtime.server.app import create_app
from realtime.server.second_door import second_door
from realtime.server.state import State, new_state
from realtime.server.websocket import MAX_MESSAGE_BYTES
from realtime.settings import ServerSettings, Settings

if TYPE_CHECKING:
    from realtime.backend.door import Door

log = structlog.get_logger(__name__)


async def serve(settings: Settings, model_path: ModelPath, ready: Callable[[str, str | None], None]) -> None:
    """Serve until SIGTERM or SIGINT; `ready` is told where once conversations can begin: the HTTP address, and that of
    the gRPC door if it is open.

    Raises `BadConfiguration` for an address that cannot be listened on, and whatever keeps the models from loading.
    Cancelling stops without waiting for replies.
    """
    listening = _listen(settings.server)
    state = await asyncio.to_thread(new_state, settings)  # reads the certificates of the machine
    server = _Server(_uvicorn_config(state), state)
    address = f"http://{_shown_host(settings.server.host)}:{listening.getsockname()[1]}"

    async def load() -> RealtimeError | None:
        try:
            state.engines = await asyncio.to_thread(open_engines, settings, model_path)
            state.loaded.set()
        except RealtimeError as problem:
            server.should_exit = True
            return problem
        # Everything loaded stays for good: a collection that looks at it all again would hold the loop up for 30 ms.
        gc.collect()
        gc.freeze()
        if door:
            await door.tell(serving=True)
        if not server.should_exit:
            ready(address, door.address if door else None)
        return None

    async def watch() -> None:
        await asyncio.wait([loading])  # which keeps the interpreter busy while nobody is talking yet
        await state.lag.watch()

    async with second_door(state) as door, asyncio.TaskGroup() as tasks:
        server.door = door
        loading = tasks.create_task(load())
        watching = tasks.create_task(watch())
        await server.serve(sockets=[listening])
        watching.cancel()
    if state.engines:
        await state.engines.close()
    if problem := loading.result():
        raise problem


class _Server(uvicorn.Server):
    """Uvicorn, but conversations end politely before its connections are closed, and the engines are closed after."""

    def __init__(self, config: uvicorn.Config, state: State) -> None:
        super().__init__(config)
        self._state = state
        self.door: Door | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop; a second Ctrl-C stops at once.

        Uvicorn would remember the signal and raise it again when it has stopped, and the process would die of it with
        its engines open.
        """
        self.force_exit = self.force_exit or (self.should_exit and sig == signal.SIGINT)
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, let running replies and calls finish, then close whatever is left."""
        for server in self.servers:
            server.close()
        await self._drain()
        await super().shutdown(sockets)

    async def _drain(self) -> None:
        conversations = self._state.conversations
        if conversations:
            log.info("draining", conversations=len(conversations))
        within_s = self._state.settings.server.drain_s
        async with asyncio.TaskGroup() as tasks:
            draining = {tasks.create_task(conversations.drain(within_s))}
            if self.door:
                draining.add(tasks.create_task(self.door.close(within_s)))
            while not (all(task.done() for task in draining) or self.force_exit):
                await asyncio.wait(draining, timeout=0.1)  # a signal wakes nobody; uvicorn looks as often
            for task in draining:
                task.cancel()


class _Connection(WebSocketsSansIOProtocol):
    """Uvicorn's, but who does not read cannot keep the connection when the conversation is over."""

    async def send(self, message: ASGISendEvent) -> None:
        """Send what the application says. Uvicorn takes an answer that refuses the handshake for none at all."""
        await super().send(message)
        self.handshake_complete = self.handshake_complete or self.close_sent

    async def run_asgi(self) -> None:
        """Run the application for this connection, and close it."""
        await super().run_asgi()
        if not self.writable.is_set():
            self.transport.abort()  # closing would wait for the client to read what is left


def _uvicorn_config(state: State) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(state),
        ws=_Connection,
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,  # 4-75 µs and 29-88 KiB a connection, to save a fifth of base64 audio
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=5,
    )


def _listen(settings: ServerSettings) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as problem:
        raise BadConfiguration(
            f"cannot listen on {settings.host} port {settings.port}: {problem.strerror}"
        ) from problem


def _shown_host(host: str) -> str:
    return "localhost" if host in ("127.0.0.1", "0.0.0.0", "::", "::1") else host
