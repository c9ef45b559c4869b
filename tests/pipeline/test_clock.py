"""The one clock that is real."""

from __future__ import annotations

import asyncio

from realtime.pipeline.clock import LoopClock


async def test_time_passes_while_it_sleeps() -> None:
    """At least as much as was asked for, by its own measure."""
    clock = LoopClock()
    before_s = clock.now_s()
    await clock.sleep(0.01)
    assert clock.now_s() - before_s >= 0.01


async def test_a_sleep_can_be_cancelled() -> None:
    """At once."""
    async with asyncio.TaskGroup() as tasks:
        sleeping = tasks.create_task(LoopClock().sleep(3600))
        await asyncio.sleep(0)
        sleeping.cancel()
    assert sleeping.cancelled()
