"""Another machine, as near as a test can have it: a door on an event loop of its own, in a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from threading import Thread

from realtime.backend.premises import Premises
from tests.backend.doorway import Doorway


@asynccontextmanager
async def elsewhere(premises: Premises) -> AsyncIterator[str]:
    """Its address, for as long as the context lasts. What fails there when it closes fails here."""
    address: Future[str] = Future()
    closing: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
    closed: Future[None] = Future()

    async def serve() -> None:
        over = asyncio.Event()
        closing.set_result((asyncio.get_running_loop(), over))
        async with Doorway(premises) as door:
            address.set_result(door.address)
            await over.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as problem:
            for told in (address, closed):
                if not told.done():
                    told.set_exception(problem)
        else:
            closed.set_result(None)

    Thread(target=run, name="elsewhere").start()
    try:
        yield await asyncio.wrap_future(address)
    finally:
        loop, over = closing.result()
        loop.call_soon_threadsafe(over.set)
        await asyncio.wrap_future(closed)
