"""`/v1/realtime`: a WebSocket and a conductor. The only module that touches the socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import structlog
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from realtime.conductor import ClientGone, Conductor, Incoming, Send
from realtime.errors import InvalidRequest
from realtime.ids import random_id
from realtime.protocol import wire
from realtime.protocol.server_events import ServerEvent
from realtime.server.conversations import ServerFull
from realtime.server.state import State

log = structlog.get_logger(__name__)

MAX_MESSAGE_BYTES = 24 * 1024 * 1024
"""The largest message read from a client: an append of 15 MiB is 20 MiB in base64. One longer closes with 1009."""

GOING_AWAY = 1001
INTERNAL_ERROR = 1011


async def realtime(websocket: WebSocket) -> None:
    """Hold one conversation over one WebSocket. Cancelling ends the conversation."""
    state: State = websocket.app.state.server
    if not state.keyring.admits(websocket):
        return await _refuse(websocket, 401, "invalid_api_key", "Incorrect API key provided.")
    if "call_id" in websocket.query_params:
        return await _refuse(websocket, 400, "unsupported_parameter", "There is no call to join by 'call_id' here.")
    if state.engines is None:
        return await _refuse(websocket, 503, "server_starting", "The server is still loading its models.")
    conductor = Conductor(state.engines, state.settings.conversation, model=websocket.query_params.get("model"))
    with structlog.contextvars.bound_contextvars(session=conductor.session_id):
        try:
            with state.conversations.hold(conductor):
                await _converse(websocket, conductor, state.settings.server.stalled_client_s)
        except ServerFull as full:
            await _refuse(websocket, 503, full.code, str(full))


async def _converse(websocket: WebSocket, conductor: Conductor, stalled_client_s: float) -> None:
    await websocket.accept("realtime" if "realtime" in websocket.scope.get("subprotocols", []) else None)
    log.info("conversation began")
    try:
        async with aclosing(_incoming(websocket)) as incoming:
            ending = await conductor.converse(incoming, _sender(websocket, stalled_client_s))
    except Exception:
        # The outermost frame of a conversation: a bug ends this one, is logged whole, and harms no other.
        log.exception("conversation broke off")
        return await _close(websocket, INTERNAL_ERROR, stalled_client_s)
    log.info("conversation ended", how=ending)
    if ending == "drained":
        await _close(websocket, GOING_AWAY, stalled_client_s)


async def _incoming(websocket: WebSocket) -> AsyncGenerator[Incoming, None]:
    """What the client says until it leaves; what cannot be read comes as the problem that it is."""
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text")
        try:
            yield wire.decode(text) if text is not None else _refuse_binary()
        except wire.UnreadableEvent as problem:
            yield problem


def _refuse_binary() -> Incoming:
    return wire.UnreadableEvent(
        InvalidRequest("Events are JSON in text frames; binary frames mean nothing here.", code="invalid_event"), None
    )


def _sender(websocket: WebSocket, stalled_client_s: float) -> Send:
    async def send(event: ServerEvent) -> None:
        """Send one event; waits while the client's network is slow, and gives a client up that has stopped reading."""
        try:
            async with asyncio.timeout(stalled_client_s):
                await websocket.send_text(wire.encode(event, random_id("event")))
        except TimeoutError:
            log.warning("client stopped reading", after_s=stalled_client_s)
            raise ClientGone from None
        except (WebSocketDisconnect, RuntimeError) as gone:
            raise ClientGone from gone

    return send


async def _refuse(websocket: WebSocket, status: int, code: str, message: str) -> None:
    log.info("conversation refused", code=code)
    error = {"type": "invalid_request_error" if status < 500 else "server_error", "code": code, "message": message}
    await websocket.send_denial_response(JSONResponse({"error": error}, status))


async def _close(websocket: WebSocket, code: int, within_s: float) -> None:
    try:
        async with asyncio.timeout(within_s):
            await websocket.close(code)
    except (TimeoutError, WebSocketDisconnect, RuntimeError):
        return  # the client was faster, or does not read
