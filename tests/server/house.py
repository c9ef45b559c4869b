"""The whole server on a free loopback port, in the test's own event loop, with scripted engines inside."""

from __future__ import annotations

import asyncio
import base64
import json
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from math import inf
from pathlib import Path
from typing import Any, Self

import httpx
import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from realtime.audio import Pcm
from realtime.codecs.pcm16 import Pcm16
from realtime.engines.ensemble import Engines
from realtime.server.client_secrets import ClientSecrets
from realtime.server.serve import serve
from realtime.server.state import new_state
from realtime.settings import ConversationSettings, GrpcSettings, RemoteToolSettings, ServerSettings, Settings
from tests.blocking import no_blocking_calls
from tests.dialogue import nothing_left_over
from tests.fakes import FakeSynthesizer, fake_engines, quiet, voice
from tests.protocol.contract import check_event

PATIENCE_S = 20
"""How long anything may take before a test gives up; nothing is measured with it."""

QUESTION = quiet(512), voice(768), quiet(576)
"""A turn, from the quiet before it to a little more than the silence that ends it."""


class House:
    """A server for as long as the context lasts. Leaving it is a SIGTERM, and must leave nothing behind.

    Once it listens, a call that would hold the event loop up, made anywhere below our own code, raises instead.
    """

    def __init__(
        self,
        engines: Engines | None = None,
        *,
        opening: Callable[[], Engines] | None = None,
        conversation: dict[str, Any] | None = None,
        client_secrets: ClientSecrets | None = None,
        **server: Any,
    ) -> None:
        engines = engines or fake_engines(synthesizer=FakeSynthesizer(ms_per_letter=5))
        self._open = opening or (lambda: engines)
        self._settings = Settings(
            server=ServerSettings(**{"port": 0, "longest_wait_ms": inf, **server}),
            conversation=ConversationSettings(**(conversation or {})),
            mcp=RemoteToolSettings(enabled=False),
            grpc=GrpcSettings(enabled=False),
        )
        self._new_state = partial(new_state, client_secrets=client_secrets)
        self._stack = ExitStack()
        self._address: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> Self:
        self._stack.enter_context(nothing_left_over())
        patch = self._stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr("realtime.server.serve.open_engines", lambda settings, model_path: self._open())
        patch.setattr("realtime.server.serve.new_state", self._new_state)
        self.running = asyncio.get_running_loop().create_task(
            serve(self._settings, Path, lambda address, grpc: self._address.set_result(address))
        )
        if port := self._settings.server.port:
            await until(lambda: _listens(port))
        else:
            await until(lambda: self.ready or self.running.done())
        self._stack.enter_context(no_blocking_calls())
        return self

    async def __aexit__(self, *failure: Any) -> None:
        try:
            await self.stop()
        finally:
            self.running.cancel()
            await asyncio.wait([self.running], timeout=PATIENCE_S)
            self._stack.__exit__(*failure)

    async def stop(self) -> None:
        """SIGTERM, and wait until the server has come to its end."""
        if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:  # else it would be for the tests themselves
            signal.raise_signal(signal.SIGTERM)
        await asyncio.wait([self.running], timeout=PATIENCE_S)
        self.running.result()

    @property
    def ready(self) -> bool:
        """Whether the server has said that conversations can begin."""
        return self._address.done()

    @property
    def url(self) -> str:
        """Where HTTP is answered."""
        port = self._settings.server.port
        return f"http://127.0.0.1:{port}" if port else self._address.result().replace("localhost", "127.0.0.1")

    @property
    def door(self) -> str:
        """Where conversations begin."""
        return self.url.replace("http", "ws") + "/v1/realtime"

    @asynccontextmanager
    async def call(self, query: str = "", **options: Any) -> AsyncIterator[Caller]:
        """A client on the line, once it has been greeted."""
        async with connect(
            self.door + query, **{"proxy": None, "max_size": None, "max_queue": None, **options}
        ) as line:
            caller = Caller(line)
            await caller.until("session.created")
            yield caller

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """One HTTP request."""
        async with httpx.AsyncClient(trust_env=False) as client:
            return await client.get(self.url + path, headers=headers)

    async def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """One HTTP request with a body: bytes as they are, anything else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
        async with httpx.AsyncClient(trust_env=False) as client:
            return await client.post(self.url + path, content=content, headers=headers)

    async def holds(self, count: int) -> None:
        """Wait until so many conversations are going on."""

        async def so_many() -> bool:
            return bool((await self.get("/readyz")).json()["conversations"] == count)

        await until(so_many)


class Caller:
    """A client with a WebSocket. What it is told is held against the types of OpenAI's own library."""

    def __init__(self, line: ClientConnection) -> None:
        self.line = line
        self.events: list[dict[str, Any]] = []

    async def send(self, type_: str, **fields: Any) -> None:
        """Say something."""
        await self.line.send(json.dumps({"type": type_, **fields}))

    async def says(self, *pieces: Pcm) -> None:
        """Speak, in one append."""
        await self.send("input_audio_buffer.append", audio=in_base64(np.concatenate(pieces)))

    async def until(self, type_: str) -> dict[str, Any]:
        """Hear everything up to the next event of that type, and that."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                self.events.append(check_event(str(await self.line.recv())))
                if self.events[-1]["type"] == type_:
                    return self.events[-1]

    async def is_closed(self) -> int:
        """Wait for the end. The code with which the server brings it about."""
        async with asyncio.timeout(PATIENCE_S):
            await self.line.wait_closed()
        assert self.line.close_code
        return self.line.close_code

    async def asks(self, *question: Pcm) -> str:
        """Say something in one turn, and hear all of the answer. Its words."""
        await self.says(*(question or QUESTION))
        response = (await self.until("response.done"))["response"]
        assert response["status"] == "completed", response["status_details"]
        words: str = response["output"][0]["content"][0]["transcript"]
        return words


async def refusal(house: House, query: str = "", **options: object) -> tuple[int, dict[str, str]]:
    """Status and error with which the server will not let somebody in."""
    with pytest.raises(InvalidStatus) as refused:
        async with connect(house.door + query, proxy=None, **options):  # type: ignore[arg-type]
            pass
    response = refused.value.response
    assert response.headers["content-type"] == "application/json"
    error: dict[str, str] = json.loads(response.body or b"")["error"]
    assert error["message"]
    return response.status_code, error


def in_base64(pcm: Pcm) -> str:
    """Sound as events carry it."""
    return base64.b64encode(Pcm16().encode(pcm)).decode()


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    """Return as soon as that is so. For what another task or thread brings about without telling."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            answer = condition()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(0.01)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
