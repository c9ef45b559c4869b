"""Engines that one service has for itself: what is told of them, and who still gets them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pytest
import pytest_asyncio

from realtime.backend.calls import Calls
from realtime.backend.hearing.room import Hearing
from realtime.backend.models import Models
from realtime.backend.own_engines import OwnEngines
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.premises import Premises
from realtime.conductor import Conductor
from realtime.engines.ensemble import Engines
from realtime.errors import ModelUnavailable, NotLoaded, RealtimeError
from realtime.protocol.config import SessionConfig
from realtime.settings import ConversationSettings
from tests.backend.rooms import premises_of
from tests.fakes import FakeSynthesizer, fake_engines
from tests.server.house import PATIENCE_S, until

T = TypeVar("T")

VAD = pb.VADRequest(audio=[0.0] * 512)


@dataclass
class SlowToLeave(FakeSynthesizer):
    """A voice that is closed when it is let."""

    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    may_leave: asyncio.Event = field(default_factory=asyncio.Event)
    closed: bool = False

    async def close(self) -> None:
        self.leaving.set()
        await self.may_leave.wait()
        self.closed = True


class Stage:
    """Engines that load when they are let, and who hears of them."""

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        self.may_load = threading.Event()
        self.problem: RealtimeError | None = None
        self.mouths: list[SlowToLeave] = []
        """Of each time they were loaded."""
        self.told: list[bool] = []
        self.tasks = tasks
        self._begun: list[asyncio.Task[Any]] = []
        self.own = OwnEngines(self._open, tasks, self.tell)

    def _open(self) -> Engines:
        assert self.may_load.wait(PATIENCE_S)
        if self.problem:
            raise self.problem
        self.mouths.append(SlowToLeave())
        return fake_engines(synthesizer=self.mouths[-1])

    async def tell(self, serving: bool) -> None:
        self.told.append(serving)

    def begins(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Have something done, at the longest until `ends`."""
        self._begun.append(task := self.tasks.create_task(work))
        return task

    def ends(self) -> None:
        """Let everything come to its end, also where a test has failed."""
        self.may_load.set()
        for task in self._begun:
            task.cancel()
        for mouth in self.mouths:
            mouth.may_leave.set()

    async def loads_for_nobody(self) -> None:
        """Begin to load for somebody who gives up."""
        impatient = self.begins(self.own.load())
        await until(lambda: self.own.loading)
        impatient.cancel()
        await asyncio.wait([impatient])
        assert self.own.loading

    def room(self) -> tuple[Premises, Models]:
        """Where calls are answered with these engines; no call is counted but by who asks."""
        premises = replace(premises_of(), loader=self.own)
        return premises, Models(premises, Calls(premises.settings.grpc))


@pytest_asyncio.fixture
async def stage() -> AsyncIterator[Stage]:
    """As long as the test; in the end everything may leave."""
    async with asyncio.TaskGroup() as tasks:
        stage = Stage(tasks)
        stage.begins(stage.own.announce())
        yield stage
        stage.ends()


async def test_what_is_loaded_is_told_though_nobody_waits_for_it(stage: Stage) -> None:
    """A call with a deadline may begin what a later call uses."""
    await stage.loads_for_nobody()
    assert stage.told == []
    stage.may_load.set()
    await until(lambda: stage.told == [True])
    assert stage.own.engines


async def test_it_is_told_once_before_those_who_wait_go_on(stage: Stage) -> None:
    """However many they are; and again each time."""
    stage.may_load.set()
    for times in (1, 2):
        await asyncio.gather(*(stage.own.load() for _ in range(3)))
        assert stage.told == [True, False, True][: 2 * times - 1]
        stage.mouths[-1].may_leave.set()
        await stage.own.free()
        assert stage.told == [True, False] * times


async def test_who_gives_up_while_it_is_told_leaves_nothing_untold(stage: Stage) -> None:
    """Somebody else tells it then, from the beginning."""
    begun, told = asyncio.Event(), []

    async def tell(serving: bool) -> None:
        first = not begun.is_set()
        begun.set()
        if first:
            await asyncio.Event().wait()
        told.append(serving)

    own = OwnEngines(fake_engines, stage.tasks, tell)
    impatient = stage.begins(own.load())
    async with asyncio.timeout(PATIENCE_S):
        await begun.wait()
    stage.begins(own.announce())
    impatient.cancel()
    await until(lambda: told == [True])


