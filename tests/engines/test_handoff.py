"""From a thread to a coroutine, and the word back that it is enough."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from threading import Event

import pytest

from realtime.engines.handoff import Handoff
from realtime.errors import EngineFailed


async def test_items_arrive_in_order_and_then_the_end() -> None:
    handoff: Handoff[int] = Handoff(limit=8)

    def give() -> list[bool]:
        wanted = [handoff.give(number) for number in range(3)]
        handoff.end()
        return wanted

    giving = asyncio.get_running_loop().run_in_executor(None, give)
    assert [item async for item in handoff.items()] == [0, 1, 2]
    assert await giving == [True, True, True]


async def test_a_failure_comes_after_what_was_given() -> None:
    handoff: Handoff[int] = Handoff(limit=8)
    handoff.give(1)
    handoff.end(EngineFailed("then it broke"))
    items = handoff.items()
    assert await anext(items) == 1
    with pytest.raises(EngineFailed, match="then it broke"):
        await anext(items)


async def test_closing_tells_the_thread_to_stop() -> None:
    handoff: Handoff[int] = Handoff(limit=8)
    closed = Event()

    def give() -> tuple[bool, bool]:
        before = handoff.give(1)
        assert closed.wait(30)
        return before, handoff.give(2)

    giving = asyncio.get_running_loop().run_in_executor(None, give)
    async with aclosing(handoff.items()) as items:
        assert await anext(items) == 1
    closed.set()
    assert await giving == (True, False)


async def test_cancelling_tells_the_thread_to_stop() -> None:
    handoff: Handoff[int] = Handoff(limit=8)
    async with asyncio.TaskGroup() as tasks:
        taking = tasks.create_task(anext(handoff.items()))
        await asyncio.sleep(0)
        assert handoff.give(1)
        taking.cancel()
    assert not handoff.give(2)


def test_a_loop_that_is_gone_wants_nothing() -> None:
    async def make() -> Handoff[int]:
        return Handoff(limit=8)

    handoff = asyncio.run(make())
    assert not handoff.give(1)
