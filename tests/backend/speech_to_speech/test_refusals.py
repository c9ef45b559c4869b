"""What cannot be done for a client of `AudioToAudioStream`: it is told by its name, and harms nothing else."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from realtime.backend.pb import backend_pb2 as pb
from realtime.errors import EngineFailed
from tests.backend.doorway import Doorway
from tests.backend.speech_to_speech.caller import (
    QUESTION,
    RATE_HZ,
    Caller,
    brief_engines,
    calling,
    place,
)
from tests.fakes import FakeChat, voice

pytestmark = pytest.mark.usefixtures("server_logs")


# --- before the conversation begins ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"voice": "nobody"}, "'voice'"),
        ({"input_sample_rate": 7_999}, "'input_sample_rate'"),
        ({"output_sample_rate": 48_001}, "'output_sample_rate'"),
        ({"input_sample_rate": -1}, "'input_sample_rate'"),
        ({"tools": "{"}, "'tools'"),
        ({"tools": "{}"}, "'tools'"),
        ({"tools": "[1]"}, "'tools[0]'"),
        ({"tools": '[{"type": "function", "function": {"name": "no name"}}]'}, "'tools[0].name'"),
        ({"params": {"temperature": "warm"}}, "'params.temperature'"),
        ({"params": {"temperature": "9"}}, "'params.temperature'"),
        ({"params": {"temperature": "nan"}}, "'params.temperature'"),
        ({"params": {"turn_detection": "magic"}}, "'params.turn_detection'"),
        ({"params": {"turn_detection": "none", "threshold": "0.5"}}, "'params.threshold'"),
        ({"params": {"turn_detection": "semantic_vad", "threshold": "0.5"}}, "'params.threshold'"),
        ({"params": {"silence_duration_ms": "-1"}}, "'params.silence_duration_ms'"),
        ({"params": {"lead_ms": "-1"}}, "'params.lead_ms'"),
        ({"params": {"max_tokens": "0"}}, "'params.max_new_tokens'"),
        ({"params": {"language": "tlh"}}, "'params.language'"),
        ({"params": {"mood": "good"}}, "'params.mood'"),
    ],
)
async def test_a_config_that_cannot_be(config: dict[str, Any], field: str) -> None:
    """Is refused at once, by the name of its field; the client need not have said all."""
    async with Doorway(place()) as door, calling(door, **config) as caller:
        code, message = await caller.fails()
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert field in message


async def test_what_is_no_config_is_no_beginning() -> None:
    """Nor is nothing."""
    async with Doorway(place()) as door:
        callers = [Caller(door.stub.AudioToAudioStream()) for _ in range(4)]
        await callers[0].says(voice(100, RATE_HZ))
        await callers[1].control("response.create")
        await callers[2].call.write(pb.AudioToAudioRequest())
        await callers[3].call.done_writing()
        for caller in callers:
            code, message = await caller.fails()
            assert code is grpc.StatusCode.INVALID_ARGUMENT
            assert "first message must be a 'config'" in message


# --- while it goes on --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "payload", "param"),
    [
        ("conversation.item.create", b"{", "payload"),
        ("conversation.item.create", b"\xff", "payload"),
        ("conversation.item.create", b"[]", "payload"),
        ("conversation.item.create", b"[" * 100_000, "payload"),
        ("conversation.item.create", b"{}", "item.type"),
        ("conversation.item.create", b'{"item": 3}', "item"),
        ("conversation.item.create", b'{"type": "function_call_output", "call_id": "x", "output": ""}', "item.call_id"),
        ("session.update", b"", None),
        ("session.update", b'{"session": 3}', "session"),
        ("session.update", b'{"type": "transcription"}', "session.type"),
        ("session.update", b'{"voice": "nobody"}', "session.audio.output.voice"),
        ("session.update", b'{"mood": 1}', "session.mood"),
        ("session.update", b'{"audio": 1}', "session.audio"),
        ("session.update", b'{"audio": 1, "voice": "x"}', "session.audio"),
        ("session.update", b'{"input_audio_format": "g711_ulaw"}', "session.audio.input.format"),
        ("session.update", b'{"audio": {"output": {"format": {"type": "audio/pcma"}}}}', "session.audio.output.format"),
        ("response.create", b'{"response": {"mood": 1}}', "response.mood"),
        ("response.cancel", b'{"response_id": 1}', "response_id"),
        ("conversation.item.truncate", b"{}", "item_id"),
        ("conversation.item.delete", b'{"item_id": "none"}', "item_id"),
    ],
)
async def test_a_control_that_cannot_be(event: str, payload: bytes, param: str | None) -> None:
    """Is told by an `error` that names the field, and nothing else has happened."""
    async with Doorway(place()) as door, calling(door) as caller:
        await caller.control(event, payload)
        if param:
            error = await caller.until("error")
            assert error["param"] == param
            assert error["message"]
        assert await caller.asks() == "Paris. It lies on the Seine."
        assert len(caller.all("error")) == (param is not None)


async def test_what_nobody_knows_is_ignored() -> None:
    """A control of another backend's; a message without anything in it is told."""
    async with Doorway(place()) as door, calling(door, params={"top_k": "4", "audio_top_k": "9"}) as caller:
        await caller.control("mood.improve", {"by": 1})
        await caller.call.write(pb.AudioToAudioRequest())
        assert (await caller.until("error"))["param"] == "payload"
        await caller.config(params={"lead_ms": "3"})
        assert (await caller.until("error"))["param"] == "params.lead_ms"
        assert await caller.asks()


async def test_an_engine_that_fails_fails_one_answer() -> None:
    """It is told why, and the next is as good as ever."""
    chat = FakeChat([EngineFailed("The model fell over."), "Again."])
    engines = brief_engines(chat=chat)
    async with Doorway(place(engines)) as door, calling(door) as caller:
        await caller.says(*QUESTION)
        error, done = await caller.until("error"), await caller.until("response.done")
        assert (error["message"], error["code"]) == ("The model fell over.", "engine_failed")
        assert (error["response_id"], done["status"]) == (done["id"], "failed")
        assert await caller.asks() == "Again."
