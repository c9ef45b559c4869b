"""A hand-off that makes the faster side wait."""

from __future__ import annotations

import asyncio

import pytest

from realtime.pipeline.channel import Channel
from tests.fakes import settle
from tests.pipeline.streams import collect


async def test_what_is_put_comes_out_in_order() -> None:
    """Until the channel is closed, and everything before that."""
    channel: Channel[int] = Channel(10)
    for number in range(5):
        await channel.put(number)
    await channel.close()
    assert await collect(channel.items()) == [0, 1, 2, 3, 4]


async def test_a_full_channel_makes_its_maker_wait() -> None:
    """For each thing that is taken, one more goes in."""
    channel: Channel[int] = Channel(2)
    put: list[int] = []

    async def make() -> None:
        for number in range(9):
            await channel.put(number)
            put.append(number)

    async with asyncio.TaskGroup() as tasks:
        making = tasks.create_task(make())
        await settle()
        assert put == [0, 1]
        items = channel.items()
        assert await anext(items) == 0
        await settle()
        assert put == [0, 1, 2]
        making.cancel()


async def test_whoever_waits_to_put_can_be_cancelled() -> None:
    """Then nothing was handed over."""
    channel: Channel[str] = Channel(1)
    await channel.put("first")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await channel.put("second")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(channel.close())
        assert await collect(channel.items()) == ["first"]


async def test_whoever_waits_to_take_can_be_cancelled_and_loses_nothing() -> None:
    """The next one to ask gets what was put."""
    channel: Channel[str] = Channel(1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await collect(channel.items())
    await channel.put("first")
    assert await anext(channel.items()) == "first"


async def test_closing_waits_for_room_like_everything_else() -> None:
    """The end comes after what was put before it."""
    channel: Channel[int] = Channel(1)
    await channel.put(1)
    async with asyncio.TaskGroup() as tasks:
        closing = tasks.create_task(channel.close())
        await settle()
        assert not closing.done()
        assert await collect(channel.items()) == [1]


async def test_a_slow_taker_gets_everything() -> None:
    """However the two are interleaved."""
    channel: Channel[int] = Channel(3)
    taken: list[int] = []

    async def make() -> None:
        for number in range(20):
            await channel.put(number)
        await channel.close()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(make())
        async for number in channel.items():
            taken.append(number)
            await settle(number % 3)
    assert taken == list(range(20))
