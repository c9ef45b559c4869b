"""One server, both doors at once, on real models: what is loaded is loaded once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import psutil
import pytest

from realtime.backend.pb import backend_pb2 as pb
from realtime.models.store import ModelStore
from tests.backend.doorway import stub_of
from tests.end_to_end.caller import TRANSCRIBED, calling
from tests.end_to_end.programs import server
from tests.live import LiveServer, question

pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]

GROWTH_BYTES = 64 << 20
"""What calls may add to a server: less than any second copy of its weights would."""


def weights_bytes(store: ModelStore) -> int:
    """Of the models that put speech into words and words into answers."""
    models = ("whisper-tiny.en", "smollm2-135m-instruct-iq4_nl")
    return sum(file.stat().st_size for model in models for file in _files(store.path(model)))


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]


async def test_both_doors_lead_to_the_same_engines(live_server: LiveServer, model_store: ModelStore) -> None:
    """A conversation and calls at the same time: both are answered, and memory holds one set of weights."""
    assert weights_bytes(model_store) > 2 * GROWTH_BYTES
    asked = pb.PredictOptions(
        Messages=[pb.Message(role="user", content="What is the capital of Italy?")], UseTokenizerTemplate=True
    )
    async with grpc.aio.insecure_channel(live_server.grpc) as channel:
        stub = stub_of(channel)
        async with calling(live_server.url, TRANSCRIBED) as caller:
            before = (await stub.Status(pb.HealthMessage())).memory.total
            talking = asyncio.ensure_future(caller.say(question("france")))
            reply = await stub.Predict(asked)
            spoken = [piece async for piece in stub.TTSStream(pb.TTSRequest(text="Rome."))]
            await talking
            await caller.say_nothing_until(lambda: caller.seen("response.done"))
            after = (await stub.Status(pb.HealthMessage())).memory.total
        assert (await stub.Free(pb.HealthMessage())).message == "freed all but what conversations use"
    assert b"Rome" in reply.message
    assert sum(len(piece.audio) for piece in spoken) > 8_000
    assert "paris" in caller.of_type("response.output_audio_transcript.done")[0]["transcript"].lower()
    assert after - before < GROWTH_BYTES


async def memory_bytes(**environment: str) -> int:
    """What a server has in memory, its children's too, that has held one conversation."""
    with server(**environment) as program:
        async with calling(program.address, TRANSCRIBED) as caller:
            await caller.say(question("france"))
            await caller.say_nothing_until(lambda: caller.seen("response.done"))
        process = psutil.Process(program.pid)
        return sum(each.memory_info().rss for each in (process, *process.children(recursive=True)))


async def test_the_second_door_brings_no_weights_along(model_store: ModelStore) -> None:
    """Not even from the start: a server with it is but a library larger than one without."""
    alone = await memory_bytes(REALTIME_GRPC__ENABLED="false")
    both = await memory_bytes(REALTIME_GRPC__ENABLED="true")
    assert both - alone < GROWTH_BYTES < weights_bytes(model_store) / 2


async def test_a_conversation_goes_on_when_calls_are_cancelled(live_server: LiveServer) -> None:
    """Nothing that one door's clients do ends what the other's have begun."""
    async with grpc.aio.insecure_channel(live_server.grpc) as channel, calling(live_server.url, TRANSCRIBED) as caller:
        stub = stub_of(channel)
        await caller.say(question("france"))
        writing = stub.PredictStream(pb.PredictOptions(Prompt="Once upon a time", Tokens=400, IgnoreEOS=True))
        assert await writing.read()
        writing.cancel()
        await stub.Free(pb.HealthMessage())
        await caller.say_nothing_until(lambda: caller.seen("response.done"))
    assert caller.of_type("response.done")[0]["response"]["status"] == "completed"
