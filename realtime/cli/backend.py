"""`realtime backend`: the gRPC service alone."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec.structs import replace

from realtime.cli.context import ConfigOption, open_store, plain_errors, read_settings
from realtime.errors import BadConfiguration
from realtime.settings import Settings

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def backend(
    addr: Annotated[str, typer.Option(help="HOST:PORT to listen on; port 0 for any free one.")] = "127.0.0.1:50051",
    directory: Annotated[
        list[Path] | None,
        typer.Option(
            help="A folder that calls may name files in, again for more. By default the machine's temporary one, where "
            "only this machine can call, and none elsewhere."
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Offer the engines over gRPC as a LocalAI backend, and nothing else.

    LocalAI takes it as an external backend: `--external-grpc-backends "voice:HOST:PORT"`. It hands sound over in files;
    only those in the folders named here are touched.
    """
    with plain_errors():
        host, port = _parts(addr)
        chosen: dict[str, Any] = {"host": host, "port": port}
        if directory:
            chosen["directories"] = [str(folder) for folder in directory]
        settings = read_settings(config, {"grpc": chosen})
        if not settings.grpc.directories and host in LOOPBACK:
            chosen["directories"] = [tempfile.gettempdir()]
            settings = read_settings(config, {"grpc": chosen})
        _run(_with_grammars(settings))


def _parts(addr: str) -> tuple[str, int]:
    host, _, port = addr.rpartition(":")
    if not host or not port.isdecimal():
        raise BadConfiguration(f"--addr must be HOST:PORT, not {addr!r}")
    return host.strip("[]"), int(port)


def _with_grammars(settings: Settings) -> Settings:
    """Allowed unless the operator forbids them: LocalAI writes them itself, and no conversation comes over HTTP."""
    chat = settings.chat
    if chat.engine != "llama-cpp":
        return settings
    allowed = replace(chat, options={"grammars": True, **chat.options})
    return replace(settings, chat=allowed)


def _run(settings: Settings) -> None:
    # Imported here so that `realtime --help` need not load gRPC and the engines.
    from realtime.backend.alone import serve_alone
    from realtime.logs import set_up_logs

    set_up_logs(settings.log)

    def ready(address: str) -> None:
        typer.secho(f"\n  Listening for gRPC on {address}\n", fg="green")

    asyncio.run(serve_alone(settings, open_store(settings).path, ready))
