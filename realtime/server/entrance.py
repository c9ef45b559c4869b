"""Who may come in, and what for: API keys, client secrets, and the origin of web pages."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from realtime.errors import ServerBusy
from realtime.protocol.config import SessionConfig
from realtime.server.client_secrets import SECRET_PREFIX
from realtime.server.keys import shown_key
from realtime.server.refusals import ForeignOrigin, WrongKey
from realtime.server.state import State

ANY_ORIGIN = "*"


def admit(connection: HTTPConnection, state: State) -> None:
    """Let somebody use the HTTP routes. Raises `WrongKey` or `ForeignOrigin`."""
    key = shown_key(connection)
    if state.keyring.knows(key):
        return
    if key.startswith(SECRET_PREFIX):
        raise WrongKey("A client secret opens conversations and nothing else; this needs an API key.")
    _admit_stranger(connection, state)


def admit_to_conversation(connection: HTTPConnection, state: State) -> SessionConfig | None:
    """Let somebody talk; what a client secret says the session begins with, None for whoever shows none.

    A secret must be right even where no keys are asked for: whoever shows one relies on what it was minted for.
    Raises `WrongKey`, `SecretExpired` or `ForeignOrigin`, and `ServerBusy` for whoever comes at a bad time.
    """
    config = _introduced(connection, state)
    if state.busy:
        raise ServerBusy("The server is busy with the conversations that are going on; try again in a moment.")
    return config


def _introduced(connection: HTTPConnection, state: State) -> SessionConfig | None:
    key = shown_key(connection)
    if state.keyring.knows(key):
        return None
    if key.startswith(SECRET_PREFIX):
        return state.client_secrets.redeem(key)
    _admit_stranger(connection, state)
    return None


def _admit_stranger(connection: HTTPConnection, state: State) -> None:
    """Somebody whose key says nothing. A page from elsewhere that shows no good one was sent by nobody we know."""
    if not state.keyring.empty:
        raise WrongKey("Incorrect API key provided.")
    origin = connection.headers.get("origin")
    if origin is None:
        return  # no browser
    _, _, place = origin.partition("://")
    own_page = bool(place) and place.lower() == connection.headers.get("host", "").lower()
    allowed = {known.rstrip("/").lower() for known in state.settings.server.allowed_origins}
    if not (own_page or ANY_ORIGIN in allowed or origin.lower() in allowed):
        raise ForeignOrigin("Web pages from this origin may not use this server; see 'server.allowed_origins'.")
