"""Run the server: listen, load the models, converse until a signal, finish what is running."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import structlog
import uvicorn

from realtime.engines.opening import ModelPath, open_engines
from realtime.errors import BadConfiguration, RealtimeError
from realtime.server.app import create_app
from realtime.server.state import State, new_state
from realtime.server.websocket import MAX_MESSAGE_BYTES
from realtime.settings import ServerSettings, Settings

log = structlog.get_logger(__name__)


async def serve(settings: Settings, model_path: ModelPath, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; `ready` is told the address once conversations can begin.

    Raises `BadConfiguration` for an address that cannot be listened on, and whatever keeps the models from loading.
    Cancelling stops without waiting for replies.
    """
    listening = _listen(settings.server)
    state = new_state(settings)
    server = _Server(_uvicorn_config(state), state)
    address = f"http://{_shown_host(settings.server.host)}:{listening.getsockname()[1]}"

    async def load() -> RealtimeError | None:
        try:
            state.engines = await asyncio.to_thread(open_engines, settings, model_path)
        except RealtimeError as problem:
            server.should_exit = True
            return problem
        ready(address)
        return None

    async with asyncio.TaskGroup() as tasks:
        loading = tasks.create_task(load())
        await server.serve(sockets=[listening])
    if state.engines:
        await state.engines.close()
    if problem := loading.result():
        raise problem


class _Server(uvicorn.Server):
    """Uvicorn, but conversations end politely before its connections are closed."""

    def __init__(self, config: uvicorn.Config, state: State) -> None:
        super().__init__(config)
        self._state = state

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, let running replies finish, then close whatever is left."""
        for server in self.servers:
            server.close()
        log.info("draining", conversations=len(self._state.conversations))
        await self._state.conversations.drain(self._state.settings.server.drain_s)
        await super().shutdown(sockets)


def _uvicorn_config(state: State) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(state),
        ws="websockets-sansio",
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
