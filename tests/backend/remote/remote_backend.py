"""Backends that are somebody else's: as bare as the contract allows, or our own behind a door that can be shut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from realtime.backend.pb import backend_pb2 as pb
from realtime.engines.registry import Workshop
from realtime.engines.scheduler import Scheduler
from tests.backend.doorway import PATIENCE_S
from tests.dialogue import nothing_left_over

SERVICE = pb.DESCRIPTOR.services_by_name["Backend"]

Answer = Callable[[Any, Any], Any]
"""As grpc.aio calls it: with the request, or an iterator of them, and the context."""


class BareBackend:
    """A backend with `Health` and what `answers` has, at a free loopback port; all else is unimplemented.

    It has the standard health service only if it is `watched`.
    """

    def __init__(self, answers: Mapping[str, Answer] | None = None, *, watched: bool = False) -> None:
        self.calls: list[str] = []
        """What was called, in order."""
        self.metadata: list[dict[str, Any]] = []
        """What each call has shown."""
        self.ended: list[str] = []
        """Calls that are over, in whatever way."""
        self.answers = {"Health": _health, **(answers or {})}
        self._health = health.aio.HealthServicer() if watched else None
        self._server: Any = None
        self.address = "127.0.0.1:0"

    async def open(self, credentials: grpc.ServerCredentials | None = None) -> str:
        """Take calls, at the address of before if there was one."""
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        handlers = {name: self._handler(name) for name in self.answers}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE.full_name, handlers),))
        if self._health:
            health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
            await self.tell(serving=True)
        if credentials:
            port = self._server.add_secure_port(self.address, credentials)
        else:
            port = self._server.add_insecure_port(self.address)
        self.address = f"127.0.0.1:{port}"
        await self._server.start()
        return self.address

    async def close(self) -> None:
        """Break off all calls, and take no more."""
        await self._server.stop(0)

    async def tell(self, *, serving: bool) -> None:
        """Tell whoever watches."""
        assert self._health
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        await self._health.set(SERVICE.full_name, status)

    def _handler(self, name: str) -> grpc.RpcMethodHandler[Any, Any]:
        method, answer = SERVICE.methods_by_name[name], self.answers[name]

        def begin(context: Any) -> None:
            self.calls.append(name)
            self.metadata.append(dict(context.invocation_metadata()))

        async def one(request: Any, context: Any) -> Any:
            begin(context)
            try:
                return await answer(request, context)
            finally:
                self.ended.append(name)

        async def many(request: Any, context: Any) -> None:
            begin(context)  # and write: a generator that is cancelled while gRPC writes is never closed
            try:
                async with aclosing(answer(request, context)) as replies:
                    async for reply in replies:
                        await context.write(reply)
            finally:
                self.ended.append(name)

        async def two_way(_: Any, context: Any) -> None:
            async with aclosing(heard(context)) as requests:  # gRPC's own iterator would be left where it is
                await many(requests, context)

        coding: dict[str, Any] = {
            "request_deserializer": GetMessageClass(method.input_type).FromString,
            "response_serializer": GetMessageClass(method.output_type).SerializeToString,
        }
        if method.client_streaming:
            return grpc.stream_stream_rpc_method_handler(two_way, **coding)
        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(many, **coding)
        return grpc.unary_unary_rpc_method_handler(one, **coding)


async def heard(context: Any) -> AsyncGenerator[Any, None]:
    """What a client says."""
    while (request := await context.read()) is not grpc.aio.EOF:
        yield request


async def _health(request: Any, context: Any) -> pb.Reply:
    return pb.Reply(message=b"OK")


@asynccontextmanager
async def opened(*backends: BareBackend) -> AsyncIterator[str]:
    """Their addresses, as the configuration names them after `grpc://`, for as long as the context lasts."""
    try:
        yield ",".join([await backend.open() for backend in backends])
    finally:
        for backend in backends:
            await backend.close()


@asynccontextmanager
async def at_work(*backends: BareBackend) -> AsyncIterator[str]:
    """The same; and whoever has called them must leave nothing behind."""
    with nothing_left_over():
        tasks = asyncio.all_tasks()
        async with opened(*backends) as addresses:
            yield addresses
        if closing := asyncio.all_tasks() - tasks:  # gRPC's own end a moment after what they are for
            await asyncio.wait(closing, timeout=PATIENCE_S)


def workshop(address: str, **options: Any) -> Workshop:
    """For an engine behind `address`."""

    def model_path(name: str) -> Path:
        raise AssertionError("an engine elsewhere needs no model here")

    scheduler = Scheduler(1)
    scheduler.close()
    return Workshop(model_path=model_path, scheduler=scheduler, threads=1, options=options, address=address)
