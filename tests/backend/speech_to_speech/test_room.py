"""How many talk at once over `AudioToAudioStream`, how fast they listen, and how what they began is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import grpc
import numpy as np
import pytest

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.speech_to_speech.room import SpeechToSpeech
from realtime.codecs.pcm16 import Pcm16
from tests.backend.doorway import Doorway
from tests.backend.speech_to_speech.caller import (
    QUESTION,
    brief_engines,
    by_hand,
    calling,
    narrow,
    place,
)
from tests.fakes import FakeChat, FakeSynthesizer, fake_engines, settle
from tests.server.house import until

pytestmark = pytest.mark.usefixtures("server_logs")


# --- an answer that is stopped -----------------------------------------------------------------------------------


async def test_an_answer_is_cancelled() -> None:
    """And nothing of it comes afterwards; cancelling what is over is nothing."""
    chat = FakeChat(["One two three."], gate=asyncio.Event())
    async with Doorway(place(fake_engines(chat=chat))) as door, calling(door, **by_hand()) as caller:
        await caller.says(*QUESTION, end=True)
        await caller.until("response.created")
        await until(lambda: bool(chat.prompts))
        for _ in range(2):
            await caller.control("response.cancel")
        done = await caller.until("response.done")
        assert (done["cancelled"], done["reason"]) == (True, "client_cancelled")
        assert await caller.rest() == []
    assert chat.stopped == 1


async def test_speech_over_an_answer_stops_it() -> None:
    """No sound comes between that and the next answer, and the one who was interrupted is not paced to the end."""
    engines = fake_engines(
        chat=FakeChat(["A very long story.", "Yes?"]), synthesizer=FakeSynthesizer(ms_per_letter=500)
    )
    async with Doorway(place(engines, lead_ms=100)) as door, calling(door) as caller:
        await caller.says(*QUESTION)
        await caller.until("response.audio.delta")
        await caller.says(*QUESTION)
        done = await caller.until("response.done")
        assert (done["cancelled"], done["reason"]) == (True, "turn_detected")
        stopped = len(caller.told)
        await caller.until("response.created")
        assert "response.audio.delta" not in caller.names[stopped:]
        assert len(caller.sound) < 4 * 24_000


# --- a client that leaves or does not listen ---------------------------------------------------------------------


async def test_a_client_that_leaves_stops_everything() -> None:
    """The model's work too; the door waits until nothing is left."""
    chat = FakeChat(["One two three."], gate=asyncio.Event())
    premises = place(fake_engines(chat=chat))
    async with Doorway(premises) as door:
        async with calling(door) as caller:
            await caller.says(*QUESTION)
            await caller.until("response.created")
            await until(lambda: bool(chat.prompts))
        await until(lambda: door.going_on == 0)
        assert (chat.stopped, len(premises.conversations)) == (1, 0)


async def test_a_client_that_stops_reading_is_given_up() -> None:
    """Others never notice."""
    engines = fake_engines(chat=FakeChat(["A story. " * 40]), synthesizer=FakeSynthesizer(ms_per_letter=200))
    premises = place(engines, server={"stalled_client_s": 0.3}, lead_ms=10_000)
    async with Doorway(premises) as door, narrow(door) as channel, calling(door, channel) as caller:
        await caller.says(*QUESTION)
        await caller.until("response.audio.delta")
        async with calling(door, **by_hand(modality="text")) as other:
            await other.writes("Hello")
            await other.control("response.create")
            await other.until("response.done")
        await until(lambda: door.going_on == 0)
        assert (await caller.fails())[0] is grpc.StatusCode.DEADLINE_EXCEEDED
        assert len(premises.conversations) == 0


async def test_a_slow_reader_loses_nothing() -> None:
    """While a message is not taken, none is made ready behind it, and no more is spoken than waits for it."""
    synthesizer = FakeSynthesizer(ms_per_letter=40)
    chat = FakeChat(["One more of many sentences. " * 100])
    premises = place(fake_engines(chat=chat, synthesizer=synthesizer), lead_ms=1_000_000)
    taken, gate, done = 0, asyncio.Event(), asyncio.Event()

    async def speak() -> AsyncIterator[pb.AudioToAudioRequest]:
        yield pb.AudioToAudioRequest(config=pb.AudioToAudioConfig(**by_hand()))
        pcm = Pcm16().encode(np.concatenate(QUESTION))
        yield pb.AudioToAudioRequest(frame=pb.AudioToAudioFrame(pcm=pcm, end_of_input=True))
        await done.wait()

    async def send(response: pb.AudioToAudioResponse) -> None:
        nonlocal taken
        if response.event == "response.audio.delta":
            assert gate.is_set() or not taken, "one is still being sent"
            taken += len(response.pcm)
            await gate.wait()
        if response.event == "response.done":
            done.set()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(SpeechToSpeech(premises).audio_to_audio_stream(speak(), send))
        await until(lambda: taken > 0)
        await settle(2000)
        assert len(synthesizer.spoken) < 30
        gate.set()
        await done.wait()
    assert len(synthesizer.spoken) == 100
    assert taken == 100 * 27 * 40 * 24 * 2


# --- how many ----------------------------------------------------------------------------------------------------


async def test_many_at_once() -> None:
    """Each hears its own answers, whoever talks in between."""
    answers = [f"This is answer {index}." for index in range(20)]
    chat = FakeChat([*answers])
    engines = brief_engines(chat=chat)
    heard: list[str] = []
    async with Doorway(place(engines)) as door:

        async def talk() -> None:
            async with calling(door) as caller:
                for _ in range(2):
                    for start in range(3):
                        await caller.says(QUESTION[start])
                    done = await caller.until("response.done")
                    heard.append(caller.words(done["id"]))
                assert await caller.rest() == []

        async with asyncio.TaskGroup() as tasks:
            for _ in range(10):
                tasks.create_task(talk())
    assert sorted(heard) == sorted(answers)


async def test_one_too_many_is_refused() -> None:
    """Until somebody leaves."""
    async with Doorway(place(most=1)) as door:
        async with calling(door) as first:
            await first.asks()
            async with calling(door) as second:
                code, message = await second.fails()
                assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
                assert "1 conversations already" in message
            assert await first.rest() == []
        async with calling(door) as third:
            assert await third.asks()


async def test_nobody_is_let_in_while_the_machine_is_busy() -> None:
    """Elsewhere there may be room."""
    async with Doorway(replace(place(), busy=lambda: True)) as door, calling(door) as caller:
        assert (await caller.fails())[0] is grpc.StatusCode.UNAVAILABLE


async def test_a_server_that_stops_lets_answers_finish() -> None:
    """Then the stream ends, so that the client tries elsewhere; nothing new begins."""
    chat = FakeChat(["This will be said."], gate=asyncio.Event())
    engines = brief_engines(chat=chat)
    premises = place(engines)
    async with Doorway(premises) as door, calling(door) as caller, asyncio.TaskGroup() as tasks:
        await caller.says(*QUESTION)
        await caller.until("response.created")
        tasks.create_task(premises.conversations.drain(within_s=60))
        await until(lambda: premises.conversations.draining)
        async with calling(door) as late:
            assert (await late.fails())[0] is grpc.StatusCode.UNAVAILABLE
        assert chat.gate
        chat.gate.set()
        code, message = await caller.fails()
        assert (code, caller.all("response.done")[0]["status"]) == (grpc.StatusCode.UNAVAILABLE, "completed")
        assert "shutting down" in message
