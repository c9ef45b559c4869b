"""The stream to a speech-to-speech backend: how it begins, what it carries, and all the ways in which it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.remote.channels import Channels
from realtime.backend.remote.connection import Connection, make_line
from realtime.backend.remote.speech_line import WAITING_REQUESTS, SpeechLine
from realtime.backend.remote.speech_requests import ask, control
from realtime.errors import EngineFailed
from tests.backend.remote.remote_backend import Answer, BareBackend, at_work
from tests.backend.remote.speech_backend import HELLO, MANNER, Bare, event, words
from tests.server.house import until

ANYTHING = control("anything")


class Ear:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def __call__(self, event: pb.AudioToAudioResponse) -> None:
        self.heard.append(event.event)


@asynccontextmanager
async def line_to(*answers: Answer, silence_s: float = 20) -> AsyncIterator[SpeechLine]:
    """A line that nothing carries yet, to a backend that answers so; to nobody where there is none."""
    async with at_work(*(BareBackend({"AudioToAudioStream": answer}) for answer in answers)) as addresses:
        channels = Channels(make_line(addresses or "127.0.0.1:1", Connection()))
        yield SpeechLine(channels, "the far one", silence_s)
        await channels.close()


async def filled(line: SpeechLine) -> None:
    """Say as much as may wait."""
    for _ in range(WAITING_REQUESTS):
        await line.say(ANYTHING)


def reason(line: SpeechLine) -> str:
    """Why it is over."""
    assert line.failure
    return str(line.failure)


async def test_what_is_said_before_it_is_carried_is_sent_in_its_order() -> None:
    """What comes of it is heard; cancelling hangs up."""
    bare, ear = Bare(words("Well.")), Ear()
    async with line_to(bare) as line:
        asked = list(ask(None, MANNER, HELLO, None))
        for request in asked:
            await line.say(request)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(line.run(ear))
            await until(lambda: len(ear.heard) == 3)
            assert (bare.streams, bare.over, line.failure) == ([asked], 0, None)
            running.cancel()
        await until(lambda: bare.over == 1)
    assert ear.heard == ["response.audio_transcript.delta", "response.audio.delta", "response.done"]
    assert reason(line) == "the far one ended the conversation"


async def test_while_an_event_is_taken_no_other_is_read() -> None:
    """Which is how a slow taker holds the backend back."""
    taking, free, taken = asyncio.Event(), asyncio.Event(), 0

    async def hear(event: pb.AudioToAudioResponse) -> None:
        nonlocal taken
        taken += 1
        taking.set()
        await free.wait()

    async with line_to(Bare(words("Well."))) as line:
        for request in ask(None, MANNER, HELLO, None):
            await line.say(request)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(line.run(hear))
            async with asyncio.timeout(10):
                await taking.wait()
            assert taken == 1
            free.set()
            await until(lambda: taken == 3)
            running.cancel()


async def farewell(requests: Any, context: Any) -> AsyncGenerator[pb.AudioToAudioResponse, None]:
    """A backend that says one thing and is gone."""
    await anext(requests)
    yield event("response.created")


async def stumble(requests: Any, context: Any) -> AsyncGenerator[pb.AudioToAudioResponse, None]:
    """One that says one thing and fails."""
    async with aclosing(farewell(requests, context)) as events:
        async for told in events:
            yield told
    raise RuntimeError


@pytest.mark.parametrize(
    ("answer", "problem"), [(farewell, "the far one ended the conversation"), (stumble, "backend at 127")]
)
async def test_the_backend_ends_it(answer: Answer, problem: str) -> None:
    """It is over by itself then, and says why: in the log, and to whoever says more. Nothing changes that."""
    ear = Ear()
    async with line_to(answer) as line:
        await line.say(ANYTHING)
        with capture_logs() as logs:
            async with asyncio.timeout(10):
                await line.run(ear)
        assert ear.heard == ["response.created"]
        assert problem in reason(line)
        assert logs == [{"event": "a speech-to-speech stream is over", "reason": reason(line), "log_level": "info"}]
        with pytest.raises(EngineFailed, match=problem):
            await line.say(ANYTHING)
        line.give_up()
        assert problem in reason(line)


async def test_it_is_given_up() -> None:
    """That ends the work far away, and is nothing that anybody need be told in the log."""
    bare = Bare(words("Well."))
    async with line_to(bare) as line, asyncio.TaskGroup() as tasks:
        with capture_logs() as logs:
            running = tasks.create_task(line.run(Ear()))
            await until(lambda: bool(bare.streams))
            line.give_up()
            async with asyncio.timeout(10):
                await running
        await until(lambda: bare.over == 1)
        assert (reason(line), logs) == ("the far one has been given up", [])
        with pytest.raises(EngineFailed, match="given up"):
            await line.say(ANYTHING)


async def test_it_is_given_up_before_it_is_carried() -> None:
    """Nobody is told anything then."""
    bare, ear = Bare(words("Well.")), Ear()
    async with line_to(bare) as line:
        for request in ask(None, MANNER, HELLO, None):
            await line.say(request)
        line.give_up()
        async with asyncio.timeout(10):
            await line.run(ear)
    assert (ear.heard, [told for told in bare.streams if told]) == ([], [])


async def test_only_so_much_may_wait() -> None:
    """Then nobody listens; it is not over for that."""
    async with line_to(silence_s=0) as line:
        for _ in range(WAITING_REQUESTS):
            line.say_or_give_up(ANYTHING)
        with pytest.raises(EngineFailed, match=r"^the far one does not listen$"):
            await line.say(ANYTHING)
        assert line.failure is None


async def test_what_cannot_wait_and_has_no_room_ends_it() -> None:
    async with line_to() as line:
        await filled(line)
        line.say_or_give_up(ANYTHING)
        assert reason(line) == "the far one has been given up"


async def test_whoever_waits_for_room_is_told_of_the_end() -> None:
    """And sends nothing."""
    async with line_to() as line:
        await filled(line)
        async with asyncio.timeout(10):
            told, _ = await asyncio.gather(line.say(ANYTHING), line.run(Ear()), return_exceptions=True)
        assert told is line.failure
        assert "cannot be reached" in reason(line)
