"""Work in threads: what is given up, what waits, and what is left of them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from threading import Event

import pytest

from realtime.backend.threads import Threads
from realtime.errors import EngineFailed

PATIENCE_S = 5


@pytest.fixture
async def threads() -> AsyncGenerator[Threads, None]:
    """One thread."""
    one = Threads(1, "test")
    yield one
    await one.close()


def names() -> list[str]:
    """Of its threads."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("test_")]


async def test_what_it_returns_or_raises_comes_back(threads: Threads) -> None:
    assert await threads.run(lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 // 0)


@pytest.mark.parametrize("fails", [False, True])
async def test_who_gives_up_waits_until_it_is_done(
    threads: Threads, fails: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told; and what it fails with then concerns nobody."""
    begun, given_up, done = Event(), Event(), Event()

    def work() -> None:
        begun.set()
        assert given_up.wait(PATIENCE_S)
        done.set()
        if fails:
            raise ValueError

    working = asyncio.create_task(threads.run(work, given_up))
    await asyncio.to_thread(begun.wait)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert done.is_set()
    del working
    assert not caplog.records


async def test_what_waits_is_withdrawn_at_once(threads: Threads) -> None:
    """Whatever keeps the thread busy; and it is never begun."""
    begun, go_on, ever = Event(), Event(), Event()

    def work() -> None:
        begun.set()
        assert go_on.wait(PATIENCE_S)

    first = asyncio.create_task(threads.run(work))
    await asyncio.to_thread(begun.wait)
    second = asyncio.create_task(threads.run(ever.set))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(PATIENCE_S):
            await second
    assert not first.done()
    go_on.set()
    await first
    await threads.close()
    assert not ever.is_set()


async def test_none_is_left_of_them(threads: Threads) -> None:
    """What was asked for is done before, and nothing after."""
    await threads.run(lambda: None)
    assert len(names()) == 1
    working = asyncio.create_task(threads.run(lambda: 3))
    await asyncio.sleep(0)
    await threads.close()
    assert await working == 3
    assert not names()
    with pytest.raises(EngineFailed, match="closed"):
        await threads.run(lambda: 3)
    await threads.close()
