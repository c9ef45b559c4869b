"""Work that blocks, in threads of its own, so that whoever gives it up knows where it stands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TypeVar

from realtime.errors import EngineFailed

T = TypeVar("T")


class Threads:
    """A few threads for work of one kind: what is slow there keeps nothing else waiting.

    Not asyncio's own, in which conversations turn and decode their sound. More work than there are threads waits in
    the order of asking; a call asks for one thing at a time, so no more waits than there may be calls. There is no
    thread until there is work. Belongs to one event loop.
    """

    def __init__(self, most: int, name: str) -> None:
        """Up to `most` threads, whose names begin with `name`."""
        self._pool = ThreadPoolExecutor(most, thread_name_prefix=name)

    async def run(self, work: Callable[[], T], given_up: Event | None = None) -> T:
        """What `work()` returns, called in a thread; raises what it raises, and `EngineFailed` after `close`.

        Cancelling withdraws what still waits. If it runs already, that sets `given_up`, which long work looks at, and
        waits until the thread is done: what it works on is its own until then. Cancelling once more waits no longer.
        """
        try:
            asked = self._pool.submit(work)
        except RuntimeError as closed:
            raise EngineFailed("the door is closed") from closed
        working = asyncio.wrap_future(asked)
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            if asked.cancel():
                raise
            if given_up:
                given_up.set()
            await asyncio.wait([working])
            if not working.cancelled():
                working.exception()  # seen: whoever gave it up does not ask
            raise

    async def close(self) -> None:
        """Take no more work and end the threads, once what was asked for is done. Cancelling leaves them to end."""
        await asyncio.to_thread(self._pool.shutdown)
