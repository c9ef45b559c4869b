"""Work in a thread that is given up."""

from __future__ import annotations

import asyncio
from threading import Event

import pytest

from realtime.backend.threads import in_thread


async def test_what_it_returns_or_raises_comes_back() -> None:
    assert await in_thread(lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 // 0)


@pytest.mark.parametrize("fails", [False, True])
async def test_who_gives_up_waits_until_it_is_done(fails: bool, caplog: pytest.LogCaptureFixture) -> None:
    """It is told; and what it fails with then concerns nobody."""
    begun, given_up, done = Event(), Event(), Event()

    def work() -> None:
        begun.set()
        assert given_up.wait(5)
        done.set()
        if fails:
            raise ValueError

    working = asyncio.create_task(in_thread(work, given_up))
    await asyncio.to_thread(begun.wait)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert done.is_set()
    del working
    assert not caplog.records
