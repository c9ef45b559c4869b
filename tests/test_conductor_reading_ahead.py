"""What replies begin with is read while nobody waits for it."""

from __future__ import annotations

import asyncio
from threading import Event

import pytest

from realtime.engines.base import Read, Token, Urgency
from realtime.errors import EngineBusy
from tests.dialogue import Dialogue
from tests.fakes import FakeChat, fake_engines, quiet, voice
from tests.tools import WEATHER, ask, update

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
    async with Dialogue(fake_engines(chat=chat), instructions="") as client:
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


@pytest.mark.parametrize("own", [{}, {"instructions": "Be polite."}])
async def test_a_reply_waits_for_nothing(own: dict[str, str]) -> None:
    """What is being read is let go: as far as the model has come it need not read again."""
    chat = attentive(script=[READING, "Arr."], gate=asyncio.Event())
    async with Dialogue(fake_engines(chat=chat), instructions="") as client:
        await update(client, instructions=PIRATE)
        await ask(client, **own)
        assert [prompt.messages[0].text for prompt in chat.prompts] == [PIRATE, own.get("instructions", PIRATE)]
        assert [prompt.urgency for prompt in chat.prompts] == [Urgency.SPECULATIVE, Urgency.FINAL]
        assert chat.stopped == 1


async def test_a_conversation_is_read_as_its_user_begins_to_speak() -> None:
    """Other conversations may have taken its place in the model's memory since the last answer."""
    chat = attentive(script=["Arr.", READING, "Aye."])
    async with Dialogue(fake_engines(chat=chat), instructions="") as client:
        await client.says(quiet(512), voice(768), quiet(600))
        await client.goes_on(5)
        await client.asks("session.update", session={"type": "realtime", "instructions": ""})
        assert len(chat.prompts) == 1
        await update(client, instructions=PIRATE)
        chat.prompts.pop()
        await client.says(voice(128))
        ahead = chat.prompts[-1]
        assert [(message.role, message.text) for message in ahead.messages] == [
            ("system", PIRATE),
            ("user", "What is the capital of France?"),
            ("assistant", "Arr."),
        ]
        assert (ahead.max_tokens, ahead.urgency) == (1, Urgency.SPECULATIVE)


async def test_while_the_engines_are_busy_nothing_is_read_ahead() -> None:
    """Somebody is waiting for them."""
    chat, working = attentive(script=[READING]), Event()
    engines = fake_engines(chat=chat)
    held = await engines.scheduler.start(working.wait, Urgency.FINAL)
    async with Dialogue(engines, instructions="") as client:
        await update(client, instructions=PIRATE)
        assert chat.prompts == []
    working.set()
    await held


async def test_only_the_newest_beginning_is_read() -> None:
    chat = attentive(script=[READING], gate=asyncio.Event())
    async with Dialogue(fake_engines(chat=chat), instructions="") as client:
        await update(client, instructions=PIRATE)
        await update(client, instructions="Be polite.")
        assert (len(chat.prompts), chat.stopped) == (2, 1)


@pytest.mark.parametrize("failure", [EngineBusy("Every slot is taken."), KeyError("what Ada said")])
async def test_a_failure_to_read_ahead_harms_nobody(failure: Exception) -> None:
    chat = attentive(script=[failure, "Arr."])
    async with Dialogue(fake_engines(chat=chat), instructions="") as client:
        await update(client, instructions=PIRATE)
        await ask(client)
        assert client.words(client.response["id"]) == "Arr."


async def test_a_model_that_remembers_nothing_reads_nothing_ahead() -> None:
    chat = FakeChat()
    async with Dialogue(fake_engines(chat=chat), instructions="") as client:
        await update(client, instructions=PIRATE)
    assert chat.prompts == []
