"""The connection to a server: dial, send, hear. The only module of a caller that knows there is a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from realtime.caller.address import is_here, realtime_url
from realtime.caller.errors import Busy, LineLost, NotAnEvent, Refused, Unreachable
from realtime.caller.events import Event, append, read_event, write_event

DIAL_TIMEOUT_S = 10
_MAX_MESSAGE_BYTES = 16 * 1024 * 1024


class Line:
    """One connection, from `session.created` to the hang-up."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.sent_samples = 0
        """Length of the audio the session has been sent; whoever sends it counts."""

    async def send(self, event: str) -> None:
        """Send one event, waiting while the network is slow. Cancelled, the event may or may not have been sent.

        Raises `LineLost`.
        """
        try:
            await self._socket.send(event)
        except ConnectionClosed as closed:
            raise _lost(closed) from None

    async def append(self, sound: bytes) -> None:
        """Send the next piece of the microphone, in the session's format; otherwise as `send`."""
        await self.send(append(sound))

    async def clear(self) -> None:
        """Have the session forget the sound that is not part of a turn yet; otherwise as `send`."""
        await self.send(write_event("input_audio_buffer.clear"))

    async def hear(self) -> Event:
        """The next event. Cancelling loses none. Raises `LineLost`."""
        try:
            return read_event(await self._socket.recv())
        except ConnectionClosed as closed:
            raise _lost(closed) from None

    async def configure(self, session: dict[str, Any]) -> None:
        """Change the session and wait until it is changed; events before that are dropped.

        Raises `Refused` when the server does not want to. Cancelled, the change may or may not have been made.
        """
        await self.send(write_event("session.update", session=session))
        await self.expect("session.updated")

    async def expect(self, type_: str) -> None:
        """Wait for an event of this type and drop what comes before it. Raises `Refused` when that is an error."""
        while (event := await self.hear()).type != type_:
            if event.type == "error":
                raise Refused(f"the server refused the session: {event.error.message if event.error else ''}")


@asynccontextmanager
async def dial(url: str, *, key: str | None = None, model: str | None = None) -> AsyncIterator[Line]:
    """A line to the server at `url`, hung up at the end of the context. Cancelling hangs up.

    Raises `Unreachable`, `Refused`, or `Busy` when the server is full.
    """
    address = realtime_url(url, model)
    try:
        socket = await connect(
            address,
            additional_headers={"Authorization": f"Bearer {key}"} if key else None,
            compression=None,
            open_timeout=DIAL_TIMEOUT_S,
            close_timeout=2,
            max_size=_MAX_MESSAGE_BYTES,
            proxy=None if is_here(address) else True,
        )
    except InvalidStatus as refusal:
        raise _refused(refusal, address) from None
    except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as problem:
        raise Unreachable(f"no Realtime server answers at {address}: {_why(problem)}") from None
    async with socket:
        line = Line(socket)
        try:
            await line.expect("session.created")
        except NotAnEvent as problem:
            raise Unreachable(f"no Realtime server answers at {address}: {problem}") from None
        yield line


class _Refusal(msgspec.Struct):
    """The body of an HTTP error, in OpenAI's form."""

    class Detail(msgspec.Struct):
        """The error in it."""

        message: str = ""

    error: Detail


def _refused(refusal: InvalidStatus, address: str) -> Refused | Unreachable:
    status = refusal.response.status_code
    try:
        message = msgspec.json.decode(refusal.response.body or b"", type=_Refusal).error.message
    except msgspec.MsgspecError:
        if status not in (401, 403, 429, 503):
            return Unreachable(f"no Realtime server answers at {address}: HTTP status {status}")
        message = ""
    hint = " (give a key with --key)" if status in (401, 403) else ""
    kind = Busy if status == 503 else Refused
    return kind(f"the server refused the call, HTTP status {status}{hint}{': ' if message else ''}{message}")


def _lost(closed: ConnectionClosed) -> LineLost:
    code = closed.rcvd.code if closed.rcvd else None
    how = {1001: "the server is shutting down", 1011: "the server had an internal error"}.get(code or 0)
    return LineLost(f"the connection was lost: {how or (f'close code {code}' if code else 'it broke off')}")


def _why(problem: Exception) -> str:
    if isinstance(problem, TimeoutError):
        return f"no answer within {DIAL_TIMEOUT_S} s"
    if isinstance(problem, ConnectionRefusedError) or "Connect call failed" in str(problem):
        return "nothing listens there; `realtime serve` starts a server"
    return (problem.strerror if isinstance(problem, OSError) else None) or str(problem)
