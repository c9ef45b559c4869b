"""Calls that another backend answers: passed on as they are, and so are its answers and statuses.

Messages stay bytes on their way through, so that fields this project does not know survive it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from typing import Any

import grpc
import msgspec
from grpc.aio import AioRpcError

from realtime.backend.calls import Calls, Context, Send
from realtime.backend.remote.channels import Channels, TwoWay
from realtime.backend.remote.connection import Connection, make_line
from realtime.backend.remote.places import SERVICE
from realtime.backend.statuses import Relayed
from realtime.errors import BadConfiguration, EngineFailed
from realtime.settings import GrpcSettings

_SCHEME = "grpc://"

_AT_ONE_PLACE = frozenset(
    {
        *("StoresSet", "StoresGet", "StoresFind", "StoresDelete"),
        *("AudioEncode", "AudioDecode"),
        *("StartFineTune", "FineTuneProgress", "StopFineTune", "ListCheckpoints", "ExportModel"),
        *("StartQuantization", "QuantizationProgress", "StopQuantization"),
    }
)
"""Calls that go on with what one before them has left at a backend."""


class Routes:
    """The operator's table of them. Belongs to one event loop; making one blocks where certificates are to be read.

    Raises `BadConfiguration` for calls, addresses or options that there cannot be.
    """

    def __init__(self, settings: GrpcSettings) -> None:
        connection = _connection(settings)
        self._channels: dict[str, Channels] = {}
        """By where they lead."""
        self._routes: dict[str, Channels] = {}
        """By the calls that take them."""
        for name, target in settings.routes.items():
            _check(name, target)
            if target not in self._channels:
                self._channels[target] = Channels(make_line(target.removeprefix(_SCHEME), connection), raw=True)
            self._routes[name] = self._channels[target]

    def handler(self, name: str, calls: Calls) -> grpc.RpcMethodHandler[Any, Any] | None:
        """What answers the call `name` from elsewhere; None for one that has no route."""
        if not (channels := self._routes.get(name)):
            return None
        method = SERVICE.methods_by_name[name]
        route = _Route(name, channels, calls)
        if method.client_streaming:
            return grpc.stream_stream_rpc_method_handler(route.two_way)
        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(route.streaming)
        return grpc.unary_unary_rpc_method_handler(route.unary)

    async def close(self) -> None:
        """Close the channels. Cancelling leaves some open."""
        for channels in self._channels.values():
            await channels.close()


class _Route:
    """One call's way."""

    def __init__(self, name: str, channels: Channels, calls: Calls) -> None:
        self._name = name
        self._channels = channels
        self._calls = calls

    async def unary(self, request: bytes, context: Context) -> Any:
        """As gRPC calls it."""

        async def forward(request: bytes) -> Any:
            with _relaying():
                return await self._channels.unary(self._name, request, deadline_s=context.time_remaining())

        return await self._calls.unary(self._name, forward)(request, context)

    async def streaming(self, request: bytes, context: Context) -> None:
        """As gRPC calls it."""

        async def forward(request: bytes) -> AsyncGenerator[bytes, None]:
            answers = self._channels.streaming(self._name, request, deadline_s=context.time_remaining())
            with _relaying():
                async with aclosing(answers):
                    async for answer in answers:
                        yield answer

        await self._calls.streaming(self._name, forward)(request, context)

    async def two_way(self, requests: Any, context: Context) -> None:
        """As gRPC calls it."""

        async def forward(heard: AsyncIterator[bytes], send: Send) -> None:
            with _relaying():
                async with self._channels.two_way(self._name, deadline_s=context.time_remaining()) as stream:
                    await _converse(heard, stream, send)

        await self._calls.two_way(self._name, forward)(requests, context)


async def _converse(heard: AsyncIterator[bytes], stream: TwoWay, send: Send) -> None:
    """Pass on what either side says until the far one has said all."""
    failure: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as tasks:
            passing_on = tasks.create_task(_pass_on(heard, stream))
            async with aclosing(stream.replies()) as replies:
                async for reply in replies:
                    await send(reply)
            passing_on.cancel()
    except* EngineFailed as problems:
        failure = problems.exceptions[0]
    if failure:  # raised here, where it is no group any more
        raise failure


async def _pass_on(heard: AsyncIterator[bytes], stream: TwoWay) -> None:
    async for request in heard:
        await stream.send(request)
    await stream.end()


@contextmanager
def _relaying() -> Iterator[None]:
    """A failure of the far side's is passed on in its own words."""
    try:
        yield
    except EngineFailed as problem:
        if isinstance(told := problem.__cause__, AioRpcError):
            raise Relayed(told.code(), told.details() or "", tuple(told.trailing_metadata() or ())) from problem
        raise


def _connection(settings: GrpcSettings) -> Connection:
    bounds = {"deadline_s": settings.deadline_s, "max_message_bytes": settings.max_message_bytes}
    try:
        return msgspec.convert({**bounds, **settings.route_options}, Connection, strict=False)
    except msgspec.ValidationError as problem:
        raise BadConfiguration(f"'grpc.route_options': {problem}") from problem


def _check(name: str, target: str) -> None:
    if name not in SERVICE.methods_by_name:
        known = ", ".join(sorted(SERVICE.methods_by_name))
        raise BadConfiguration(f"'grpc.routes.{name}': there is no such call; there are: {known}")
    if not target.startswith(_SCHEME):
        raise BadConfiguration(f"'grpc.routes.{name}' must be 'grpc://host:port', or several addresses with commas")
    if name in _AT_ONE_PLACE and "," in target:
        raise BadConfiguration(
            f"'grpc.routes.{name}' must be one address: what the call before has left lies at one backend only"
        )
