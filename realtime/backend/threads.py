"""Work that blocks, in a thread, so that whoever gives it up knows where it stands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Event
from typing import TypeVar

T = TypeVar("T")


async def in_thread(work: Callable[[], T], given_up: Event | None = None) -> T:
    """What `work()` returns, called in a thread; raises what it raises.

    Cancelling sets `given_up`, which long work looks at, and waits until the thread is done: what it works on is its
    own until then.
    """
    working = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        if given_up:
            given_up.set()
        await asyncio.wait([working])
        if not working.cancelled():
            working.exception()  # seen: whoever gave it up does not ask
        raise
