"""Which of the protocol's two dialects a client speaks, and how it is read and written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from realtime.protocol import beta, wire
from realtime.protocol.client_events import ClientEvent
from realtime.protocol.server_events import ServerEvent

BETA_HEADER_VALUE = "realtime=v1"
BETA_SUBPROTOCOL = "openai-beta.realtime-v1"
"""A browser cannot set headers on a WebSocket."""

_ANSWERED_SUBPROTOCOLS = ("realtime", BETA_SUBPROTOCOL)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How events are read and written."""

    name: str
    decode: Callable[[str], ClientEvent]
    """Raises `UnreadableEvent`."""
    encode: Callable[[ServerEvent, Callable[[], str]], Iterable[str]]
    """The texts that say one event, perhaps none; each is given an id by the function."""


def _encode_ga(event: ServerEvent, new_event_id: Callable[[], str]) -> Iterable[str]:
    return (wire.encode(event, new_event_id()),)


GA = Dialect("ga", wire.decode, _encode_ga)
BETA = Dialect("beta", beta.decode, beta.encode)


def spoken_dialect(connection: HTTPConnection) -> Dialect:
    """The one that the client asks for as it connects."""
    headers = connection.headers.getlist("openai-beta")
    wanted = {value.strip().lower() for header in headers for value in header.split(",")}
    if BETA_HEADER_VALUE in wanted or BETA_SUBPROTOCOL in _offered(connection):
        return BETA
    return GA


def answered_subprotocol(connection: HTTPConnection) -> str | None:
    """The subprotocol to agree on: a browser hangs up when it offered some and none is taken. Never the one with a key.

    None when the client offered none of those we know.
    """
    return next((name for name in _ANSWERED_SUBPROTOCOLS if name in _offered(connection)), None)


def _offered(connection: HTTPConnection) -> list[str]:
    return list(connection.scope.get("subprotocols", []))
