"""How another machine is reached: addresses, token, TLS, limits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import grpc
from msgspec import Meta, field

from realtime.engines.registry import Options
from realtime.errors import BadConfiguration

SILENCE_MS = 360_000
"""A connection with a call on which nothing comes for so long is asked whether it is still there.

Not sooner: gRPC's servers, Go's and C's alike, by default count a ping within five minutes of the last one as abuse,
and hang up at the third. So do LocalAI's backends, which set nothing else; ours permits one every ten seconds.
"""

UNHEARD_MS = 10_000
"""A connection is broken off when so long nothing says that what was sent has arrived: neither that ping nor, on Linux,
anything at all (`TCP_USER_TIMEOUT`, which gRPC sets only where there is keepalive). So a call to a machine that has
vanished is lost after this, without any ping."""

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w.-]+):(\d{1,5})")


class Connection(Options):
    """How a backend is reached: options that every engine with `engine = "grpc://host:port"` has."""

    token: str = ""
    """Sent as `authorization: Bearer …`. Better given as REALTIME_<KIND>__TOKEN than written into a file."""
    tls: bool = False
    """Whether to encrypt, and to believe only a certificate for the address."""
    tls_authority: str = ""
    """PEM file of who signs such certificates; without it, those whom the system trusts."""
    tls_certificate: str = ""
    """PEM file of the certificate to show, for a backend that wants one."""
    tls_key: str = ""
    """PEM file of the key that belongs to it."""
    connect_timeout_s: Annotated[float, Meta(gt=0)] = 5.0
    """How long an address may take to be connected to before it counts as away."""
    deadline_s: Annotated[float, Meta(gt=0)] = 60.0
    """For a whole answer, all tries together."""
    max_message_bytes: Annotated[int, Meta(ge=1 << 16, le=1 << 30)] = 64 << 20
    """The largest message that is taken, and sent."""
    start_timeout_s: Annotated[float, Meta(gt=0)] = 30.0
    """How long the server waits at its start for a backend that is not there yet, or is loading."""
    required: bool = True
    """Whether the server refuses to start while no address answers; otherwise calls fail until one does."""
    load: dict[str, Any] = field(default_factory=dict)
    """Fields of `ModelOptions`, such as `{ Model = "…" }`: with any, `LoadModel` is called at the start."""

    def __rich_repr__(self) -> Any:
        """Everything but the token: options may end up in a log or a traceback."""
        yield from ((name, getattr(self, name)) for name in self.__struct_fields__ if name != "token")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What every call shows."""
        return (("authorization", f"Bearer {self.token}"),) if self.token else ()


@dataclass(frozen=True, slots=True, repr=False)
class Line:
    """All that channels are made of. Making one blocks: it reads the certificates."""

    addresses: tuple[str, ...]
    connection: Connection
    credentials: grpc.ChannelCredentials | None
    unwatched: frozenset[str] = frozenset()
    """Addresses known to have no health service."""

    @property
    def arguments(self) -> list[tuple[str, Any]]:
        """gRPC's own settings of every channel."""
        limit, patience_ms = self.connection.max_message_bytes, round(self.connection.connect_timeout_s * 1000)
        return [
            ("grpc.max_receive_message_length", limit),
            ("grpc.max_send_message_length", limit),
            ("grpc.initial_reconnect_backoff_ms", 200),
            ("grpc.min_reconnect_backoff_ms", patience_ms),  # also the longest that connecting may take
            ("grpc.max_reconnect_backoff_ms", 5000),
            ("grpc.keepalive_time_ms", SILENCE_MS),
            ("grpc.keepalive_timeout_ms", UNHEARD_MS),
            ("grpc.http2.max_pings_without_data", 0),  # as many: who listens to a long stream sends nothing
            ("grpc.enable_http_proxy", 0),  # backends are neighbours, whatever proxy the environment names
        ]


def make_line(addresses: str, connection: Connection) -> Line:
    """From what follows `grpc://`: `host:port`, or several with commas. Raises `BadConfiguration`. Blocks."""
    return Line(read_addresses(addresses), connection, _credentials(connection))


def read_addresses(text: str) -> tuple[str, ...]:
    """The addresses that `text` names, each once; raises `BadConfiguration` for what is none."""
    found: dict[str, None] = {}
    for address in (part.strip() for part in text.split(",")):
        match = _ADDRESS.fullmatch(address)
        if not match or not 0 < int(match[2]) < 65536:
            raise BadConfiguration(
                f"'grpc://{text}' is no address of a backend: it needs 'host:port', or several with commas"
            )
        found[address] = None
    return tuple(found)


def _credentials(connection: Connection) -> grpc.ChannelCredentials | None:
    files: Sequence[str] = (connection.tls_authority, connection.tls_certificate, connection.tls_key)
    if not connection.tls:
        if any(files):
            raise BadConfiguration("certificates of a backend are for `tls = true`, which is not set")
        return None
    if bool(connection.tls_certificate) != bool(connection.tls_key):
        raise BadConfiguration("to show a certificate to a backend, both `tls_certificate` and `tls_key` are needed")
    return grpc.ssl_channel_credentials(
        root_certificates=_read(connection.tls_authority, "tls_authority"),
        private_key=_read(connection.tls_key, "tls_key"),
        certificate_chain=_read(connection.tls_certificate, "tls_certificate"),
    )


def _read(path: str, option: str) -> bytes | None:
    try:
        return Path(path).expanduser().read_bytes() if path else None
    except OSError as problem:
        raise BadConfiguration(f"cannot read `{option}` {path}: {problem.strerror}") from problem
