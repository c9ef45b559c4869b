"""Two processes, one conversation: a server without language model and voice, answered by another's backend."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from realtime.engines.base import Transcriber
from tests.end_to_end.caller import TRANSCRIBED, Caller, calling
from tests.end_to_end.ear import transcript
from tests.end_to_end.tools import GET_TIME, QUARTER_PAST_NINE
from tests.end_to_end.wer import word_error_rate
from tests.live import question

pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]


@contextmanager
def running(*command: str, says: str, within: str) -> Iterator[str]:
    """A program of ours for as long as the context lasts; what `says` finds in its first line that has `within`."""
    with subprocess.Popen([sys.executable, "-m", "realtime", *command], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            line = next((line for line in process.stdout if within in line), "")
            found = re.search(says, line)
            assert found, f"{command[0]!r} ended before it was ready"
            yield found[1]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server whose answers come from a backend in a process of its own."""
    with running("backend", "--addr", "127.0.0.1:0", says=r"on (\S+)", within="Listening") as backend:
        config = tmp_path_factory.mktemp("front") / "front.toml"
        config.write_text(f'[speech_to_speech]\nengine = "grpc://{backend}"\nvoices = ["any"]\n')
        serve = "serve", "--port", "0", "--grpc-port", "0", "--config", str(config)
        with running(*serve, says=r"(http://[^\s,]+)", within="Ready.") as url:
            yield url


def answered(caller: Caller, times: int = 1) -> bool:
    return caller.seen("response.done", times)


async def test_a_question_is_answered_and_the_conversation_goes_on(front: str, transcriber: Transcriber) -> None:
    """Aloud, in the words that the transcript has."""
    async with calling(front, TRANSCRIBED) as caller:
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


async def test_talking_over_the_answer_stops_it_in_both_processes(front: str) -> None:
    """And the next question is answered."""
    session = {**TRANSCRIBED, "instructions": "Tell a very long story about a fox. Never stop."}
    async with calling(front, session) as caller:
        await caller.say(question("joke"))
        await caller.say_nothing_until(lambda: caller.seen("response.output_audio.delta", 10))
        spoken_at_ms = caller.sent_ms
        await caller.say(question("france"))
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


async def test_a_tool_is_called_and_its_result_is_spoken(front: str, transcriber: Transcriber) -> None:
    """The client runs it; the model is two processes away."""
    session = {**TRANSCRIBED, "tools": [GET_TIME], "tool_choice": {"type": "function", "name": "get_time"}}
    async with calling(front, session) as caller:
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
