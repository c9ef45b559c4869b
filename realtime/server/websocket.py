"""`/v1/realtime`: a WebSocket and a conductor. The only module that touches the socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial

import structlog
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from realtime.conductor import ClientGone, Conductor, Incoming, Send
from realtime.errors import InvalidRequest, NoRoom
from realtime.ids import random_id
from realtime.protocol.server_events import ServerEvent
from realtime.protocol.wire import UnreadableEvent
from realtime.server.dialects import Dialect, answered_subprotocol, spoken_dialect
from realtime.server.entrance import admit_to_conversation
from realtime.server.opening_config import asked_in_query
from realtime.server.refusals import (
    Refused,
    StillStarting,
    error_response,
    invalid_request_response,
    no_room_response,
)
from realtime.server.state import State

log = structlog.get_logger(__name__)

MAX_MESSAGE_BYTES = 24 * 1024 * 1024
"""The largest message read from a client: an append of 15 MiB is 20 MiB in base64. One longer closes with 1009."""

GOING_AWAY = 1001
INTERNAL_ERROR = 1011


async def realtime(websocket: WebSocket) -> None:
    """Hold one conversation over one WebSocket. Cancelling ends the conversation."""
    state: State = websocket.app.state.server
    try:
        conductor = _open(websocket, state)
        with (
            structlog.contextvars.bound_contextvars(session=conductor.session_id),
            state.conversations.hold(conductor),
        ):
            state.metrics.conversation_began()
            await _converse(websocket, conductor, state)
    except Refused as refused:
        state.metrics.conversation_refused(refused.code)
        await _refuse(websocket, refused.code, refused.response)
    except NoRoom as problem:
        state.metrics.conversation_refused(problem.code)
        await _refuse(websocket, problem.code, no_room_response(problem))
    except InvalidRequest as problem:
        state.metrics.conversation_refused(problem.reason)
        await _refuse(websocket, problem.reason, invalid_request_response(problem))


async def nowhere(websocket: WebSocket) -> None:
    """Turn away whoever knocks at a door that is none. Cancelling lets the connection go."""
    await _refuse(websocket, "not_found", error_response(404, "not_found", "Conversations begin at '/v1/realtime'."))


def _open(websocket: WebSocket, state: State) -> Conductor:
    settings, query = state.settings.conversation, websocket.query_params
    config = admit_to_conversation(websocket, state)
    if "call_id" in query:
        raise InvalidRequest(
            "There is no call to join by 'call_id' here.", code="unsupported_parameter", param="call_id"
        )
    if state.engines is None:
        raise StillStarting("The server is still loading its models.")
    config = config or asked_in_query(settings, query)
    return Conductor(state.engines, settings, config, remote_tools=state.remote_tools)


async def _converse(websocket: WebSocket, conductor: Conductor, state: State) -> None:
    dialect, stalled_client_s = spoken_dialect(websocket), state.settings.server.stalled_client_s
    await websocket.accept(answered_subprotocol(websocket))
    log.info("conversation began", dialect=dialect.name)
    try:
        async with aclosing(_incoming(websocket, dialect)) as incoming:
            send = _sender(websocket, dialect, stalled_client_s)
            ending = await conductor.converse(incoming, send, state.metrics)
    except Exception:
        # The outermost frame of a conversation: a bug ends this one, is logged whole, and harms no other.
        log.exception("conversation broke off")
        return await _close(websocket, INTERNAL_ERROR, stalled_client_s)
    log.info("conversation ended", how=ending)
    if ending != "hung up":
        reason = "session_expired" if ending == "expired" else None
        await _close(websocket, GOING_AWAY, stalled_client_s, reason)


async def _incoming(websocket: WebSocket, dialect: Dialect) -> AsyncGenerator[Incoming, None]:
    """What the client says until it leaves; what cannot be read comes as the problem that it is."""
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text")
        try:
            yield dialect.decode(text) if text is not None else _refuse_binary()
        except UnreadableEvent as problem:
            yield problem


def _refuse_binary() -> Incoming:
    return UnreadableEvent(
        InvalidRequest("Events are JSON in text frames; binary frames mean nothing here.", code="invalid_event"), None
    )


def _sender(websocket: WebSocket, dialect: Dialect, stalled_client_s: float) -> Send:
    new_event_id = partial(random_id, "event")

    async def send(event: ServerEvent) -> None:
        """Send one event; waits while the client's network is slow, and gives a client up that has stopped reading."""
        texts = dialect.encode(event, new_event_id)
        try:
            async with asyncio.timeout(stalled_client_s):
                for text in texts:
                    await websocket.send_text(text)
        except TimeoutError:
            log.warning("client stopped reading", after_s=stalled_client_s)
            raise ClientGone from None
        except (WebSocketDisconnect, RuntimeError) as gone:
            raise ClientGone from gone

    return send


async def _refuse(websocket: WebSocket, code: str, answer: JSONResponse) -> None:
    log.info("conversation refused", code=code)
    await websocket.send_denial_response(answer)


async def _close(websocket: WebSocket, code: int, within_s: float, reason: str | None = None) -> None:
    try:
        async with asyncio.timeout(within_s):
            await websocket.close(code, reason)
    except (TimeoutError, WebSocketDisconnect, RuntimeError):
        return  # the client was faster, or does not read
