"""Opened once, however many ask and whoever gives up waiting."""

from __future__ import annotations

import asyncio
import threading

import pytest

from realtime.engines.once import Once
from realtime.errors import ModelUnavailable


class Safe:
    """Opens when it is let, in a thread, and counts."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.times = 0
        self.problem: Exception | None = None

    def open_it(self) -> str:
        self.times += 1
        assert self.gate.wait(10)
        if self.problem:
            raise self.problem
        return f"opened {self.times}"


async def test_everybody_gets_the_same() -> None:
    """Though they ask before it is open."""
    safe = Safe()
    once = Once(safe.open_it)
    async with asyncio.TaskGroup() as tasks:
        asking = [tasks.create_task(once.get()) for _ in range(3)]
        await asyncio.sleep(0)
        assert once.opening
        assert once.value is None
        safe.gate.set()
    assert [asked.result() for asked in asking] == ["opened 1"] * 3
    assert await once.get() == "opened 1"
    assert not once.opening


async def test_who_gives_up_does_not_stop_the_opening() -> None:
    """Who asks next gets what was being opened."""
    safe = Safe()
    once = Once(safe.open_it)
    impatient = asyncio.ensure_future(once.get())
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.wait([impatient])
    assert impatient.cancelled()
    safe.gate.set()
    assert await once.get() == "opened 1"


async def test_what_fails_is_told_and_opened_anew() -> None:
    """To whoever asks next."""
    safe = Safe()
    safe.gate.set()
    safe.problem = ModelUnavailable("the key is lost")
    once = Once(safe.open_it)
    with pytest.raises(ModelUnavailable):
        await once.get()
    assert once.problem is safe.problem
    safe.problem = None
    assert await once.get() == "opened 2"
    assert once.problem is None


async def test_what_is_taken_is_not_kept() -> None:
    """Also while it is being opened; who asks later has it opened again."""
    safe = Safe()
    once = Once(safe.open_it)
    assert await once.take() is None
    asking, taking = asyncio.ensure_future(once.get()), asyncio.ensure_future(once.take())
    await asyncio.sleep(0)
    safe.gate.set()
    assert (await asking, await taking) == ("opened 1", "opened 1")
    assert once.value is None
    assert await once.get() == "opened 2"
