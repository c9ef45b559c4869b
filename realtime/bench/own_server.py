"""A server of the benchmark's own: a process that is started, waited for, read and stopped."""

from __future__ import annotations

import asyncio
import http.client
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import IO, Any

import msgspec

from realtime.bench.errors import BenchFailed

START_TIMEOUT_S = 180
STOP_TIMEOUT_S = 20
_POLL_S = 0.1

SERVE = (sys.executable, "-m", "realtime", "serve")


@dataclass(frozen=True, slots=True)
class OwnServer:
    """A server on this machine, ready for conversations."""

    host: str
    port: int
    grpc_port: int
    pid: int

    @property
    def url(self) -> str:
        """Where to call."""
        return f"ws://{self.host}:{self.port}/v1/realtime"

    @property
    def grpc_address(self) -> str:
        """Where to call over gRPC."""
        return f"{self.host}:{self.grpc_port}"

    async def health(self) -> dict[str, Any]:
        """What `/healthz` says. Cancelling abandons the request."""
        return (await _get(self.host, self.port, "/healthz"))[1]


@asynccontextmanager
async def own_server(environment: Mapping[str, str], program: Sequence[str] = SERVE) -> AsyncIterator[OwnServer]:
    """`program` on a free port of this machine, ready, for as long as the context lasts.

    Raises `BenchFailed`, with the server's last words, when it does not start. Cancelling stops it.
    """
    host, port, grpc_port = "127.0.0.1", _free_port(), _free_port()
    command = (*program, "--host", host, "--port", str(port), "--grpc-port", str(grpc_port))
    with tempfile.TemporaryFile() as output:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, env=dict(environment)
        )
        try:
            await _wait_until_ready(process, host, port, output)
            yield OwnServer(host, port, grpc_port, process.pid)
        finally:
            await _stop(process)


async def _wait_until_ready(process: asyncio.subprocess.Process, host: str, port: int, output: IO[bytes]) -> None:
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            while not await _is_ready(host, port):
                if process.returncode is not None:
                    raise BenchFailed(f"the server did not start: {_last_words(output)}")
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        raise BenchFailed(f"the server was not ready after {START_TIMEOUT_S} s: {_last_words(output)}") from None


async def _is_ready(host: str, port: int) -> bool:
    try:
        return (await _get(host, port, "/readyz"))[0] == 200
    except OSError:
        return False


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _get(host: str, port: int, path: str) -> tuple[int, dict[str, Any]]:
    """Status and JSON of one page."""

    def get() -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(host, port, timeout=5)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    status, body = await asyncio.to_thread(get)
    return status, msgspec.json.decode(body, type=dict[str, Any])


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def _last_words(output: IO[bytes]) -> str:
    output.seek(0)
    # A traceback of several exceptions ends in a frame drawn around them.
    lines = [line.strip(" |+-") for line in output.read().decode(errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "it said nothing")
