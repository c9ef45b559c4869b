"""Engines that nobody else uses: loaded when somebody asks, freed when somebody asks, and the world is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from realtime.engines.ensemble import Engines
from realtime.engines.once import Once
from realtime.errors import RealtimeError


class OwnEngines:
    """Engines that only this service uses. They are closed by tasks of `tasks`; `tell` hears when they come and go,
    as long as `announce` runs, whoever still waits for them. Belongs to one event loop.
    """

    def __init__(
        self, open_engines: Callable[[], Engines], tasks: asyncio.TaskGroup, tell: Callable[[bool], Awaitable[None]]
    ) -> None:
        """`open_engines` is called in a thread."""
        self._changed = asyncio.Event()
        self._once = Once(open_engines, self._changed.set)
        self._tasks = tasks
        self._tell = tell
        self._telling = asyncio.Lock()
        self._told = False

    @property
    def engines(self) -> Engines | None:
        """None while they are not loaded."""
        return self._once.value

    @property
    def loading(self) -> bool:
        """Whether they are being loaded now."""
        return self._once.opening

    @property
    def problem(self) -> RealtimeError | None:
        """What kept them from being loaded the last time."""
        return self._once.problem

    async def announce(self) -> None:
        """Tell of their coming and going, until this is cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._tell_how_it_is()

    async def load(self) -> None:
        """Return when they are loaded, and that is told; raises what keeps them from it. Cancelling lets the loading
        go on.
        """
        await self._once.get()
        await self._tell_how_it_is()

    async def free(self) -> bool:
        """Let go of what is loaded: nobody gets it once this has begun. Cancelling lets the letting go go on."""
        if engines := self._once.take():
            await asyncio.shield(self._tasks.create_task(self._let_go(engines)))
        return True

    async def close(self) -> None:
        """Let them go, also what is being loaded. Cancelling leaves some of them open."""
        await self._once.settled()
        if engines := self._once.take():
            await self._let_go(engines)

    async def _let_go(self, engines: Engines) -> None:
        await self._tell_how_it_is()
        await engines.close()

    async def _tell_how_it_is(self) -> None:
        async with self._telling:  # one after the other: what is told last is what is so
            loaded = self.engines is not None
            if loaded is not self._told:
                await self._tell(loaded)
                self._told = loaded  # not before: who is cancelled here leaves it to `announce`
