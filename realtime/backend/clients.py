"""Who calls, as far as places are shared out: whoever shows a key, or else the machine that a call comes from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from realtime.keys import digest_of

Client: TypeAlias = bytes | str
"""What a client is told from another by: a digest of its key, which is not kept, or its address."""


def client_of(peer: str, metadata: Iterable[tuple[str, str | bytes]], *, keyed: bool) -> Client:
    """Who calls from `peer`, an address as gRPC writes it (`ipv4:10.0.0.7:53212`), with `metadata`.

    `keyed` says that the door asks for keys. While it does not, anybody could make up a new one for each call, and what
    is shown does not count.
    """
    key = shown_key(metadata) if keyed else ""
    return digest_of(key) if key else peer.rpartition(":")[0]


def shown_key(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    """The KEY of `authorization: Bearer KEY`; empty if there is none."""
    shown = dict(metadata).get("authorization", "")
    scheme, _, key = (shown if isinstance(shown, str) else "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""
