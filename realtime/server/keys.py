"""Where a client shows its API key: in a header, or in a browser's WebSocket subprotocol."""

from __future__ import annotations

from starlette.requests import HTTPConnection

SUBPROTOCOL_PREFIX = "openai-insecure-api-key."
"""A browser cannot set headers on a WebSocket; OpenAI's clients put the key into a subprotocol of this name."""


def shown_key(connection: HTTPConnection) -> str:
    """The key that the client shows; empty if it shows none."""
    scheme, _, key = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    for protocol in connection.scope.get("subprotocols", []):
        if protocol.startswith(SUBPROTOCOL_PREFIX):
            return str(protocol.removeprefix(SUBPROTOCOL_PREFIX))
    return connection.headers.get("api-key", "")
