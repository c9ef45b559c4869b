"""The conversations going on right now, by whatever door: how many there may be, and how they end with the server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from realtime.conductor.conductor import Conductor
from realtime.errors import ServerFull, ServerStopping

LAST_WORDS_S = 2.0
"""How long conversations may take to end once their time is up."""


class Conversations:
    """Counts conversations in and out. Belongs to one event loop."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._going_on: set[Conductor] = set()
        self._all_over = asyncio.Event()
        self._all_over.set()
        self.draining = False

    def __len__(self) -> int:
        return len(self._going_on)

    def check_room(self) -> None:
        """Raise `ServerFull` when one more conversation would be too many, `ServerStopping` when none can begin."""
        if self.draining:
            raise ServerStopping("The server is shutting down.")
        if len(self._going_on) >= self._limit:
            raise ServerFull(f"The server holds {self._limit} conversations already; try again later.")

    @contextmanager
    def hold(self, conductor: Conductor) -> Iterator[None]:
        """The conversation is going on for as long as the context lasts. Raises what `check_room` raises."""
        self.check_room()
        self._going_on.add(conductor)
        self._all_over.clear()
        try:
            yield
        finally:
            self._going_on.remove(conductor)
            if not self._going_on:
                self._all_over.set()

    async def drain(self, within_s: float) -> None:
        """Take no more, let running replies finish, and return when all is over or `within_s` seconds have passed.

        Cancelling returns at once; conversations stay told that the server is about to stop.
        """
        self.draining = True
        try:
            async with asyncio.timeout(within_s), asyncio.TaskGroup() as tasks:
                telling = [tasks.create_task(conductor.drain()) for conductor in self._going_on]
                await self._all_over.wait()
                for told in telling:
                    told.cancel()  # one that was over before it could listen never will
        except TimeoutError:
            await self._end_all()

    async def _end_all(self) -> None:
        """End what is still going on, as politely as a moment allows."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S), asyncio.TaskGroup() as tasks:
                telling = [tasks.create_task(conductor.stop()) for conductor in self._going_on]
                await self._all_over.wait()
                for told in telling:
                    told.cancel()
