"""`realtime serve`: the server, until Ctrl-C."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from realtime.cli.context import ConfigOption, open_store, plain_errors, read_settings
from realtime.settings import Settings


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; 0.0.0.0 for every network.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 for any free one.")] = None,
    grpc_port: Annotated[
        int | None, typer.Option(help="Port to listen on for gRPC, 50051 by default; 0 for any free one.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Start the server and print its address.

    Clients of the OpenAI Realtime API connect to ws://HOST:PORT/v1/realtime with any model name; the address opened
    in a browser is a page to talk to. Ctrl-C lets running replies finish; twice stops at once.

    Models must be there already: `realtime models pull` fetches them.
    """
    chosen: dict[str, Any] = {key: value for key, value in {"host": host, "port": port}.items() if value is not None}
    with plain_errors():
        tables: dict[str, Any] = {"server": chosen} if chosen else {}
        if grpc_port is not None:
            tables["grpc"] = {"port": grpc_port}
        settings = read_settings(config, tables)
        _run(settings)


def _run(settings: Settings) -> None:
    # Imported here so that `realtime --help` need not load a web server.
    from realtime.logs import set_up_logs
    from realtime.server.serve import serve as serve_until_signal

    set_up_logs(settings.log)

    def ready(address: str, grpc_address: str | None) -> None:
        grpc = f", or over gRPC to {grpc_address}" if grpc_address else ""
        typer.secho(f"\n  Ready. Open {address} and talk, or connect a client to {address}/v1{grpc}\n", fg="green")

    with asyncio.Runner(loop_factory=_event_loop) as runner:
        runner.run(serve_until_signal(settings, open_store(settings).path, ready))


def _event_loop() -> asyncio.AbstractEventLoop:
    """uvloop where it exists: half as many microseconds for each message."""
    try:
        import uvloop
    except ModuleNotFoundError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
