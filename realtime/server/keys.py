"""Who may come in: API keys, from a header or from a browser's WebSocket subprotocol."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from starlette.requests import HTTPConnection

SUBPROTOCOL_PREFIX = "openai-insecure-api-key."
"""A browser cannot set headers on a WebSocket; OpenAI's clients put the key into a subprotocol of this name."""


class Keyring:
    """The operator's API keys. While there are none, everybody may come in."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._keys = tuple(key.encode() for key in keys)

    def admits(self, connection: HTTPConnection) -> bool:
        """Whether the connection shows one of the keys. Takes the same time for every wrong one."""
        if not self._keys:
            return True
        shown = _shown_key(connection).encode()
        return any(secrets.compare_digest(shown, key) for key in self._keys)


def _shown_key(connection: HTTPConnection) -> str:
    scheme, _, key = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    for protocol in connection.scope.get("subprotocols", []):
        if protocol.startswith(SUBPROTOCOL_PREFIX):
            return str(protocol.removeprefix(SUBPROTOCOL_PREFIX))
    return connection.headers.get("api-key", "")
