"""What has come of an answer, between the stream and whoever takes it."""

from __future__ import annotations

import asyncio

import pytest

from realtime.backend.remote.speech_inbox import WAITING_EVENTS, SpeechInbox
from realtime.errors import EngineFailed
from tests.backend.remote.speech_backend import event

FIRST, SECOND = event("response.created"), event("response.done")
GONE = EngineFailed("it is gone")


async def inbox_with(count: int) -> SpeechInbox:
    """One in which so many events wait."""
    inbox = SpeechInbox("the far one", 10)
    for _ in range(count):
        await inbox.put(FIRST)
    return inbox


async def test_events_are_taken_in_their_order() -> None:
    inbox = SpeechInbox("the far one", 10)
    await inbox.put(FIRST)
    await inbox.put(SECOND)
    assert [await inbox.take(), await inbox.take()] == [FIRST, SECOND]


@pytest.mark.parametrize("count", [0, 1, WAITING_EVENTS])
async def test_what_has_come_can_be_taken_after_the_end(count: int) -> None:
    """Then everybody is told why there is no more, however full it was."""
    inbox = await inbox_with(count)
    inbox.end(GONE)
    for _ in range(count):
        assert await inbox.take() == FIRST
    for _ in range(2):
        with pytest.raises(EngineFailed, match="gone"):
            await inbox.take()


async def test_whoever_waits_is_told_of_the_end() -> None:
    """At once."""
    inbox = await inbox_with(0)
    taking = asyncio.create_task(inbox.take())
    told, _ = await asyncio.gather(taking, _later(inbox), return_exceptions=True)
    assert told is GONE


async def _later(inbox: SpeechInbox) -> None:
    inbox.end(GONE)


async def test_silence_is_a_failure() -> None:
    inbox = SpeechInbox("the far one", 0)
    with pytest.raises(EngineFailed, match=r"^the far one has said nothing for 0 s$"):
        await inbox.take()


async def test_a_full_one_holds_back_whoever_fills_it() -> None:
    """Until something is taken."""
    inbox = await inbox_with(WAITING_EVENTS)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await inbox.put(SECOND)
    assert await inbox.take() == FIRST
    async with asyncio.timeout(10):
        await inbox.put(SECOND)


async def test_leaving_lets_whoever_fills_it_go_on() -> None:
    inbox = await inbox_with(WAITING_EVENTS)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        filling = tasks.create_task(inbox.put(SECOND))
        tasks.create_task(_leave(inbox))
    assert filling.done()


async def _leave(inbox: SpeechInbox) -> None:
    inbox.leave()
