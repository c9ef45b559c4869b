"""Engines that no conversation needs: opened when somebody first asks for one, once, and shared from then on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from realtime.engines.embedder import Embedder
from realtime.engines.once import Once
from realtime.engines.registry import Kind
from realtime.engines.speaker import SpeakerEncoder
from realtime.engines.transform import Transform
from realtime.errors import UnknownEngine

Opener: TypeAlias = Callable[[Kind, str | None], Any]
"""Opens the engine of a kind, the configured one or the one named. Blocks: called in a thread."""


def open_nothing(kind: Kind, name: str | None) -> Any:
    """For engines beside which no others can be opened: always raises `UnknownEngine`."""
    raise UnknownEngine(f"no {kind} engine can be opened here")


class OnDemand:
    """The engines that were asked for so far. Belongs to one event loop."""

    def __init__(self, open_engine: Opener = open_nothing) -> None:
        self._open_engine = open_engine
        self._engines: dict[tuple[Kind, str | None], Once[Any]] = {}
        self._leaving: list[Any] = []
        """Taken, and not closed yet."""
        self._letting_go = asyncio.Lock()

    async def embedder(self) -> Embedder:
        """The configured one; raises as `open_engine` does. Cancelling lets the opening go on."""
        embedder: Embedder = await self._get("embedder")
        return embedder

    async def speaker(self) -> SpeakerEncoder:
        """The configured one; raises as `open_engine` does. Cancelling lets the opening go on."""
        speaker: SpeakerEncoder = await self._get("speaker")
        return speaker

    async def transform(self, name: str) -> Transform:
        """The one called `name`; raises as `open_engine` does. Cancelling lets the opening go on."""
        transform: Transform = await self._get("transform", name)
        return transform

    @property
    def opened(self) -> tuple[str, ...]:
        """What is open, by kind, or by name where several of a kind may be."""
        return tuple(name or kind for (kind, name), engine in self._engines.items() if engine.value is not None)

    async def free(self) -> None:
        """Let go of those that are open: nobody gets one of them once this has begun, and who asks again opens it
        again. What is being opened stays, for whoever wants it. Cancelling lets the letting go go on; `close` waits
        for it.
        """
        self._take()
        await asyncio.shield(self._let_go())

    async def close(self) -> None:
        """Let all of them go, also what is being opened; who asks again opens it again. Cancelling leaves some of them
        open.
        """
        for once in tuple(self._engines.values()):
            await once.settled()
        self._take()
        await self._let_go()

    def _take(self) -> None:
        taken = (once.take() for once in self._engines.values())
        self._leaving += (engine for engine in taken if engine is not None)

    async def _let_go(self) -> None:
        async with self._letting_go:  # who comes second returns when what came first is closed too
            while self._leaving:
                await self._leaving.pop().close()

    async def _get(self, kind: Kind, name: str | None = None) -> Any:
        key = kind, name
        if key not in self._engines:
            self._engines[key] = Once(partial(self._open_engine, kind, name))
        return await self._engines[key].get()
