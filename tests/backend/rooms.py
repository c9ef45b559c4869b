"""Rooms of the gRPC service without gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from realtime.backend.calls import TwoWay
from realtime.backend.files import Files
from realtime.backend.premises import Premises
from realtime.engines.ensemble import Engines
from realtime.engines.on_demand import OnDemand
from realtime.engines.registry import Kind
from realtime.errors import RealtimeError, UnknownEngine
from realtime.settings import GrpcSettings, Settings
from realtime.vectors import VectorStore
from tests.fakes import fake_engines

T = TypeVar("T")


class Loaded:
    """Engines that are there until they are freed, and come back when they are asked for."""

    def __init__(self, engines: Engines) -> None:
        self.engines: Engines | None = engines
        self._kept = engines
        self.loading = False
        self.problem: RealtimeError | None = None

    async def load(self) -> None:
        if self.problem:
            raise self.problem
        self.engines = self._kept

    async def free(self) -> bool:
        self.engines = None
        await self._kept.on_demand.close()
        return True


def premises_of(
    engines: Engines | None = None,
    *directories: Path,
    on_demand: Mapping[str, Callable[[], Any]] | None = None,
    **grpc: Any,
) -> Premises:
    """The premises of a service on `engines` (scripted ones by default), whose calls may name files in `directories`.

    `on_demand` makes the engines that are opened when asked for, by kind, or by name for transforms.
    """
    makers = on_demand or {}

    def open_one(kind: Kind, name: str | None) -> Any:
        if (name or kind) not in makers:
            raise UnknownEngine(f"no {kind} engine {name!r}")
        return makers[name or kind]()

    settings = Settings(grpc=GrpcSettings(**{"port": 0, "directories": directories, **grpc}))
    engines = replace(engines or fake_engines(), on_demand=OnDemand(open_one))
    return Premises(
        settings=settings,
        files=Files(directories),
        loader=Loaded(engines),
        vectors=VectorStore(settings.grpc.store),
    )


async def said(*messages: T) -> AsyncIterator[T]:
    """What a client says, and then no more."""
    for message in messages:
        yield message


async def everything(messages: AsyncIterable[T]) -> list[T]:
    """All that comes."""
    return [message async for message in messages]


async def all_sent(call: TwoWay, *messages: Any) -> list[Any]:
    """What a two-way call answers to these messages."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await call(said(*messages), send)
    return sent
