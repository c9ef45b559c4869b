"""Configs and updates in the midst of a stream: what they change, and that wrong ones change nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.backend.doorway import Doorway
from tests.backend.speech_to_speech.caller import (
    QUESTION,
    RATE_HZ,
    brief_engines,
    by_hand,
    calling,
    place,
)
from tests.fakes import FakeChat, FakeSynthesizer, FakeTranscriber, fake_engines, voice
from tests.server.house import until

pytestmark = pytest.mark.usefixtures("server_logs")


@pytest.mark.parametrize(
    "payload",
    [
        {"instructions": "Rhyme.", "voice": "emma", "temperature": 0.5, "max_response_output_tokens": 9},
        {"session": {"instructions": "Rhyme.", "audio": {"output": {"voice": "emma"}}, "temperature": 0.5}},
        {"type": "session.update", "session": {"type": "realtime", "instructions": "Rhyme.", "voice": "emma"}},
    ],
)
async def test_a_session_changes_in_whatever_words(payload: dict[str, Any]) -> None:
    """GA's, the beta's, with or without what is around them."""
    chat, synthesizer = FakeChat(), FakeSynthesizer(ms_per_letter=5)
    engines = fake_engines(chat=chat, synthesizer=synthesizer)
    async with Doorway(place(engines)) as door, calling(door) as caller:
        await caller.control("session.update", payload)
        await caller.asks()
        assert caller.all("error") == []
    assert chat.prompts[0].messages[0].text == "Rhyme."
    assert synthesizer.spoken[0][1].voice == "emma"


async def test_a_second_config_changes_what_it_names() -> None:
    """The conversation goes on; its rates may change too."""
    chat = FakeChat()
    engines = brief_engines(chat=chat)
    async with Doorway(place(engines)) as door, calling(door, system_prompt="Be brief.", voice="emma") as caller:
        await caller.asks()
        await caller.config(system_prompt="Be long.", output_sample_rate=8_000, input_sample_rate=8_000, **by_hand())
        await caller.says(voice(500, 8_000), end=True)
        await caller.until("response.done")
        assert caller.told[-2].sample_rate == 8_000
    assert [prompt.messages[0].text for prompt in chat.prompts] == ["Be brief.", "Be long."]
    assert [len(prompt.messages) for prompt in chat.prompts] == [2, 4]


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"voice": "nobody"}, "voice"),
        ({"params": {"temperature": "9"}}, "params.temperature"),
        ({"params": {"language": "tlh"}}, "params.language"),
        ({"params": {"turn_detection": "semantic_vad", "threshold": "0.5"}}, "params.threshold"),
        ({"tools": '[{"type": "function", "function": {"name": "no name"}}]'}, "tools[0].name"),
        ({"output_sample_rate": 1}, "output_sample_rate"),
        ({"params": {"lead_ms": "3"}}, "params.lead_ms"),
    ],
)
async def test_a_second_config_with_something_wrong_changes_nothing(wrong: dict[str, Any], param: str) -> None:
    """It is told by the field's own name, as it is of a first one; neither rates nor words are another's now."""
    chat = FakeChat()
    transcriber = FakeTranscriber()
    engines = brief_engines(chat=chat, transcriber=transcriber)
    async with Doorway(place(engines)) as door, calling(door, system_prompt="Be brief.", **by_hand()) as caller:
        right = {"system_prompt": "Be long.", "input_sample_rate": 8_000, "output_sample_rate": 8_000}
        await caller.config(**{**right, **wrong})
        await caller.says(voice(500, RATE_HZ), end=True)
        error = await caller.until("error")
        assert error["param"] == param
        assert f"'{param}'" in error["message"]
        await caller.until("response.done")
        assert {message.sample_rate for message in caller.told if message.pcm} == {24_000}
        assert len(caller.all("error")) == 1
    assert chat.prompts[0].messages[0].text == "Be brief."
    assert len(transcriber.heard[-1]) / RATE_HZ == pytest.approx(0.5, abs=0.01)


async def test_changes_in_whatever_words_are_made_in_their_order() -> None:
    """Each is answered before the next is asked for."""
    chat = FakeChat()
    engines = brief_engines(chat=chat)
    async with Doorway(place(engines)) as door, calling(door) as caller:
        await caller.control("session.update", {"instructions": "One."})
        await caller.config(voice="nobody", system_prompt="Two.", output_sample_rate=8_000)
        await caller.control("session.update", {"voice": "nobody", "instructions": "Three."})
        await caller.config(output_sample_rate=16_000)
        await caller.asks()
        assert [error["param"] for error in caller.all("error")] == ["voice", "session.audio.output.voice"]
        assert {message.sample_rate for message in caller.told if message.pcm} == {16_000}
    assert chat.prompts[0].messages[0].text == "One."


async def test_a_config_that_resets_begins_another_conversation() -> None:
    """Nothing of the old one is left, its answer is broken off, and the sequence goes on."""
    chat = FakeChat(["Once upon a time."], gate=asyncio.Event())
    engines = brief_engines(chat=chat)
    premises = place(engines, most=1)
    async with Doorway(premises) as door, calling(door) as caller:
        await caller.says(*QUESTION)
        begun = await caller.until("response.created")
        await until(lambda: bool(chat.prompts))
        await caller.config(reset=True, voice="nobody")
        assert "nobody" in (await caller.until("error"))["message"]
        await caller.config(reset=True, system_prompt="Forget it.")
        assert await caller.until("response.done") == {"id": begun["id"], "status": "cancelled", "cancelled": True}
        assert (chat.stopped, len(premises.conversations)) == (1, 1)
        assert chat.gate
        chat.gate.set()
        assert await caller.asks() == "Once upon a time."
    assert [message.role for message in chat.prompts[-1].messages] == ["system", "user"]


@pytest.mark.parametrize("event_id", ["change", "event_1", ""])
async def test_whatever_a_client_calls_its_events_no_change_is_mistaken_for_another(event_id: str) -> None:
    """What is wrong with one is told, and the conversation goes on."""
    missing = {"item_id": "nope", "event_id": event_id}
    async with Doorway(place()) as door, calling(door) as caller:
        for _ in range(2):
            await caller.control("session.update", {"instructions": "Rhyme.", "event_id": event_id})
            await caller.control("conversation.item.delete", missing)
            assert (await caller.until("error"))["param"] == "item_id"
        await caller.asks()
        assert len(caller.all("error")) == 2
