"""Who may come in."""

from __future__ import annotations

import pytest
from starlette.requests import HTTPConnection

from realtime.keys import Keyring
from realtime.server.keys import shown_key


def connection(*protocols: str, **headers: str) -> HTTPConnection:
    """Somebody at the door."""
    raw = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return HTTPConnection({"type": "websocket", "headers": raw, "subprotocols": list(protocols)})


def test_a_ring_without_keys_knows_none() -> None:
    """Not even the empty one, which is what is shown by whoever shows none."""
    ring = Keyring([])
    assert ring.empty
    assert not ring.knows("whatever")
    assert not ring.knows("")


def test_the_keys_are_not_kept() -> None:
    """What is kept is enough to know them again."""
    ring = Keyring(["canary"])
    assert not ring.empty
    assert ring.knows("canary")
    assert "canary" not in repr(vars(ring))


@pytest.mark.parametrize(
    "somebody",
    [
        connection(authorization="Bearer two"),
        connection(authorization="bearer   two "),
        connection(api_key="two"),
        connection("realtime", "openai-insecure-api-key.two", "openai-beta.realtime-v1"),
        connection("openai-insecure-api-key.two", authorization="Basic b25l"),
    ],
)
def test_a_key_may_be_shown_in_any_way_that_clients_of_openai_know(somebody: HTTPConnection) -> None:
    """Header or subprotocol; any one of the operator's keys will do."""
    assert Keyring(["one", "two"]).knows(shown_key(somebody))


@pytest.mark.parametrize(
    "somebody",
    [
        connection(),
        connection(authorization="Bearer"),
        connection(authorization="Bearer "),
        connection(authorization="two"),
        connection(authorization="Bearer TWO"),
        connection(authorization="Bearer two2"),
        connection(authorization="Bearer one two"),
        connection(api_key=""),
        connection("realtime", "two"),
        connection("openai-insecure-api-key."),
        connection("openai-insecure-api-key.three"),
        connection("openai-insecure-api-key.two", authorization="Bearer three"),
        connection(authorization="Bearer \xe9"),
    ],
)
def test_whoever_shows_no_key_or_a_wrong_one_stays_outside(somebody: HTTPConnection) -> None:
    """However near it comes."""
    assert not Keyring(["one", "two"]).knows(shown_key(somebody))
