"""Who runs when, with threads that do only what the test lets them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from functools import partial
from threading import Barrier, Event
from typing import Any

import pytest

from realtime.engines.base import Urgency
from realtime.engines.scheduler import Scheduler
from realtime.errors import EngineBusy, EngineFailed

FINAL, SPECULATIVE, PARTIAL, UNATTENDED = Urgency


class Step:
    """Work that ends when the test says so."""

    def __init__(self) -> None:
        self.began = Event()
        self.may_end = Event()

    def __call__(self) -> str:
        self.began.set()
        assert self.may_end.wait(30)
        return "done"

    async def running(self) -> None:
        assert await asyncio.to_thread(self.began.wait, 30)


@pytest.fixture
async def scheduler() -> AsyncIterator[Scheduler]:
    """One thread, and two may wait for it."""
    one = Scheduler(1, waiting_limit=2)
    yield one
    await asyncio.to_thread(one.close)


async def in_line(*tasks: asyncio.Task[Any]) -> None:
    """Until the tasks, just made, have taken their places."""
    await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)


async def test_the_most_urgent_goes_first_and_equals_in_the_order_they_came() -> None:
    scheduler = Scheduler(1)
    busy = Step()
    order: list[str] = []
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(scheduler.run(busy, PARTIAL))
        await busy.running()
        for name, urgency in [
            ("u", UNATTENDED),
            ("p", PARTIAL),
            ("s", SPECULATIVE),
            ("f", FINAL),
            ("g", FINAL),
            ("q", PARTIAL),
        ]:
            await in_line(tasks.create_task(scheduler.run(partial(order.append, name), urgency)))
        busy.may_end.set()
    assert order == ["f", "g", "s", "p", "q", "u"]
    scheduler.close()


async def test_as_many_run_at_once_as_there_are_workers() -> None:
    scheduler = Scheduler(2)
    meeting = Barrier(2, timeout=30)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(scheduler.workers):
            tasks.create_task(scheduler.run(meeting.wait, FINAL))
    assert not meeting.broken
    scheduler.close()


async def test_one_more_than_may_wait_is_refused(scheduler: Scheduler) -> None:
    busy = Step()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(scheduler.run(busy, FINAL))
        await busy.running()
        waiting = [tasks.create_task(scheduler.run(lambda: "", FINAL)) for _ in range(2)]
        await in_line(*waiting)
        with pytest.raises(EngineBusy, match="2 inference steps are waiting"):
            await scheduler.run(lambda: "", FINAL)
        waiting[0].cancel()
        await asyncio.wait([waiting[0]])
        await in_line(tasks.create_task(scheduler.run(lambda: "", FINAL)))
        busy.may_end.set()
    assert await scheduler.run(lambda: "free again", FINAL) == "free again"


async def test_however_much_waits_that_is_less_urgent_it_keeps_nothing_out(scheduler: Scheduler) -> None:
    """And what is more urgent counts: nobody is let in who would wait behind more than may wait."""
    busy = Step()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(scheduler.run(busy, FINAL))
        await busy.running()
        for urgency in reversed(Urgency):
            await in_line(*(tasks.create_task(scheduler.run(lambda: "", urgency)) for _ in range(2)))
        for urgency in Urgency:
            with pytest.raises(EngineBusy, match=f"{2 * (urgency + 1)} inference steps are waiting"):
                await scheduler.run(lambda: "", urgency)
        busy.may_end.set()


async def test_who_is_cancelled_while_waiting_never_runs(scheduler: Scheduler) -> None:
    busy, withdrawn, other = Step(), Step(), Step()
    other.may_end.set()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(scheduler.run(busy, FINAL))
        await busy.running()
        waiting = tasks.create_task(scheduler.run(withdrawn, FINAL))
        behind = tasks.create_task(scheduler.run(other, PARTIAL))
        await in_line(waiting, behind)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        busy.may_end.set()
        assert await behind == "done"
    assert not withdrawn.began.is_set()


async def test_a_turn_that_comes_too_late_is_passed_on(scheduler: Scheduler) -> None:
    busy, late, other = Step(), Step(), Step()
    other.may_end.set()
    async with asyncio.TaskGroup() as tasks:
        running = await scheduler.start(busy, FINAL)
        waiting = tasks.create_task(scheduler.run(late, FINAL))
        behind = tasks.create_task(scheduler.run(other, PARTIAL))
        await in_line(waiting, behind)
        # The turn is given when the one before is done; `waiting` is cancelled in the moment before it hears of that.
        running.add_done_callback(lambda _: waiting.cancel())
        busy.may_end.set()
        assert await behind == "done"
    assert waiting.cancelled()
    assert not late.began.is_set()


async def test_who_is_cancelled_while_running_keeps_the_thread_till_the_step_is_over(scheduler: Scheduler) -> None:
    abandoned = Step()
    order: list[str] = []
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(scheduler.run(abandoned, FINAL))
        await abandoned.running()
        running.cancel()
        await asyncio.wait([running])
        assert running.cancelled()
        await in_line(tasks.create_task(scheduler.run(partial(order.append, "partial"), PARTIAL)))
        await in_line(tasks.create_task(scheduler.run(partial(order.append, "final"), FINAL)))
        abandoned.may_end.set()
    assert order == ["final", "partial"]


async def test_a_failure_reaches_who_waits_and_frees_the_thread(scheduler: Scheduler) -> None:
    def fail() -> None:
        raise EngineFailed("no")

    with pytest.raises(EngineFailed, match="no"):
        await scheduler.run(fail, FINAL)
    assert await scheduler.run(lambda: "free", FINAL) == "free"


async def test_a_failure_nobody_waits_for_is_nobodys(scheduler: Scheduler) -> None:
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    may_fail = Event()

    def fail() -> None:
        assert may_fail.wait(30)
        raise EngineFailed("to nobody")

    running = await scheduler.start(fail, FINAL)
    may_fail.set()
    await asyncio.wait([running])
    del running
    assert await scheduler.run(lambda: "free", FINAL) == "free"
    assert told == []


async def test_start_returns_when_the_work_begins(scheduler: Scheduler) -> None:
    work = Step()
    running = await scheduler.start(work, FINAL)
    assert not running.done()
    work.may_end.set()
    assert await running == "done"


async def test_steps_come_in_order_one_turn_each(scheduler: Scheduler) -> None:
    first, second = Step(), Step()

    def steps() -> Iterator[str]:
        yield first()
        yield second()

    async with aclosing(scheduler.steps(steps(), PARTIAL)) as items:
        first.may_end.set()
        assert await anext(items) == "done"
        assert not second.began.is_set()
        assert await scheduler.run(lambda: "in between", PARTIAL) == "in between"
        second.may_end.set()
        assert await anext(items) == "done"
        with pytest.raises(StopAsyncIteration):
            await anext(items)


async def test_steps_that_are_closed_go_no_further(scheduler: Scheduler) -> None:
    taken: list[int] = []

    def steps() -> Iterator[int]:
        for number in range(3):
            taken.append(number)
            yield number

    async with aclosing(scheduler.steps(steps(), FINAL)) as items:
        assert await anext(items) == 0
    assert await scheduler.run(lambda: "free", FINAL) == "free"
    assert taken == [0]


async def test_a_failing_step_ends_the_steps(scheduler: Scheduler) -> None:
    def steps() -> Iterator[int]:
        yield 1
        raise EngineFailed("in the second")

    items = scheduler.steps(steps(), FINAL)
    assert await anext(items) == 1
    with pytest.raises(EngineFailed, match="in the second"):
        await anext(items)


async def test_a_closed_scheduler_refuses_in_plain_words() -> None:
    scheduler = Scheduler(1)
    scheduler.close()
    with pytest.raises(EngineFailed, match="closed"):
        await scheduler.run(lambda: "", FINAL)


async def test_modest_steps_leave_a_worker_to_the_others() -> None:
    """However many of them wait; and they go on waiting when it is the only one that becomes free."""
    scheduler = Scheduler(2, modest=SPECULATIVE)
    first, second, urgent = Step(), Step(), Step()
    async with asyncio.TaskGroup() as tasks:
        modest = tasks.create_task(scheduler.run(first, SPECULATIVE))
        await first.running()
        waiting = tasks.create_task(scheduler.run(second, PARTIAL))
        await in_line(waiting)
        assert scheduler.idle == 1
        tasks.create_task(scheduler.run(urgent, FINAL))
        await urgent.running()
        first.may_end.set()
        await modest  # its worker is free by now, and it is the only one
        assert scheduler.idle == 1
        assert not second.began.is_set()
        urgent.may_end.set()
        await second.running()
        second.may_end.set()
    assert scheduler.idle == 2
    scheduler.close()


async def test_a_modest_step_runs_where_there_is_one_worker() -> None:
    modest = Scheduler(1, modest=PARTIAL)
    assert await modest.run(lambda: "done", PARTIAL) == "done"
    assert await modest.run(lambda: "done", UNATTENDED) == "done"
    modest.close()


@pytest.mark.parametrize(("workers", "theirs"), [(2, 1), (3, 2), (4, 2)])
async def test_programs_leave_half_of_the_workers_to_conversations(workers: int, theirs: int) -> None:
    """So that speculative work, which leaves one more, is not kept from beginning."""
    scheduler = Scheduler(workers, modest=SPECULATIVE)
    work = Step()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(workers + 1):
            await in_line(tasks.create_task(scheduler.run(work, UNATTENDED)))
        assert scheduler.idle == workers - theirs
        assert await scheduler.run(lambda: "said", FINAL) == "said"
        work.may_end.set()
    assert scheduler.idle == workers
    scheduler.close()
