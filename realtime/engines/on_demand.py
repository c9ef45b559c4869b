"""Engines that no conversation needs: opened when somebody first asks for one, once, and shared from then on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeAlias

from realtime.engines.embedder import Embedder
from realtime.engines.registry import Kind
from realtime.engines.speaker import SpeakerEncoder
from realtime.engines.transform import Transform

Opener: TypeAlias = Callable[[Kind, str | None], Any]
"""Opens the engine of a kind, the configured one or the one named. Blocks: called in a thread."""


class OnDemand:
    """The engines that were asked for so far. Belongs to one event loop."""

    def __init__(self, open_engine: Opener) -> None:
        self._open_engine = open_engine
        self._opened: dict[tuple[Kind, str | None], Any] = {}
        self._opening: dict[tuple[Kind, str | None], asyncio.Lock] = {}

    async def embedder(self) -> Embedder:
        """The configured one; raises as `open_engine` does. Cancelling leaves it to whoever asks next to open it."""
        embedder: Embedder = await self._get("embedder")
        return embedder

    async def speaker(self) -> SpeakerEncoder:
        """The configured one; raises as `open_engine` does. Cancelling leaves it to whoever asks next to open it."""
        speaker: SpeakerEncoder = await self._get("speaker")
        return speaker

    async def transform(self, name: str) -> Transform:
        """The one called `name`; raises as `open_engine` does. Cancelling leaves it to whoever asks next to open it."""
        transform: Transform = await self._get("transform", name)
        return transform

    @property
    def opened(self) -> tuple[str, ...]:
        """What is open, by kind, or by name where several of a kind may be."""
        return tuple(name or kind for kind, name in self._opened)

    async def close(self) -> None:
        """Let all of them go; who asks again opens them again. Cancelling leaves some of them open."""
        while self._opened:
            _, engine = self._opened.popitem()
            await engine.close()

    async def _get(self, kind: Kind, name: str | None = None) -> Any:
        key = kind, name
        async with self._opening.setdefault(key, asyncio.Lock()):
            if key not in self._opened:
                self._opened[key] = await asyncio.to_thread(self._open_engine, kind, name)
            return self._opened[key]
