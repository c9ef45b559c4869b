"""How many talk, and how they are brought to an end."""

from __future__ import annotations

import asyncio

import pytest

from realtime.conductor.conductor import INBOX_LIMIT
from realtime.conductor.conversations import Conversations
from realtime.errors import ServerFull, ServerStopping
from tests.dialogue import QUESTION, Dialogue
from tests.fakes import FakeChat, fake_engines, settle


async def test_they_are_counted_in_and_out() -> None:
    """However they end."""
    conversations = Conversations(limit=2)
    async with Dialogue() as one, Dialogue() as other:
        with conversations.hold(one.conductor):
            with pytest.raises(ZeroDivisionError), conversations.hold(other.conductor):
                raise ZeroDivisionError(f"with {len(conversations)} going on")
            assert len(conversations) == 1
        assert len(conversations) == 0


async def test_one_too_many_is_refused() -> None:
    """Until there is room again."""
    conversations = Conversations(limit=1)
    async with Dialogue() as one, Dialogue() as other:
        with conversations.hold(one.conductor):
            with pytest.raises(ServerFull, match="holds 1 conversations already"), conversations.hold(other.conductor):
                pass
            assert len(conversations) == 1
        with conversations.hold(other.conductor):
            assert len(conversations) == 1


async def test_nobody_is_let_in_while_it_drains() -> None:
    """Not even when there is nobody."""
    conversations = Conversations(limit=1)
    await conversations.drain(within_s=0)
    with pytest.raises(ServerStopping, match="shutting down"):
        conversations.check_room()


async def test_draining_is_over_when_the_last_conversation_is() -> None:
    """Each ends with the reply that it was in the middle of."""
    conversations = Conversations(limit=9)
    async with Dialogue(fake_engines(chat=FakeChat(["Wait for me."]))) as talking, Dialogue() as idle:

        async def hold(dialogue: Dialogue) -> None:
            with conversations.hold(dialogue.conductor):
                await asyncio.wait([dialogue.running])

        async with asyncio.TaskGroup() as tasks:
            for dialogue in (talking, idle):
                tasks.create_task(hold(dialogue))
            await talking.says(*QUESTION)
            draining = tasks.create_task(conversations.drain(within_s=1000))
            await settle()
            assert idle.ending() == "drained"
            assert not draining.done()
            await talking.goes_on(5)
            assert (talking.ending(), draining.done()) == ("drained", True)
            assert talking.words(talking.response["id"]) == "Wait for me."


async def test_draining_does_not_wait_for_a_conversation_that_ended_before_it_could_be_told() -> None:
    """Its client had stopped reading, so its inbox was full; nobody takes from it any more."""
    conversations = Conversations(limit=9)
    async with Dialogue() as stuck, asyncio.TaskGroup() as tasks:
        stuck.reading.clear()
        for _ in range(3 * INBOX_LIMIT):
            stuck.send("input_audio_buffer.clear")
        await settle()
        with conversations.hold(stuck.conductor):
            draining = tasks.create_task(conversations.drain(within_s=1000))
            await settle()
            assert not draining.done()
            stuck.gone = True
            stuck.reading.set()
            await asyncio.wait([stuck.running])
        await settle()
        assert draining.done()


async def test_a_conversation_that_takes_too_long_is_ended() -> None:
    """Politely: it comes to its end like any other."""
    conversations, chat = Conversations(limit=9), FakeChat(gate=asyncio.Event())
    async with Dialogue(fake_engines(chat=chat)) as dialogue, asyncio.TaskGroup() as tasks:
        await dialogue.says(*QUESTION)

        async def hold() -> None:
            with conversations.hold(dialogue.conductor):
                await asyncio.wait([dialogue.running])

        tasks.create_task(hold())
        await settle()
        await conversations.drain(within_s=0.01)
        assert (dialogue.ending(), chat.stopped, len(conversations)) == ("drained", 1, 0)


async def test_draining_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever does not even take in that it is over is left to the server."""
    monkeypatch.setattr("realtime.conductor.conversations.LAST_WORDS_S", 0.01)
    conversations = Conversations(limit=9)
    async with Dialogue() as stuck:
        stuck.reading.clear()
        for _ in range(3 * INBOX_LIMIT):
            stuck.send("input_audio_buffer.clear")
        await settle()
        with conversations.hold(stuck.conductor):
            await conversations.drain(within_s=0.01)
            assert (stuck.ending(), len(conversations)) == (None, 1)
