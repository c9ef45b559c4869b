"""OpenAI's client for Python as it was during the beta, with the beta's names for everything."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from openai import AsyncOpenAI

from realtime.engines.base import Transcriber
from tests.end_to_end.caller import Caller, on_the_line
from tests.end_to_end.ear import transcript
from tests.end_to_end.tools import GET_TIME, QUARTER_PAST_NINE
from tests.end_to_end.wer import word_error_rate
from tests.live import LiveServer, question

pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]

QUESTION = "What is the capital of France?"


def client_of(server: LiveServer, api_key: str = "any key will do") -> AsyncOpenAI:
    # The beta's client would take wss for granted.
    websocket_url = server.url.replace("http", "ws")
    return AsyncOpenAI(base_url=f"{server.url}/v1", websocket_base_url=f"{websocket_url}/v1", api_key=api_key)


@asynccontextmanager
async def calling(client: AsyncOpenAI, **query: object) -> AsyncIterator[Caller]:
    """A caller who has been greeted."""
    async with (
        client,
        client.beta.realtime.connect(model="gpt-4o-realtime-preview", extra_query=query) as connection,
        on_the_line(connection) as caller,
    ):
        yield caller


async def test_a_spoken_question_is_answered_aloud_and_the_answer_cut(
    live_server: LiveServer, transcriber: Transcriber
) -> None:
    async with calling(client_of(live_server)) as caller:
        await caller.update({"modalities": ["text", "audio"], "input_audio_transcription": {"model": "whisper-1"}})
        await caller.say(question("france"))
        await caller.say_nothing_until(lambda: caller.seen("response.done"))
        item = caller.of_type("response.done")[0]["response"]["output"][0]
        await caller.truncate(item["id"], audio_end_ms=300)
        await caller.wait("conversation.item.truncated")
        await caller.retrieve(item["id"])
        kept = (await caller.wait("conversation.item.retrieved"))["item"]["content"][0]["transcript"]

    heard = caller.of_type("conversation.item.input_audio_transcription.completed")[0]["transcript"]
    said = caller.of_type("response.audio_transcript.done")[0]["transcript"]
    assert word_error_rate(heard, QUESTION) == 0
    assert "paris" in said.lower()
    assert word_error_rate(await transcript(transcriber, caller.answer()), said) <= 0.25
    assert said.startswith(kept)
    assert len(kept) < len(said)
    assert not caller.seen("error")


async def test_a_tool_is_called_and_its_result_told(live_server: LiveServer) -> None:
    session: dict[str, Any] = {"modalities": ["text"], "tools": [GET_TIME], "tool_choice": "required"}
    async with calling(client_of(live_server)) as caller:
        await caller.update(session)
        await caller.write("What time is it?")
        await caller.wait("response.done")
        (call,) = caller.of_type("response.function_call_arguments.done")
        await caller.add({"type": "function_call_output", "call_id": call["call_id"], "output": QUARTER_PAST_NINE})
        await caller.respond(tool_choice="none")
        await caller.wait("response.done", 2)

    assert json.loads(call["arguments"])["clock"] in ("kitchen", "station")
    assert re.search(r"nine|9", caller.of_type("response.text.done")[0]["text"].lower())
    assert not caller.seen("error")


async def test_a_session_is_minted_and_opened(live_server: LiveServer) -> None:
    async with client_of(live_server) as client:
        minted = await client.beta.realtime.sessions.create(
            model="gpt-4o-realtime-preview", modalities=["text"], instructions="Answer in one word."
        )
    async with calling(client_of(live_server, minted.client_secret.value)) as caller:
        session = (await caller.wait("session.created"))["session"]
        await caller.write(QUESTION)
        await caller.wait("response.done")

    assert session["instructions"] == "Answer in one word."
    assert "paris" in caller.of_type("response.text.done")[0]["text"].lower()


async def test_a_transcription_session_listens_and_is_silent(live_server: LiveServer) -> None:
    said = "conversation.item.input_audio_transcription"
    async with calling(client_of(live_server), intent="transcription") as caller:
        await caller.listen_only({"input_audio_transcription": {"model": "whisper-1", "language": "en"}})
        await caller.say(question("france"))
        await caller.say_nothing_until(lambda: caller.seen(f"{said}.completed"))

    (completed,) = caller.of_type(f"{said}.completed")
    assert word_error_rate(completed["transcript"], QUESTION) == 0
    assert completed["transcript"] == "".join(event["delta"] for event in caller.of_type(f"{said}.delta"))
    assert not caller.seen("response.created")
