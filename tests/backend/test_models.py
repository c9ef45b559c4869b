"""What is loaded, loads and goes, over a real channel."""

from __future__ import annotations

import asyncio

import grpc
import psutil
import pytest

from realtime.backend.pb import backend_pb2 as pb
from realtime.conductor import Conductor
from realtime.engines.base import Urgency
from realtime.errors import ModelUnavailable
from realtime.protocol.config import SessionConfig
from realtime.settings import ConversationSettings
from tests.backend.doorway import Doorway, refusal
from tests.backend.rooms import Loaded, premises_of
from tests.fakes import FakeChat, fake_engines
from tests.server.house import until

VAD = pb.VADRequest(audio=[0.0] * 512)


class Embedder:
    """One that tells whether it was let go."""

    def __init__(self) -> None:
        self.closed = False

    async def close(self) -> None:
        """Let go."""
        self.closed = True


async def test_it_is_ready_with_its_engines_and_not_without() -> None:
    """A call that needs them says what to do; loading brings them back."""
    async with Doorway(premises_of()) as door:
        assert (await door.stub.Status(pb.HealthMessage())).state == pb.StatusResponse.READY
        await door.stub.VAD(VAD)
        assert (await door.stub.Free(pb.HealthMessage())).success
        assert (await door.stub.Status(pb.HealthMessage())).state == pb.StatusResponse.UNINITIALIZED
        code, message = await refusal(door.stub.VAD(VAD))
        assert code is grpc.StatusCode.FAILED_PRECONDITION
        assert "LoadModel" in message
        assert (await door.stub.LoadModel(pb.ModelOptions())).success
        await door.stub.VAD(VAD)


async def test_it_is_busy_while_its_engines_are() -> None:
    """Whoever keeps them so."""
    engines = fake_engines()
    gate = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with Doorway(premises_of(engines)) as door:
        working = await engines.scheduler.start(
            lambda: asyncio.run_coroutine_threadsafe(gate.wait(), loop).result(), Urgency.FINAL
        )
        assert (await door.stub.Status(pb.HealthMessage())).state == pb.StatusResponse.BUSY
        gate.set()
        await working
        assert (await door.stub.Status(pb.HealthMessage())).state == pb.StatusResponse.READY


async def test_what_keeps_the_models_away_is_told() -> None:
    """To whoever asks for their state, for them, or for what they can do."""
    premises = premises_of()
    loader = premises.loader
    assert isinstance(loader, Loaded)
    loader.engines, loader.problem = None, ModelUnavailable("the weights are missing: run 'realtime models pull'")
    async with Doorway(premises) as door:
        assert (await door.stub.Status(pb.HealthMessage())).state == pb.StatusResponse.ERROR
        for call in (door.stub.VAD(VAD), door.stub.LoadModel(pb.ModelOptions())):
            assert await refusal(call) == (grpc.StatusCode.FAILED_PRECONDITION, str(loader.problem))


async def test_while_they_load_that_is_told() -> None:
    """And who can wait is told how."""
    premises = premises_of()
    loader = premises.loader
    assert isinstance(loader, Loaded)
    loader.engines, loader.loading = None, True
    async with Doorway(premises) as door:
        code, message = await refusal(door.stub.VAD(VAD))
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert message == "The models are being loaded; 'LoadModel' waits for them."


@pytest.mark.parametrize("name", ["", "realtime", "fake-ears", "fake-mind", "fake-mouth"])
async def test_what_is_there_can_be_loaded_by_name(name: str) -> None:
    """Any engine's model, or what conversations ask for."""
    async with Doorway(premises_of()) as door:
        assert (await door.stub.LoadModel(pb.ModelOptions(Model=name))).success


async def test_an_engine_on_demand_is_opened_by_its_name_and_freed() -> None:
    """Once, however often it is asked for."""
    opened: list[Embedder] = []

    def make() -> Embedder:
        opened.append(Embedder())
        return opened[-1]

    premises = premises_of(on_demand={"embedder": make})
    async with Doorway(premises) as door:
        asked = (door.stub.LoadModel(pb.ModelOptions(Model="minilm")) for _ in range(3))
        assert all(answer.success for answer in await asyncio.gather(*asked))
        on_demand = premises.on_demand
        assert "embedder" in on_demand.opened
        await door.stub.Free(pb.HealthMessage())
    assert [embedder.closed for embedder in opened] == [True]
    assert not on_demand.opened


async def test_what_is_used_is_not_freed() -> None:
    """Neither under a conversation nor under a call: both go on as if nobody had asked."""
    chat = FakeChat(gate=asyncio.Event())
    premises = premises_of(fake_engines(chat=chat))
    conductor = Conductor(fake_engines(), ConversationSettings(), SessionConfig(model="realtime"))
    async with Doorway(premises) as door:
        with premises.conversations.hold(conductor):
            assert "freed nothing" in (await door.stub.Free(pb.HealthMessage())).message
        call = door.stub.PredictStream(pb.PredictOptions(Prompt="Once upon a time"))
        assert await call.read()
        assert "freed nothing" in (await door.stub.Free(pb.HealthMessage())).message
        assert chat.gate
        chat.gate.set()
        while await call.read() is not grpc.aio.EOF:
            pass
        await until(lambda: not door.going_on)
        assert (await door.stub.Free(pb.HealthMessage())).message == "freed"


async def test_an_unknown_model_is_not_found() -> None:
    """And which there are is said."""
    async with Doorway(premises_of()) as door:
        code, message = await refusal(door.stub.LoadModel(pb.ModelOptions(Model="gpt-5")))
    assert code is grpc.StatusCode.NOT_FOUND
    assert "'gpt-5'" in message
    assert "fake-mind" in message


async def test_memory_is_what_the_process_has() -> None:
    """To a tenth of what the machine says at the same time."""
    async with Doorway(premises_of()) as door:
        memory = (await door.stub.Status(pb.HealthMessage())).memory
    assert memory.total == pytest.approx(psutil.Process().memory_info().rss, rel=0.1)
    assert 0 < memory.breakdown["allocated"] < memory.total
