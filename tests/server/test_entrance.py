"""Who may come in: keys, client secrets, and web pages from here and elsewhere."""

from __future__ import annotations

import pytest
from starlette.requests import HTTPConnection

from realtime.protocol.config import first_config
from realtime.server.entrance import admit, admit_to_conversation
from realtime.server.refusals import ForeignOrigin, WrongKey
from realtime.server.state import State, new_state
from realtime.settings import RemoteToolSettings, ServerSettings, Settings

CONFIG = first_config("house-voice", "Be brief.")


def server(*, api_keys: tuple[str, ...] = (), allowed_origins: tuple[str, ...] = ()) -> State:
    """A server that asks for these."""
    asked = ServerSettings(api_keys=api_keys, allowed_origins=allowed_origins)
    return new_state(Settings(server=asked, mcp=RemoteToolSettings(enabled=False)))


def somebody(key: str = "", origin: str | None = None, host: str = "localhost:8000") -> HTTPConnection:
    """Somebody at the door."""
    headers = {"host": host, "authorization": f"Bearer {key}"} | ({} if origin is None else {"origin": origin})
    return HTTPConnection(
        {"type": "http", "headers": [(name.encode(), value.encode()) for name, value in headers.items()]}
    )


def test_everybody_may_come_in_while_there_are_no_keys() -> None:
    """With any key, or none; what a session begins with is theirs to say."""
    for key in ("", "whatever", "sk-123"):
        admit(somebody(key), server())
        assert admit_to_conversation(somebody(key), server()) is None


def test_where_keys_are_asked_for_one_must_be_shown() -> None:
    """A right one."""
    state = server(api_keys=("one", "two"))
    admit(somebody("two"), state)
    assert admit_to_conversation(somebody("one"), state) is None
    for key in ("", "three"):
        with pytest.raises(WrongKey):
            admit(somebody(key), state)
        with pytest.raises(WrongKey):
            admit_to_conversation(somebody(key), state)


@pytest.mark.parametrize("api_keys", [(), ("one",)])
def test_a_client_secret_opens_conversations_and_nothing_else(api_keys: tuple[str, ...]) -> None:
    """Whether or not the server asks for keys; a forged one opens nothing."""
    state = server(api_keys=api_keys)
    secret = state.client_secrets.mint(CONFIG, 600).value
    assert admit_to_conversation(somebody(secret), state) == CONFIG
    with pytest.raises(WrongKey, match="needs an API key"):
        admit(somebody(secret), state)
    with pytest.raises(WrongKey, match="does not know"):
        admit_to_conversation(somebody("ek_forged"), state)


def test_the_operators_own_key_may_look_like_a_secret() -> None:
    """It is one of the keys all the same."""
    state = server(api_keys=("ek_house",))
    admit(somebody("ek_house"), state)
    assert admit_to_conversation(somebody("ek_house"), state) is None


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://localhost:8000", "localhost:8000"),
        ("https://voice.example", "voice.example"),
        ("https://Voice.example", "voice.EXAMPLE"),
        ("http://[::1]:8000", "[::1]:8000"),
    ],
)
def test_the_servers_own_page_may_come_in(origin: str, host: str) -> None:
    """By whatever name the browser knows the server; behind a proxy it knows it by HTTPS."""
    admit(somebody(origin=origin, host=host), server())


@pytest.mark.parametrize(
    "origin",
    [
        "https://elsewhere.example",
        "http://localhost:3000",
        "http://localhost",
        "http://localhost:8000.elsewhere.example",
        "localhost:8000",
        "null",
        "",
    ],
)
def test_a_page_from_elsewhere_stays_outside(origin: str) -> None:
    """Any key is welcome, but not from there: the page's reader has not sent it."""
    for at_the_door in (somebody(origin=origin), somebody("any-key", origin=origin)):
        with pytest.raises(ForeignOrigin):
            admit(at_the_door, server())
        with pytest.raises(ForeignOrigin):
            admit_to_conversation(at_the_door, server())


def test_a_page_that_names_neither_itself_nor_the_server_stays_outside() -> None:
    """Nothing is not the same host as nothing."""
    with pytest.raises(ForeignOrigin):
        admit(somebody(origin="null", host=""), server())


def test_the_operator_may_let_other_pages_in() -> None:
    """Some, or any; the server's own may always."""
    some = server(allowed_origins=("https://App.example/", "http://localhost:3000"))
    for origin in ("https://app.example", "http://localhost:3000", "http://localhost:8000"):
        admit(somebody(origin=origin), some)
    for origin in ("http://app.example", "https://app.example:8443", "https://other.example"):
        with pytest.raises(ForeignOrigin):
            admit(somebody(origin=origin), some)
    for origin in ("https://other.example", "null"):
        admit(somebody(origin=origin), server(allowed_origins=("*",)))


def test_a_page_from_anywhere_may_come_in_with_a_key_that_is_known() -> None:
    """Its application has given it one; that is what client secrets are for."""
    state = server(api_keys=("one",))
    secret = state.client_secrets.mint(CONFIG, 600).value
    assert admit_to_conversation(somebody(secret, "https://app.example"), state) == CONFIG
    admit(somebody("one", "https://app.example"), state)
    with pytest.raises(WrongKey):
        admit(somebody("three", "http://localhost:8000"), state)
