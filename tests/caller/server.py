"""Servers for callers to call: the project's own with scripted engines, or one that follows a script of events."""

from __future__ import annotations

import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from realtime.engines.ensemble import Engines
from realtime.server.app import create_app
from realtime.server.state import new_state
from realtime.settings import ConversationSettings, ServerSettings, Settings
from tests.fakes import fake_engines

Script = Callable[[WebSocket], Awaitable[None]]


class _Server(uvicorn.Server):
    """Tells when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """`app` on a free port, in a thread of its own, so that a test may bring an event loop or not; its address."""
    config = uvicorn.Config(
        app, ws="websockets-sansio", log_config=None, lifespan="off", timeout_graceful_shutdown=2, access_log=False
    )
    server = _Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            assert server.listening.wait(10)
            yield f"ws://127.0.0.1:{listening.getsockname()[1]}/v1/realtime"
        finally:
            server.should_exit = True
            thread.join(10)
        assert not thread.is_alive()


def fake_app(engines: Engines | None = None, **server: Any) -> Starlette:
    """The real server on scripted engines; it sends sound as fast as it can."""
    settings = Settings(server=ServerSettings(**server), conversation=ConversationSettings(lead_ms=10_000))
    state = new_state(settings)
    state.engines = engines or fake_engines()
    return create_app(state)


def scripted_app(script: Script) -> Starlette:
    """A server that opens a session, takes its configuration, and then does what `script` says."""

    async def answer(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_json({"type": "session.created", "session": {}})
        assert (await websocket.receive_json())["type"] == "session.update"
        await script(websocket)

    return Starlette(routes=[WebSocketRoute("/v1/realtime", answer)])
