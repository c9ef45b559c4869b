"""How busy the engines say they are."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from threading import Event

from realtime.engines.base import Urgency
from realtime.engines.load import REMEMBERED_S, UNUSUAL, Waits
from realtime.engines.scheduler import Scheduler
from tests.fakes import FakeChat, HandClock, fake_engines


def test_what_usually_waits_is_told_and_bad_luck_is_not() -> None:
    waits = Waits(HandClock().now_s)
    assert waits.usual_s() == 0
    for waited_s in (3.0, 2.0, 1.0, 0.5):
        waits.note(waited_s)
    assert waits.usual_s() == 1.0  # without the two that are unusual
    assert UNUSUAL == 2


def test_a_few_waits_say_nothing() -> None:
    waits = Waits(HandClock().now_s)
    waits.note(9.0)
    waits.note(9.0)
    assert waits.usual_s() == 0


async def test_waits_are_forgotten() -> None:
    clock = HandClock()
    waits = Waits(clock.now_s)
    for _ in range(3):
        waits.note(1.0)
    await clock.advance(REMEMBERED_S - 1)
    assert waits.usual_s() == 1.0
    await clock.advance(1.5)
    assert waits.usual_s() == 0


async def test_a_wait_that_goes_on_counts_and_what_is_not_urgent_does_not() -> None:
    clock = HandClock()
    waits = Waits(clock.now_s)
    with waits.noted(Urgency.FINAL), waits.noted(Urgency.FINAL), waits.noted(Urgency.FINAL):
        await clock.advance(2)
        assert waits.usual_s() == 2
    with waits.noted(Urgency.PARTIAL), waits.noted(Urgency.SPECULATIVE), waits.noted(Urgency.UNATTENDED):
        await clock.advance(100)
    assert waits.usual_s() == 0


class Writer(FakeChat):
    """A model with a queue of its own."""

    busy = False
    wait_s = 0.0


async def test_engines_are_busy_when_one_that_matters_is() -> None:
    chat, scheduler, may_end = Writer(), Scheduler(1), Event()
    engines = replace(fake_engines(chat=chat), scheduler=scheduler)
    plain = replace(fake_engines(chat=FakeChat()), scheduler=scheduler)
    assert [engines.busy, plain.busy] == [False, False]
    chat.busy = True
    assert [engines.busy, plain.busy] == [True, False]  # one model cannot tell
    chat.busy = False
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(scheduler.run(lambda: may_end.wait(30), Urgency.FINAL))
        await asyncio.sleep(0)
        assert [engines.busy, plain.busy] == [True, True]
        may_end.set()
    assert [engines.busy, plain.busy] == [False, False]
    await asyncio.to_thread(scheduler.close)


async def test_the_longest_queue_is_what_counts() -> None:
    clock, chat = HandClock(), Writer()
    scheduler = Scheduler(1, now_s=clock.now_s)
    engines = replace(fake_engines(chat=chat), scheduler=scheduler)
    may_end = Event()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(4):
            tasks.create_task(scheduler.run(lambda: may_end.wait(30), Urgency.FINAL))
        await asyncio.sleep(0)
        await clock.advance(0.7)
        assert (engines.wait_s, engines.busy) == (0.7, True)
        chat.wait_s = 1.5
        assert engines.wait_s == 1.5
        chat.wait_s = 0.1
        may_end.set()
    assert engines.wait_s == 0.7
    await clock.advance(REMEMBERED_S + 1)
    assert engines.wait_s == 0.1
    await asyncio.to_thread(scheduler.close)
