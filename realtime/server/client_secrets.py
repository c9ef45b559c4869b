"""Client secrets: keys that live for minutes and open conversations of one configuration, for browsers and phones.

Whoever holds a real key mints one and hands it to a page, which never sees the real one. A secret may be used several
times until it expires; a conversation begun in time goes on after that.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from realtime.ids import random_id
from realtime.keys import digest_of
from realtime.protocol.config import SessionConfig
from realtime.server.refusals import Refused, WrongKey

SECRET_PREFIX = "ek_"

MAX_SECRETS = 1000
"""Secrets that are kept at once, as many as an application hands out in ten minutes at one or two a second."""


class TooManySecrets(Refused):
    """As many secrets are alive as the server keeps."""

    status = 429
    code = "rate_limit_exceeded"


class SecretExpired(Refused):
    """The secret was good once."""

    status = 401
    code = "client_secret_expired"


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A secret as its minter sees it, once."""

    value: str = field(repr=False)
    expires_at: int
    """Unix seconds from which on it opens nothing."""


@dataclass(frozen=True, slots=True)
class _Kept:
    expires_at: int
    config: bytes = field(repr=False)
    """As JSON: what is a small text can be large as objects, and most secrets are used once or never."""


class ClientSecrets:
    """Those of one server. They are forgotten when it stops."""

    def __init__(self, unix_time_s: Callable[[], float] = time.time, limit: int = MAX_SECRETS) -> None:
        self._unix_time_s = unix_time_s
        self._limit = limit
        # By digest, so that the secrets themselves are nowhere, and looking one up compares nothing that could be
        # guessed letter by letter.
        self._kept: dict[bytes, _Kept] = {}

    def mint(self, config: SessionConfig, lifetime_s: int) -> ClientSecret:
        """A new secret for sessions that begin as `config`. Raises `TooManySecrets`."""
        self._make_room()
        secret = ClientSecret(random_id("ek"), int(self._unix_time_s()) + lifetime_s)
        self._kept[digest_of(secret.value)] = _Kept(secret.expires_at, msgspec.json.encode(config))
        return secret

    def redeem(self, value: str) -> SessionConfig:
        """What a session opened by `value` begins with. Raises `WrongKey` or `SecretExpired`."""
        kept = self._kept.get(digest_of(value))
        if kept is None:
            raise WrongKey("Incorrect client secret provided: this server does not know it.")
        if self._unix_time_s() >= kept.expires_at:
            raise SecretExpired("The client secret has expired; create a new one.")
        return msgspec.json.decode(kept.config, type=SessionConfig)

    def _make_room(self) -> None:
        # One that has expired stays until its place is wanted: its holder learns why it does not open any more.
        if len(self._kept) < self._limit:
            return
        oldest = min(self._kept, key=lambda digest: self._kept[digest].expires_at)
        if self._unix_time_s() < self._kept[oldest].expires_at:
            raise TooManySecrets(f"{self._limit} client secrets are alive already; try again when some have expired.")
        del self._kept[oldest]
