"""Engines that are opened when somebody asks: who gets them, and when they are let go."""

from __future__ import annotations

import asyncio
import threading

import pytest

from realtime.engines.on_demand import OnDemand
from realtime.engines.registry import Kind
from realtime.errors import UnknownEngine
from tests.engines.leaver import Leaver
from tests.server.house import PATIENCE_S, until


class Shop:
    """Opens transforms by any name, and keeps count. They open and leave when they are let, at first at once."""

    def __init__(self) -> None:
        self.may_open = threading.Event()
        self.may_leave = asyncio.Event()
        self.engines: list[Leaver] = []
        self.may_open.set()
        self.may_leave.set()

    def open_engine(self, kind: Kind, name: str | None) -> Leaver:
        assert self.may_open.wait(PATIENCE_S)
        self.engines.append(Leaver(self.may_leave))
        return self.engines[-1]

    @property
    def closed(self) -> list[bool]:
        """Of each, in the order of opening."""
        return [engine.closed for engine in self.engines]


@pytest.fixture
def shop() -> Shop:
    """One that has opened nothing."""
    return Shop()


async def test_nothing_is_opened_where_there_is_nothing() -> None:
    """Until somebody says how."""
    with pytest.raises(UnknownEngine, match="speaker"):
        await OnDemand().speaker()


async def test_what_is_freed_is_opened_again_for_who_asks(shop: Shop) -> None:
    """And was one for all until then."""
    on_demand = OnDemand(shop.open_engine)
    first, same = await asyncio.gather(on_demand.transform("loud"), on_demand.transform("loud"))
    assert first is same
    assert "loud" in on_demand.opened
    await on_demand.free()
    assert not on_demand.opened
    assert await on_demand.transform("loud") is not first
    assert shop.closed == [True, False]


async def test_who_asks_as_they_are_freed_gets_another(shop: Shop) -> None:
    """Not one that is closed in a moment, although yet another is being opened."""
    on_demand = OnDemand(shop.open_engine)
    first = await on_demand.transform("loud")
    shop.may_open.clear()
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        opening = tasks.create_task(on_demand.transform("soft"))
        await asyncio.sleep(0)
        freeing, asking = tasks.create_task(on_demand.free()), tasks.create_task(on_demand.transform("loud"))
        await freeing
        assert shop.closed == [True]
        shop.may_open.set()
    assert asking.result() is not first
    assert not opening.result().closed  # type: ignore[attr-defined]  # it is one of the shop's
    assert sorted(on_demand.opened) == ["loud", "soft"]


async def test_cancelling_lets_the_letting_go_go_on(shop: Shop) -> None:
    """Else those that are not closed yet would stay open for good."""
    on_demand = OnDemand(shop.open_engine)
    await asyncio.gather(on_demand.transform("loud"), on_demand.transform("soft"))
    shop.may_leave.clear()
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        freeing = tasks.create_task(on_demand.free())
        await until(lambda: any(engine.leaving for engine in shop.engines))
        freeing.cancel()
        await asyncio.wait([freeing])
        assert freeing.cancelled()
        assert shop.closed == [False, False]
        shop.may_leave.set()
        await until(lambda: shop.closed == [True, True])


async def test_closing_waits_for_what_is_being_let_go(shop: Shop) -> None:
    """Whoever asked for that may have given up; what they run on goes next."""
    on_demand = OnDemand(shop.open_engine)
    await on_demand.transform("loud")
    shop.may_leave.clear()
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        freeing = tasks.create_task(on_demand.free())
        await until(lambda: shop.engines[0].leaving)
        freeing.cancel()
        closing = tasks.create_task(on_demand.close())
        await asyncio.wait([freeing])
        shop.may_leave.set()
        await closing
        assert shop.closed == [True]


async def test_closing_waits_for_what_is_being_opened(shop: Shop) -> None:
    """Whoever asked for it may have given up."""
    on_demand = OnDemand(shop.open_engine)
    await on_demand.transform("loud")
    shop.may_open.clear()
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        impatient = tasks.create_task(on_demand.transform("soft"))
        await asyncio.sleep(0)
        impatient.cancel()
        await asyncio.wait([impatient])
        closing = tasks.create_task(on_demand.close())
        await asyncio.sleep(0)
        shop.may_open.set()
        await closing
    assert shop.closed == [True, True]
    assert not on_demand.opened
