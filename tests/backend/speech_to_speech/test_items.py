"""What a client of `AudioToAudioStream` puts into the conversation beside speech, and when that is answered."""

from __future__ import annotations

import json

import pytest

from realtime.engines.base import ToolCallPart
from tests.backend.doorway import Doorway
from tests.backend.speech_to_speech.caller import (
    QUESTION,
    brief_engines,
    by_hand,
    calling,
    place,
)
from tests.fakes import FakeChat, fake_engines

pytestmark = pytest.mark.usefixtures("server_logs")
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
CALLS = (
    ToolCallPart(index=0, call_id="call_1", name="weather", arguments='{"city": "Paris"}'),
    ToolCallPart(index=1, call_id="call_2", name="weather", arguments="{}"),
)


async def test_a_call_of_functions_and_back() -> None:
    """What they returned is answered once it is all there; who says so again is not answered twice."""
    chat = FakeChat([CALLS, "It rains."])
    engines = brief_engines(chat=chat)
    config = {"tools": json.dumps([WEATHER]), **by_hand(tool_choice="weather")}
    async with Doorway(place(engines)) as door, calling(door, **config) as caller:
        await caller.says(*QUESTION, end=True)
        await caller.until("response.done")
        made = caller.all("response.function_call_arguments.done")
        assert [(call["call_id"], call["name"], call["arguments"]) for call in made] == [
            ("call_1", "weather", '{"city": "Paris"}'),
            ("call_2", "weather", "{}"),
        ]
        deltas = caller.all("response.function_call_arguments.delta")
        assert {(delta["call_id"], delta["name"]) for delta in deltas} == {("call_1", "weather"), ("call_2", "weather")}
        await caller.item(type="function_call_output", call_id="call_2", output="rain")
        await caller.control("session.update", {"tool_choice": "none"})
        await caller.item(type="function_call_output", call_id="call_1", output="rain")
        await caller.control("response.create")
        await caller.says(end=True)
        assert caller.words((await caller.until("response.done"))["id"]) == "It rains."
        assert await caller.rest() == []
    assert chat.prompts[0].tool_choice == "weather"
    assert [message.role for message in chat.prompts[1].messages][-3:] == ["assistant", "tool", "tool"]
    assert len(chat.prompts) == 2


async def test_a_conversation_that_is_told_from_the_start_is_not_answered() -> None:
    """Results of calls that somebody else has made are history, until the client asks."""
    chat = FakeChat(["Sunny."])
    async with Doorway(place(fake_engines(chat=chat))) as door, calling(door, **by_hand(modality="text")) as caller:
        await caller.writes("How is the weather?")
        await caller.item(type="function_call", call_id="c", name="weather", arguments="{}")
        await caller.item(type="function_call_output", call_id="c", output="sun")
        content = [{"type": "text", "text": "Sunny."}]
        await caller.item(type="message", role="assistant", content=content)
        await caller.writes("And tomorrow?")
        await caller.control("response.create")
        await caller.until("response.done")
        assert "".join(delta["delta"] for delta in caller.all("response.text.delta")) == "Sunny."
        assert await caller.rest() == []
    (prompt,) = chat.prompts
    assert [message.role for message in prompt.messages][-5:] == ["user", "assistant", "tool", "assistant", "user"]


async def test_an_answer_is_asked_for_once() -> None:
    """Where nothing is new, or the answer is under way, another request changes nothing; one of its own kind does."""
    chat = FakeChat(["Hello."])
    async with Doorway(place(fake_engines(chat=chat))) as door, calling(door, **by_hand()) as caller:
        await caller.control("response.create")
        await caller.writes("Hello?")
        await caller.says(end=True)
        await caller.control("response.create")
        await caller.until("response.done")
        await caller.control("response.create")
        await caller.control("response.create", {"response": {"instructions": "Again."}})
        await caller.until("response.done")
        assert await caller.rest() == []
    assert [prompt.messages[0].text for prompt in chat.prompts][1] == "Again."
    assert len(chat.prompts) == 2
