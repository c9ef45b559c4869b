"""From a thread that cannot wait to a coroutine that can."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Generic, TypeVar

T = TypeVar("T")


class Handoff(Generic[T]):
    """Items that a thread gives and a coroutine takes, until either has had enough.

    Made on the event loop that takes. The thread never waits: `limit` is more than it will ever give, and stands for
    that promise. A slow taker therefore costs memory, a little, and never the thread's time.
    """

    def __init__(self, limit: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[T | _End] = asyncio.Queue(limit)
        self._wanted = True

    def give(self, item: T) -> bool:
        """From the thread: the next item. Returns whether anybody wants another."""
        self._put(item)
        return self._wanted

    @property
    def given_up(self) -> bool:
        """Whether nobody wants any more."""
        return not self._wanted

    def end(self, failure: Exception | None = None) -> None:
        """From the thread: that was all, or `failure` was the reason to stop."""
        self._put(_End(failure))

    async def items(self) -> AsyncGenerator[T, None]:
        """What was given, in order, then the end. Cancelling, or closing it, tells the thread to stop."""
        try:
            while not isinstance(item := await self._queue.get(), _End):
                yield item
            if item.failure:
                raise item.failure
        finally:
            self._wanted = False

    def _put(self, item: T | _End) -> None:
        if not self._wanted:
            return
        try:
            self._loop.call_soon_threadsafe(self._queue.put_nowait, item)
        except RuntimeError:  # the loop is closed: nobody takes any more
            self._wanted = False


class _End:
    def __init__(self, failure: Exception | None) -> None:
        self.failure = failure
