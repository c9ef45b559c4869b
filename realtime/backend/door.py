"""The port: TLS and tokens before it, health and reflection beside the service."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from realtime.backend.calls import Calls
from realtime.backend.health import Health
from realtime.backend.premises import Premises
from realtime.backend.routes import Routes
from realtime.backend.service import SERVICE, make_service
from realtime.backend.sound.codec import THREADS as CODING_THREADS
from realtime.backend.threads import Threads
from realtime.backend.tokens import Doorkeeper
from realtime.errors import BadConfiguration
from realtime.keys import Keyring
from realtime.settings import GrpcSettings

log = structlog.get_logger(__name__)

KEEPALIVE_MS = 30_000
"""A client that has vanished is noticed after this, and its streams end."""

MOST_WATCHES = 512
"""Of the health, at once. Each is a call that does not end, and all calls together are limited."""


class Door:
    """A port that calls come in by, from `open` to `close`. Belongs to one event loop."""

    def __init__(self, premises: Premises, keyring: Keyring) -> None:
        self._settings = premises.settings.grpc
        self.address = ""
        """`host:port`, once it is open."""
        self.calls = Calls(self._settings, keyed=not keyring.empty)
        self._files = premises.files
        self._coding = Threads(CODING_THREADS, "coding")
        self._health = Health(MOST_WATCHES)
        limit = self._settings.max_message_bytes
        self._server = grpc.aio.server(
            interceptors=[Doorkeeper(keyring)],
            options=[
                ("grpc.max_receive_message_length", limit),
                ("grpc.max_send_message_length", limit),
                ("grpc.keepalive_time_ms", KEEPALIVE_MS),
                ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
                ("grpc.so_reuseport", 0),
                ("grpc.max_concurrent_streams", self._settings.max_calls + self._settings.max_streams),
            ],
            # Refused before anything of it is read: all that may be going on, as many who are told that there is no
            # room or ask how the server is, and those who watch that.
            maximum_concurrent_rpcs=2 * (self._settings.max_calls + self._settings.max_streams) + MOST_WATCHES,
        )
        self._routes = Routes(self._settings)
        self._server.add_generic_rpc_handlers((make_service(premises, self.calls, self._routes, self._coding),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = SERVICE.full_name, health.SERVICE_NAME, reflection.SERVICE_NAME
        reflection.enable_server_reflection(names, self._server)

    async def open(self) -> str:
        """Take calls; the address, `host:port`, that they are taken at.

        Raises `BadConfiguration` for an address that cannot be listened on, or certificates that cannot be used.
        Cancelling leaves the port shut.
        """
        await self.tell(serving=False)
        host, port = self._settings.host, self._settings.port
        shown = f"[{host}]" if ":" in host else host
        credentials = await asyncio.to_thread(_credentials, self._settings)
        try:
            if credentials:
                port = self._server.add_secure_port(f"{shown}:{port}", credentials)
            else:
                port = self._server.add_insecure_port(f"{shown}:{port}")
        except RuntimeError as problem:
            raise BadConfiguration(
                f"cannot listen for gRPC on {host} port {port} (settings 'grpc.host' and 'grpc.port')"
            ) from problem
        await self._server.start()
        self.address = f"{shown}:{port}"
        return self.address

    async def tell(self, *, serving: bool) -> None:
        """Tell whoever asks for the service's health."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in (health.OVERALL_HEALTH, SERVICE.full_name):
            await self._health.set(name, status)
        if serving:
            log.info("gRPC ready", address=self.address)

    async def close(self, grace_s: float) -> None:
        """Take no more calls, and end those that are going on after `grace_s`. Their threads, and those of `premises`'
        files, are over when it returns. Cancelling ends the calls now, and leaves the threads to end.
        """
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace_s)
        await self._routes.close()
        await self._coding.close()
        await self._files.close()


def _credentials(settings: GrpcSettings) -> grpc.ServerCredentials | None:
    """What the operator has given to encrypt with. Blocks."""
    if not (settings.tls_certificate and settings.tls_key):
        if settings.tls_certificate or settings.tls_key or settings.tls_client_authority:
            raise BadConfiguration("TLS needs both 'grpc.tls_certificate' and 'grpc.tls_key'")
        return None
    authority = settings.tls_client_authority
    return grpc.ssl_server_credentials(
        [(_read(settings.tls_key, "tls_key"), _read(settings.tls_certificate, "tls_certificate"))],
        root_certificates=_read(authority, "tls_client_authority") if authority else None,
        require_client_auth=authority is not None,
    )


def _read(path: Path, setting: str) -> bytes:
    try:
        return path.expanduser().read_bytes()
    except OSError as problem:
        raise BadConfiguration(f"cannot read 'grpc.{setting}' {path}: {problem.strerror}") from problem
