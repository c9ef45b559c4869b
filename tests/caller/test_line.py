from __future__ import annotations

import asyncio
import socket

import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from realtime.caller.ask import SESSION
from realtime.caller.errors import Busy, LineLost, Refused, Unreachable
from realtime.caller.events import write_event
from realtime.caller.line import dial
from realtime.server.app import create_app
from realtime.server.state import new_state
from realtime.settings import Settings
from tests.caller.server import fake_app, scripted_app, serving


async def test_a_line_is_open_from_the_first_event_to_the_end_of_its_context() -> None:
    with serving(fake_app()) as url:
        async with dial(url, model="mine") as line:
            await line.configure(SESSION)
        with pytest.raises(LineLost):
            await line.hear()
        with pytest.raises(LineLost):
            await line.send(write_event("input_audio_buffer.clear"))


async def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    for host in ("127.0.0.1", "localhost"):
        address = f"ws://{host}:{port}/v1/realtime"
        with pytest.raises(Unreachable, match=f"no Realtime server answers at {address}: nothing listens there"):
            async with dial(address):
                pass


@pytest.mark.parametrize(
    "greeting", [b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", b"SSH-2.0-server\r\n", b""]
)
async def test_somebody_else_there(greeting: bytes) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(greeting)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unreachable, match=f"no Realtime server answers at ws://127.0.0.1:{port}/v1/realtime: .+"):
            async with dial(f"127.0.0.1:{port}"):
                pass


async def test_a_websocket_that_is_no_realtime_server() -> None:
    async def chat(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("welcome to the chat!")
        await websocket.receive()

    app = Starlette(routes=[WebSocketRoute("/v1/realtime", chat)])
    with serving(app) as url, pytest.raises(Unreachable, match=r"no Realtime server answers .* no event"):
        async with dial(url):
            pass


async def test_the_key_is_shown_and_a_wrong_one_refused() -> None:
    with serving(fake_app(api_keys=("sesame",))) as url:
        async with dial(url, key="sesame"):
            pass
        with pytest.raises(Refused, match=r"HTTP status 401 \(give a key with --key\): Incorrect API key provided\."):
            async with dial(url, key="barley"):
                pass


async def test_a_server_that_is_not_ready_says_so() -> None:
    loading = create_app(new_state(Settings()))
    with serving(loading) as url, pytest.raises(Refused, match=r"503: The server is still loading its models\."):
        async with dial(url):
            pass


async def test_a_full_server_says_so() -> None:
    with serving(fake_app(max_conversations=1)) as url:
        async with dial(url):
            with pytest.raises(Busy, match="503: The server holds 1 conversations already"):
                async with dial(url):
                    pass


async def test_a_session_that_is_refused_says_why() -> None:
    with serving(fake_app()) as url:
        async with dial(url) as line:
            with pytest.raises(Refused, match=r"refused the session: .*'session\.type'"):
                await line.configure({})


@pytest.mark.parametrize(
    ("code", "why"), [(1011, "internal error"), (1001, "shutting down"), (4000, "close code 4000")]
)
async def test_a_line_that_breaks_says_how(code: int, why: str) -> None:
    async def hang_up(websocket: WebSocket) -> None:
        await websocket.close(code)

    with serving(scripted_app(hang_up)) as url:
        async with dial(url) as line:
            with pytest.raises(LineLost, match=why):
                await line.configure(SESSION)


async def test_cancelling_a_wait_loses_no_event() -> None:
    async def say_twice(websocket: WebSocket) -> None:
        await websocket.send_json({"type": "session.updated"})
        await websocket.receive()
        await websocket.send_json({"type": "one"})
        await websocket.send_json({"type": "two"})
        await websocket.receive()

    with serving(scripted_app(say_twice)) as url:
        async with dial(url) as line:
            await line.configure(SESSION)
            waiting = asyncio.create_task(line.hear())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            await line.send(write_event("go"))
            assert [(await line.hear()).type, (await line.hear()).type] == ["one", "two"]
