"""The door beside HTTP: it has the same engines and the same room."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from dataclasses import replace

import grpc
import pytest

from realtime.conductor import Conductor
from realtime.engines.on_demand import OnDemand
from realtime.protocol.config import first_config
from realtime.server.second_door import SharedEngines, second_door
from realtime.server.state import State, new_state
from realtime.settings import GrpcSettings, ServerSettings, Settings
from tests.backend.doorway import stub_of
from tests.backend.speech_to_speech.caller import Caller
from tests.engines.leaver import Leaver
from tests.fakes import FakeSynthesizer, fake_engines
from tests.server.house import free_port, until

pytestmark = pytest.mark.usefixtures("server_logs")


@pytest.fixture(autouse=True)
def nothing_of_grpc_is_left() -> Iterator[None]:
    """It waits for a thread of its own when the last of its objects goes, which must not be in another test."""
    yield
    gc.collect()


@pytest.fixture
def state() -> State:
    """A server with room for one, whose models are loaded."""
    state = new_state(Settings(server=ServerSettings(max_conversations=1), grpc=GrpcSettings(port=free_port())))
    state.engines = fake_engines(synthesizer=FakeSynthesizer(ms_per_letter=5))
    state.loaded.set()
    return state


async def test_conversations_of_both_doors_are_counted_together(state: State) -> None:
    """One that came in by HTTP leaves no room for another by gRPC, and the metrics have both."""
    assert state.engines
    settings = state.settings
    by_http = Conductor(state.engines, settings.conversation, first_config("realtime", ""))
    address = f"127.0.0.1:{settings.grpc.port}"
    async with second_door(state), grpc.aio.insecure_channel(address) as channel:
        with state.conversations.hold(by_http):
            refused = Caller(stub_of(channel).AudioToAudioStream())
            await refused.config()
            assert (await refused.fails())[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
        caller = Caller(stub_of(channel).AudioToAudioStream())
        await caller.config()
        assert await caller.asks() == "Paris. It lies on the Seine."
        assert len(state.conversations) == 1
        assert await caller.rest() == []
        await until(lambda: len(state.conversations) == 0)
    told = state.metrics.written("")[0].decode()
    assert 'realtime_conversations_refused_total{code="server_full"} 1.0' in told
    assert "realtime_conversations_begun_total 1.0" in told
    assert 'realtime_responses_total{status="completed"} 1.0' in told


async def test_a_server_without_it(state: State) -> None:
    """As its operator wants."""
    state.settings = Settings(grpc=GrpcSettings(enabled=False))
    async with second_door(state) as door:
        assert door is None


async def test_cancelling_lets_the_letting_go_go_on(state: State) -> None:
    """All that was to be let go goes, also what nobody had begun to close; and the server's end waits for it."""
    assert state.engines
    may_leave = asyncio.Event()
    leavers = [Leaver(may_leave), Leaver(may_leave)]
    waiting = iter(leavers)
    on_demand = OnDemand(lambda kind, name: next(waiting))
    state.engines = replace(state.engines, on_demand=on_demand)
    await on_demand.embedder()
    await on_demand.speaker()
    async with asyncio.TaskGroup() as tasks:
        freeing = tasks.create_task(SharedEngines(state).free())
        await until(lambda: any(leaver.leaving for leaver in leavers))
        freeing.cancel()
        await asyncio.wait([freeing])
        assert freeing.cancelled()
        ending = tasks.create_task(state.engines.close())
        await asyncio.sleep(0)
        may_leave.set()
        await ending
    assert [leaver.closed for leaver in leavers] == [True, True]


async def test_nothing_is_freed_of_what_conversations_use(state: State) -> None:
    """Nor of what is not loaded yet."""
    engines, state.engines = state.engines, None
    assert not await SharedEngines(state).free()
    state.engines = engines
    assert not await SharedEngines(state).free()
    assert SharedEngines(state).engines is engines