async def test_what_is_told_last_is_what_is_so(stage: Stage) -> None:
    """Though it was slow to be told: they go before it is known that they came."""
    may_tell, begun, told = asyncio.Event(), [], []

    async def tell(serving: bool) -> None:
        begun.append(serving)
        if serving:
            await may_tell.wait()
        told.append(serving)

    own = OwnEngines(fake_engines, stage.tasks, tell)
    stage.begins(own.load())
    await until(lambda: begun == [True])
    freeing = stage.begins(own.free())
    await until(lambda: own.engines is None)
    may_tell.set()
    assert await freeing
    assert told == [True, False]


async def test_that_they_go_is_told_before_they_are_closed(stage: Stage) -> None:
    """Nobody should come for them any more."""
    may_tell, begun = asyncio.Event(), []

    async def tell(serving: bool) -> None:
        begun.append(serving)
        if not serving:
            await may_tell.wait()

    mouth = SlowToLeave()
    mouth.may_leave.set()
    own = OwnEngines(lambda: fake_engines(synthesizer=mouth), stage.tasks, tell)
    await own.load()
    freeing = stage.begins(own.free())
    await until(lambda: begun == [True, False])
    assert not mouth.leaving.is_set()
    may_tell.set()
    assert await freeing
    assert mouth.closed


async def test_what_cannot_be_loaded_is_not_told(stage: Stage) -> None:
    """Who asks hears why, and freeing then is no trouble."""
    stage.problem = ModelUnavailable("the weights are missing")
    stage.may_load.set()
    with pytest.raises(ModelUnavailable):
        await stage.own.load()
    assert stage.own.problem is stage.problem
    assert await stage.own.free()
    assert stage.told == []


async def test_cancelling_lets_the_letting_go_go_on(stage: Stage) -> None:
    """Else those that are not closed yet would stay open for good: nobody has them any more."""
    stage.may_load.set()
    await stage.own.load()
    (mouth,) = stage.mouths
    freeing = stage.begins(stage.own.free())
    await until(mouth.leaving.is_set)
    freeing.cancel()
    await asyncio.wait([freeing])
    assert freeing.cancelled()
    assert not mouth.closed
    mouth.may_leave.set()
    await until(lambda: mouth.closed)


async def test_closing_waits_for_what_is_being_loaded(stage: Stage) -> None:
    """It would be open for good."""
    await stage.loads_for_nobody()
    closing = stage.begins(stage.own.close())
    stage.may_load.set()
    await until(lambda: bool(stage.mouths))
    (mouth,) = stage.mouths
    mouth.may_leave.set()
    await closing
    assert mouth.closed
    assert stage.own.engines is None


async def test_a_call_that_comes_as_they_are_freed_is_told_so(stage: Stage) -> None:
    """It gets no engines that are closed under it."""
    stage.may_load.set()
    await stage.own.load()
    stage.mouths[0].may_leave.set()
    premises, models = stage.room()
    freed, refused = await both(models.free(pb.HealthMessage()), Hearing(premises).vad(VAD))
    assert freed.message == "freed"
    assert isinstance(refused, NotLoaded)
    assert stage.mouths[0].closed


async def test_what_is_loaded_for_nobody_is_freed(stage: Stage) -> None:
    """As soon as it is there."""
    _, models = stage.room()
    await stage.loads_for_nobody()
    freeing = stage.begins(models.free(pb.HealthMessage()))
    stage.may_load.set()
    await until(lambda: bool(stage.mouths))
    stage.mouths[0].may_leave.set()
    assert (await freeing).message == "freed"
    assert stage.mouths[0].closed
    assert stage.told == [True, False]


async def test_what_somebody_uses_when_it_is_loaded_is_not_freed(stage: Stage) -> None:
    """Though nobody did when its freeing was asked for."""
    premises, models = stage.room()
    conductor = Conductor(fake_engines(), ConversationSettings(), SessionConfig(model="realtime"))
    await stage.loads_for_nobody()
    freeing = stage.begins(models.free(pb.HealthMessage()))
    await asyncio.sleep(0)
    with premises.conversations.hold(conductor):
        stage.may_load.set()
        assert "freed nothing" in (await freeing).message
    assert stage.own.engines


async def test_freeing_what_then_fails_to_load_succeeds(stage: Stage) -> None:
    """There is nothing left to free."""
    _, models = stage.room()
    stage.problem = ModelUnavailable("the weights are missing")
    await stage.loads_for_nobody()
    freeing = stage.begins(models.free(pb.HealthMessage()))
    stage.may_load.set()
    assert (await freeing).success


async def both(*calls: Any) -> list[Any]:
    """What they return or raise, begun one after the other without a pause."""
    return await asyncio.gather(*calls, return_exceptions=True)
