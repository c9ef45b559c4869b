"""Which dialect a client asks for, and what it is answered."""

from __future__ import annotations

import pytest
from starlette.requests import HTTPConnection

from realtime.server.dialects import BETA, GA, answered_subprotocol, spoken_dialect


def connection(*protocols: str, **headers: str) -> HTTPConnection:
    """Somebody at the door."""
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return HTTPConnection({"type": "websocket", "headers": raw, "subprotocols": list(protocols)})


@pytest.mark.parametrize(
    "client",
    [
        connection(openai_beta="realtime=v1"),
        connection(openai_beta="assistants=v2, Realtime=v1"),
        connection("openai-beta.realtime-v1"),
        connection("realtime", "openai-insecure-api-key.k", "openai-beta.realtime-v1"),
    ],
)
def test_beta_is_spoken_to_whoever_asks_for_it(client: HTTPConnection) -> None:
    """In a header or in a subprotocol."""
    assert spoken_dialect(client) is BETA


@pytest.mark.parametrize(
    "client",
    [
        connection(),
        connection("realtime"),
        connection("realtime", "openai-beta.x"),
        connection(openai_beta="assistants=v2"),
        connection(openai_beta="realtime=v2"),
        connection(openai_beta=""),
        connection("realtime", "openai-insecure-api-key.openai-beta.realtime-v1"),
    ],
)
def test_ga_is_spoken_to_everybody_else(client: HTTPConnection) -> None:
    """Other betas are others' business."""
    assert spoken_dialect(client) is GA


@pytest.mark.parametrize(
    ("offered", "taken"),
    [
        ((), None),
        (("realtime", "openai-insecure-api-key.k", "openai-beta.realtime-v1"), "realtime"),
        (("openai-beta.realtime-v1", "realtime"), "realtime"),
        (("openai-insecure-api-key.k", "openai-beta.realtime-v1"), "openai-beta.realtime-v1"),
        (("openai-insecure-api-key.k",), None),
        (("chat",), None),
    ],
)
def test_a_subprotocol_is_agreed_on(offered: tuple[str, ...], taken: str | None) -> None:
    """One that was offered, and never the one that holds the key."""
    assert answered_subprotocol(connection(*offered)) == taken
