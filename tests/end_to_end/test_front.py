"""Two processes, one conversation: a server without language model and voice, answered by another's backend."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass

import grpc
import pytest

from realtime.backend.pb import backend_pb2 as pb
from realtime.engines.base import Transcriber
from tests.backend.doorway import stub_of
from tests.end_to_end.caller import TRANSCRIBED, Caller, calling
from tests.end_to_end.ear import transcript
from tests.end_to_end.programs import backend, server
from tests.end_to_end.tokens import A_STEP, write_on, written_before_rest
from tests.end_to_end.tools import GET_TIME, QUARTER_PAST_NINE
from tests.end_to_end.wer import word_error_rate
from tests.live import question

pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]


@dataclass(frozen=True)
class Front:
    """Two processes."""

    url: str
    """Of the one that is talked to."""
    backend: str
    """The address of the one that answers."""


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """A server whose answers come from a backend in a process of its own."""
    with backend() as answering:
        config = tmp_path_factory.mktemp("front") / "front.toml"
        config.write_text(f'[speech_to_speech]\nengine = "grpc://{answering.address}"\nvoices = ["any"]\n')
        with server("--config", str(config)) as talking:
            yield Front(talking.address, answering.address)


def answered(caller: Caller, times: int = 1) -> bool:
    return caller.seen("response.done", times)


async def test_a_question_is_answered_and_the_conversation_goes_on(front: Front, transcriber: Transcriber) -> None:
    """Aloud, in the words that the transcript has."""
    async with calling(front.url, TRANSCRIBED) as caller:
        await caller.say(question("france"))
        await caller.say_nothing_until(lambda: answered(caller))
        sound = caller.answer()
        await caller.say(question("week"))
        await caller.say_nothing_until(lambda: answered(caller, 2))

    said = [event["transcript"] for event in caller.of_type("response.output_audio_transcript.done")]
    heard = [event["transcript"] for event in caller.of_type("conversation.item.input_audio_transcription.completed")]
    assert "france" in heard[0].lower()
    assert "paris" in said[0].lower()
    assert re.search("7|seven", said[1].lower())
    assert word_error_rate(await transcript(transcriber, sound), said[0]) <= 0.25
    assert {event["response"]["status"] for event in caller.of_type("response.done")} == {"completed"}
    assert not caller.seen("error")


async def test_talking_over_the_answer_stops_it_in_both_processes(front: Front) -> None:
    """And the next question is answered. The backend, which has much more to say, writes no more of it."""
    async with grpc.aio.insecure_channel(front.backend) as channel, calling(front.url, TRANSCRIBED) as caller:
        stub = stub_of(channel)

        async def count() -> int:
            told: pb.MetricsResponse = await stub.GetMetrics(pb.MetricsRequest())
            return told.tokens_generated

        await caller.write("Tell me a very long story about a fox and a bear, with many chapters.")
        await caller.say_nothing_until(lambda: caller.seen("response.output_audio.delta"))
        await write_on(count)
        spoken_at_ms = caller.sent_ms
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(caller.say(question("france")))
            await caller.wait("response.done")
            assert await written_before_rest(count) <= A_STEP
            assert not caller.seen("response.created", 2), "those may have been the next answer's"
            assert (await stub.Status(pb.HealthMessage())).state == pb.StatusResponse.READY
        await caller.say_nothing_until(lambda: answered(caller, 2))

    stopped, second = (event["response"] for event in caller.of_type("response.done"))
    assert (stopped["status"], stopped["status_details"]["reason"]) == ("cancelled", "turn_detected")
    assert second["status"] == "completed"
    late = [
        index
        for index, event in enumerate(caller.events)
        if event["type"] == "response.output_audio.delta"
        and event["response_id"] == stopped["id"]
        and caller.sent_when(index) > spoken_at_ms + 500
    ]
    assert not late, "half a second of speech must be enough to be listened to"
    assert not caller.seen("error")


async def test_a_tool_is_called_and_its_result_is_spoken(front: Front, transcriber: Transcriber) -> None:
    """The client runs it; the model is two processes away."""
    session = {**TRANSCRIBED, "tools": [GET_TIME], "tool_choice": {"type": "function", "name": "get_time"}}
    async with calling(front.url, session) as caller:
        await caller.say(question("time"))
        await caller.say_nothing_until(lambda: answered(caller))
        call = await caller.wait("response.function_call_arguments.done")
        await caller.add({"type": "function_call_output", "call_id": call["call_id"], "output": QUARTER_PAST_NINE})
        await caller.respond(tool_choice="none")
        spoken = (await caller.wait("response.done", 2))["response"]

    assert call["name"] == "get_time"
    assert [item["type"] for item in spoken["output"]] == ["message"]
    assert re.search(r"nine|9", (await transcript(transcriber, caller.answer())).lower())
    assert not caller.seen("error")
