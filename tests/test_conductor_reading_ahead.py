"""What replies begin with is read while nobody waits for it."""

from __future__ import annotations

import asyncio

import pytest

from realtime.engines.base import Read, Token
from realtime.errors import EngineBusy
from tests.dialogue import Dialogue
from tests.fakes import FakeChat, fake_engines
from tests.test_conductor_tools import WEATHER, ask, update

PIRATE = "Speak like a pirate."
READING = (Token("x"), Read(prompt_tokens=300, cached_tokens=0))
"""A gate in the fake stops after the first part: the prompt has not been read until it opens."""


def attentive(**script: object) -> FakeChat:
    chat = FakeChat(**script)  # type: ignore[arg-type]
    chat.abilities |= {"reading_ahead"}
    return chat


async def test_a_change_of_the_beginning_is_read_at_once_and_once() -> None:
    """Nothing is told of it, and the model writes nothing."""
    chat = attentive(script=[READING, "Well."])
    async with Dialogue(fake_engines(chat=chat)) as client:
        await update(client, tools=[WEATHER])
        (ahead,) = chat.prompts
        assert (ahead.tools[0].name, ahead.max_tokens) == ("get_weather", 1)
        assert client.names[-1] == "session.updated"
        await update(client, tools=[WEATHER])
        assert len(chat.prompts) == 1
        await ask(client)
        assert chat.prompts[1].messages[: len(ahead.messages)] == ahead.messages
        assert client.words(client.response["id"]) == "Well."
    assert chat.stopped == 1


async def test_a_reply_waits_for_what_it_would_have_to_read_itself() -> None:
    chat = attentive(script=[READING, "Arr."], gate=asyncio.Event())
    async with Dialogue(fake_engines(chat=chat)) as client:
        await update(client, instructions=PIRATE)
        await ask(client)
        assert len(chat.prompts) == 1
        assert chat.gate
        chat.gate.set()
        await client.goes_on()
        assert client.words(client.response["id"]) == "Arr."


async def test_a_reply_that_begins_otherwise_waits_for_nothing() -> None:
    """What was being read is let go."""
    chat = attentive(script=[READING, "Good day."], gate=asyncio.Event())
    async with Dialogue(fake_engines(chat=chat)) as client:
        await update(client, instructions=PIRATE)
        await ask(client, instructions="Be polite.")
        assert [prompt.messages[0].text for prompt in chat.prompts] == [PIRATE, "Be polite."]
        assert chat.stopped == 1


async def test_only_the_newest_beginning_is_read() -> None:
    chat = attentive(script=[READING], gate=asyncio.Event())
    async with Dialogue(fake_engines(chat=chat)) as client:
        await update(client, instructions=PIRATE)
        await update(client, instructions="Be polite.")
        assert (len(chat.prompts), chat.stopped) == (2, 1)


@pytest.mark.parametrize("failure", [EngineBusy("Every slot is taken."), KeyError("what Ada said")])
async def test_a_failure_to_read_ahead_harms_nobody(failure: Exception) -> None:
    chat = attentive(script=[failure, "Arr."])
    async with Dialogue(fake_engines(chat=chat)) as client:
        await update(client, instructions=PIRATE)
        await ask(client)
        assert client.words(client.response["id"]) == "Arr."


async def test_a_model_that_remembers_nothing_reads_nothing_ahead() -> None:
    chat = FakeChat()
    async with Dialogue(fake_engines(chat=chat)) as client:
        await update(client, instructions=PIRATE)
    assert chat.prompts == []
