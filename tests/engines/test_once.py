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
    """What is being opened is taken once it is open; who asks later has it opened again."""
    safe = Safe()
    once = Once(safe.open_it)
    await once.settled()
    assert once.take() is None
    asking, settling = asyncio.ensure_future(once.get()), asyncio.ensure_future(once.settled())
    await asyncio.sleep(0)
    assert once.take() is None
    assert not settling.done()
    safe.gate.set()
    await settling
    assert (once.take(), await asking) == ("opened 1", "opened 1")
    assert once.value is None
    assert await once.get() == "opened 2"


async def test_settled_is_also_what_failed() -> None:
    """Whoever waits for that alone is not troubled."""
    safe = Safe()
    safe.problem = ModelUnavailable("the key is lost")
    once = Once(safe.open_it)
    asking, settling = asyncio.ensure_future(once.get()), asyncio.ensure_future(once.settled())
    await asyncio.sleep(0)
    safe.gate.set()
    await settling
    with pytest.raises(ModelUnavailable):
        await asking
    assert once.take() is None


async def test_its_coming_and_going_is_told_whoever_waits() -> None:
    """Not what fails to open, nor the taking of nothing."""
    safe = Safe()
    told: list[bool] = []
    once = Once(safe.open_it, lambda: told.append(once.value is not None))
    once.take()
    impatient = asyncio.ensure_future(once.get())
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.wait([impatient])
    assert told == []
    safe.gate.set()
    await once.settled()
    assert told == [True]
    assert once.take() == "opened 1"
    assert told == [True, False]
    safe.problem = ModelUnavailable("the key is lost")
    with pytest.raises(ModelUnavailable):
        await once.get()
    assert told == [True, False]
