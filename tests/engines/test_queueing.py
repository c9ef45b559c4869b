"""When work waits for engines that are busy with other work."""

from __future__ import annotations

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.engines.base import Urgency
from realtime.engines.queueing import Queueing, waiting
from realtime.engines.scheduler import Scheduler
from tests.fakes import HandClock, settle
from tests.protocol.effort import examples


async def test_a_scheduler_tells_of_those_who_wait_for_their_turn() -> None:
    """To who watches them: not of work that nobody watches, nor of work that need not wait."""
    scheduler, clock, others = Scheduler(1), HandClock(), threading.Event()
    mine, theirs = Queueing(clock.now_s), Queueing(clock.now_s)
    async with asyncio.TaskGroup() as tasks:
        with theirs.watched():
            running = tasks.create_task(scheduler.run(others.wait, Urgency.FINAL))
        await settle()
        with mine.watched():
            waits = tasks.create_task(scheduler.run(lambda: None, Urgency.FINAL))
        tasks.create_task(scheduler.run(lambda: None, Urgency.FINAL))
        await clock.advance(0.25)
        others.set()
        await asyncio.wait([running, waits])
    scheduler.close()
    assert mine.within_s(0, 1) == 0.25
    assert theirs.within_s(0, 1) == 0


async def test_a_wait_that_is_cancelled_has_been_one() -> None:
    clock = HandClock()
    queueing = Queueing(clock.now_s)

    async def wait() -> None:
        with queueing.watched(), waiting():
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await clock.advance(0.5)
    task.cancel()
    await asyncio.wait([task])
    assert queueing.within_s(0, 1) == 0.5


@examples
@given(
    spans=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)).map(sorted), max_size=6),
    asked=st.tuples(st.integers(0, 30), st.integers(0, 30)).map(sorted),
)
async def test_what_waits_together_counts_once(spans: list[list[int]], asked: list[int]) -> None:
    """As often as any second of the time that is asked for was one of waiting."""
    clock = HandClock()
    queueing = Queueing(clock.now_s)

    async def wait(start_s: int, end_s: int) -> None:
        await clock.sleep(start_s)
        with queueing.noted():
            await clock.sleep(end_s - start_s)

    async with asyncio.TaskGroup() as tasks:
        for start_s, end_s in spans:
            tasks.create_task(wait(start_s, end_s))
        await clock.advance(61)
    seconds = {second for start_s, end_s in spans for second in range(start_s, end_s)}
    assert queueing.within_s(*asked) == pytest.approx(len(seconds & set(range(*asked))))
