"""An HTTP server of a few lines that does exactly what a test tells it, also what no sound server would do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Script: TypeAlias = Callable[["Call"], Awaitable[None]]


@dataclass
class Call:
    """One request, and how to answer it."""

    headers: dict[str, str]
    body: dict[str, Any]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def respond(self, status: int, body: object, headers: str = "") -> None:
        text = json.dumps(body).encode()
        await self.send(f"HTTP/1.1 {status} X\r\n{headers}Content-Length: {len(text)}\r\n\r\n".encode() + text)

    async def begin_stream(self) -> None:
        head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        await self.send(head.encode())

    async def event(self, data: object) -> None:
        text = f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n".encode()
        await self.send(f"{len(text):x}\r\n".encode() + text + b"\r\n")

    async def end_stream(self) -> None:
        await self.event("[DONE]")
        await self.send(b"0\r\n\r\n")

    def drop(self) -> None:
        """Break the connection, as a server does that dies."""
        self.writer.transport.abort()

    async def hung_up(self) -> None:
        """Until the client has closed the connection."""
        with suppress(ConnectionError):
            assert await self.reader.read() == b""


@dataclass
class HttpServer:
    """Listens on a port of its own; every request goes to `script`."""

    script: Script
    calls: list[Call] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
                body = json.loads(await reader.readexactly(int(headers.get("content-length", 0))))
                self.calls.append(Call(headers, body, reader, writer))
                await self.script(self.calls[-1])
        writer.close()


@asynccontextmanager
async def serving(script: Script) -> AsyncIterator[HttpServer]:
    """A server that lives as long as the block."""
    server = HttpServer(script)
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
        server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        yield server
        for call in server.calls:
            call.drop()
