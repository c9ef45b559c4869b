"""OpenAI's client for Python, and what else a program does in a conversation: tools, ears only, answers beside it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from openai import AsyncOpenAI

from realtime.engines.base import Transcriber
from tests.end_to_end.caller import TRANSCRIBED, calling, on_the_line
from tests.end_to_end.ear import transcript
from tests.end_to_end.tools import GET_TIME, QUARTER_PAST_NINE
from tests.end_to_end.wer import word_error_rate
from tests.live import LiveServer, question

pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]


async def test_a_tool_is_called_and_its_result_is_spoken(live_server: LiveServer, transcriber: Transcriber) -> None:
    session = {**TRANSCRIBED, "tools": [GET_TIME], "tool_choice": {"type": "function", "name": "get_time"}}
    async with calling(live_server.url, session) as caller:
        await caller.say(question("time"))
        await caller.say_nothing_until(lambda: caller.seen("response.done"))
        call = await caller.wait("response.function_call_arguments.done")
        await caller.add({"type": "function_call_output", "call_id": call["call_id"], "output": QUARTER_PAST_NINE})
        await caller.respond(tool_choice="none")
        spoken = (await caller.wait("response.done", 2))["response"]

    assert call["name"] == "get_time"
    assert call["arguments"] == "".join(
        event["delta"] for event in caller.of_type("response.function_call_arguments.delta")
    )
    assert [item["type"] for item in spoken["output"]] == ["message"]
    assert re.search(r"nine|9", (await transcript(transcriber, caller.answer())).lower())
    assert not caller.seen("error")


async def test_a_transcription_session_tells_the_words_while_they_are_spoken(live_server: LiveServer) -> None:
    client = AsyncOpenAI(base_url=f"{live_server.url}/v1", api_key="any key will do")
    heard = {"transcription": {"model": "gpt-4o-mini-transcribe", "language": "en"}, "turn_detection": None}
    said = "conversation.item.input_audio_transcription"
    async with (
        client,
        client.realtime.connect(extra_query={"intent": "transcription"}) as connection,
        on_the_line(connection) as caller,
    ):
        await caller.update({"type": "transcription", "audio": {"input": heard}})
        await caller.say(question("umbrella"))
        await caller.say_nothing_until(lambda: caller.seen(f"{said}.delta"))
        await caller.commit()
        completed = await caller.wait(f"{said}.completed")

    truth = "Do I need an umbrella when I go out this afternoon?"
    assert word_error_rate(completed["transcript"], truth) <= 0.1
    assert completed["transcript"] == "".join(event["delta"] for event in caller.of_type(f"{said}.delta"))
    assert caller.types().index(f"{said}.delta") < caller.types().index("input_audio_buffer.committed")
    assert not caller.seen("response.created")


async def test_a_response_beside_the_conversation_leaves_it_as_it_is(live_server: LiveServer) -> None:
    aside: dict[str, Any] = {
        "conversation": "none",
        "metadata": {"purpose": "calendar"},
        "output_modalities": ["text"],
        "input": [
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "How many days are there in a week?"}],
            }
        ],
    }
    async with calling(live_server.url, {}) as caller:
        await caller.write("What is the capital of France?")
        await caller.respond(**aside)
        await caller.wait("response.done", 2)

    answers = [event["response"] for event in caller.of_type("response.done")]
    (beside,) = [answer for answer in answers if answer["conversation_id"] is None]
    (told,) = [answer for answer in answers if answer["conversation_id"] is not None]
    assert beside["metadata"] == aside["metadata"]
    assert re.search("7|seven", beside["output"][0]["content"][0]["text"].lower())
    assert "paris" in told["output"][0]["content"][0]["transcript"].lower()
    types = caller.types()
    begun = [index for index, type_ in enumerate(types) if type_ == "response.created"]
    assert begun[1] < types.index("response.done"), "the one did not wait for the other"
    added = [event["item"]["id"] for event in caller.of_type("conversation.item.added")]
    assert told["output"][0]["id"] in added
    assert beside["output"][0]["id"] not in added
    assert not caller.seen("error")


async def test_a_client_secret_opens_the_session_it_was_minted_for(live_server: LiveServer) -> None:
    async with AsyncOpenAI(base_url=f"{live_server.url}/v1", api_key="any key will do") as client:
        secret = await client.realtime.client_secrets.create(
            expires_after={"anchor": "created_at", "seconds": 60},
            session={"type": "realtime", "instructions": "Answer in one word.", "output_modalities": ["text"]},
        )
    bearer = AsyncOpenAI(base_url=f"{live_server.url}/v1", api_key=secret.value)
    async with bearer, bearer.realtime.connect(model="gpt-realtime") as connection, on_the_line(connection) as caller:
        session = (await caller.wait("session.created"))["session"]
        await caller.write("What is the capital of France?")
        await caller.wait("response.done")

    assert secret.value.startswith("ek_")
    assert session["instructions"] == "Answer in one word."
    assert "paris" in caller.of_type("response.output_text.done")[0]["text"].lower()
