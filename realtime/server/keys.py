"""API keys: which one a client shows, in a header or in a browser's WebSocket subprotocol, and whether it is known."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from hashlib import sha256

from starlette.requests import HTTPConnection

SUBPROTOCOL_PREFIX = "openai-insecure-api-key."
"""A browser cannot set headers on a WebSocket; OpenAI's clients put the key into a subprotocol of this name."""


class Keyring:
    """The operator's API keys, of which only digests are kept. While there are none, everybody may come in."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._digests = tuple(digest_of(key) for key in keys)

    @property
    def empty(self) -> bool:
        """Whether the operator has not asked for keys."""
        return not self._digests

    def knows(self, key: str) -> bool:
        """Whether `key` is one of the keys. Takes the same time whatever it is."""
        shown = digest_of(key)
        return sum(secrets.compare_digest(shown, digest) for digest in self._digests) > 0


def digest_of(key: str) -> bytes:
    """What may be kept of a key: enough to know it again, and not the key."""
    return sha256(key.encode()).digest()


def shown_key(connection: HTTPConnection) -> str:
    """The key that the client shows; empty if it shows none."""
    scheme, _, key = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    for protocol in connection.scope.get("subprotocols", []):
        if protocol.startswith(SUBPROTOCOL_PREFIX):
            return str(protocol.removeprefix(SUBPROTOCOL_PREFIX))
    return connection.headers.get("api-key", "")
