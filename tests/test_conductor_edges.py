"""What a conversation does at its edges: odd clients, the end, and engines that misbehave."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace

import pytest

from realtime.audio import Audio, Pcm
from realtime.codecs import find_codec
from realtime.conductor.conductor import INBOX_LIMIT
from realtime.engines.base import AnswerPart, Listening, Prompt, Segment, Speaking
from realtime.errors import EngineFailed
from tests.dialogue import QUESTION, Dialogue
from tests.fakes import FakeChat, FakeDetector, FakeSynthesizer, FakeTranscriber, fake_engines, quiet, settle, voice

pytestmark = pytest.mark.usefixtures("no_blocking")


# --- odd clients -------------------------------------------------------------------------------------------------


async def test_what_cannot_be_read_is_answered_and_changes_nothing() -> None:
    """The answer names the event, if it had a name."""
    async with Dialogue() as client:
        await client.asks("response.create", event_id="mine", response={"modalities": ["text"]})
        error = client.last("error")["error"]
        assert (error["event_id"], error["param"]) == ("mine", "response.modalities")
        await client.says(*QUESTION)
        await client.goes_on(5)
        assert client.response["status"] == "completed"


async def test_a_response_cancelled_in_the_breath_it_was_asked_for_is_never_made() -> None:
    """The model is not even asked."""
    chat = FakeChat()
    async with Dialogue(fake_engines(chat=chat)) as client:
        client.send("response.create")
        await client.asks("response.cancel")
        assert client.names[-3:] == ["response.created", "rate_limits.updated", "response.done"]
        assert chat.prompts == []


@pytest.mark.parametrize("audio_format", ["audio/pcm", "audio/pcmu", "audio/pcma"])
async def test_a_long_append_lets_others_go_on(audio_format: str) -> None:
    """Minutes of sound in one event: nobody waits while the detector hears more than a second of it."""
    engines, heard = fake_engines(), 0
    detector = engines.detector

    class Counting(FakeDetector):
        def stream(self) -> Counting:
            return self

        def probability(self, window: Pcm) -> float:
            nonlocal heard
            heard += 1
            return detector.stream().probability(window)

    most = before = 0
    engines = replace(engines, detector=Counting())
    async with Dialogue(engines, audio_format=audio_format) as client:
        await client.tunes(format={"type": audio_format})
        sound = find_codec(audio_format).encode(quiet(150_000, find_codec(audio_format).rate_hz))
        client.send("input_audio_buffer.append", audio=base64.b64encode(sound).decode())
        client.send("input_audio_buffer.clear")
        while not client.all("input_audio_buffer.cleared"):
            await asyncio.sleep(0)
            most, before = max(most, heard - before), heard
    assert heard == 150_000 // 32
    assert most <= 1000 // 32 + 1


async def test_a_client_that_is_gone_ends_the_conversation() -> None:
    """Whatever was being done, and whatever it had still said."""
    chat = FakeChat(["One. Two. Three."], gate=asyncio.Event())
    async with Dialogue(fake_engines(chat=chat)) as client:
        await client.says(*QUESTION)
        client.gone = True
        for _ in range(3 * INBOX_LIMIT):
            client.send("input_audio_buffer.clear")
        await settle()
        assert (client.ending(), client.running.done(), chat.stopped) == ("hung up", True, 1)


# --- the end -----------------------------------------------------------------------------------------------------


async def test_cancelling_a_conversation_ends_everything_in_it() -> None:
    """Replies and transcriptions, before the cancelled task is over."""
    chat, transcriber = FakeChat(["One. Two."], gate=asyncio.Event()), FakeTranscriber()
    async with Dialogue(fake_engines(chat=chat, transcriber=transcriber)) as client:
        await client.says(*QUESTION)
        transcriber.gate = asyncio.Event()
        await client.tunes(turn_detection={"type": "server_vad", "interrupt_response": False})
        await client.says(*QUESTION)
        await client.is_cancelled()
        assert client.running.cancelled()
        assert chat.stopped == 1


async def test_draining_an_idle_conversation_ends_it_at_once() -> None:
    """Even one in which somebody speaks: the turn would not be answered any more."""
    async with Dialogue() as client:
        await client.says(voice(500))
        await client.conductor.drain()
        await settle()
        assert client.ending() == "drained"


async def test_a_turn_that_waits_for_its_words_is_answered_before_a_drain_is_over() -> None:
    """Its response had begun."""
    transcriber = FakeTranscriber(gate=asyncio.Event())
    async with Dialogue(fake_engines(transcriber=transcriber)) as client:
        await client.says(*QUESTION)
        await client.conductor.drain()
        await settle()
        assert client.ending() is None
        assert transcriber.gate
        transcriber.gate.set()
        await client.goes_on(5)
        assert client.ending() == "drained"
        assert client.words(client.response["id"]) == "Paris. It lies on the Seine."


async def test_a_barge_in_while_draining_is_the_end() -> None:
    """The answer is stopped, and the new turn is not answered."""
    async with Dialogue() as client:
        await client.says(*QUESTION)
        await client.conductor.drain()
        await client.says(voice(128))
        assert client.ending() == "drained"
        assert client.response["status"] == "cancelled"
        assert len(client.all("response.created")) == 1


# --- engines that misbehave --------------------------------------------------------------------------------------


@dataclass
class SlowToStop(FakeChat):
    """Takes its time to let go, and counts how many answers it is at."""

    at: int = 0
    most: int = 0

    async def answer(self, prompt: Prompt) -> AsyncGenerator[AnswerPart, None]:
        self.at += 1
        self.most = max(self.most, self.at)
        try:
            async with aclosing(super().answer(prompt)) as parts:
                async for part in parts:
                    yield part
        finally:
            await settle(10)
            self.at -= 1


@dataclass
class SoreVoice(FakeSynthesizer):
    """Makes a failure of its own out of being cancelled."""

    async def speak(self, text: str, speaking: Speaking) -> AsyncGenerator[Audio, None]:
        self.spoken.append((text, speaking))
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise EngineFailed("I was in the middle of it") from None
        yield Audio(voice(100), self.rate_hz)


@dataclass
class SoreEars(FakeTranscriber):
    """So do these."""

    async def transcribe(self, speech: Pcm, listening: Listening) -> AsyncGenerator[Segment, None]:
        self.heard.append(speech)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise EngineFailed("I was in the middle of it") from None
        yield Segment(text="never", start_s=0, end_s=1, log_probability=0)


async def test_a_reply_has_let_go_of_its_engines_before_the_next_begins() -> None:
    """Also when both are asked for in one breath."""
    chat = SlowToStop(gate=asyncio.Event())
    async with Dialogue(fake_engines(chat=chat)) as client:
        await client.asks("response.create")
        for _ in range(3):
            client.send("response.cancel")
            await client.asks("response.create")
        await settle(100)
        assert [len(client.all(f"response.{what}")) for what in ("created", "done")] == [4, 3]
        assert (chat.at, chat.most) == (1, 1)


async def test_a_reply_that_fails_as_it_is_stopped_holds_nobody_up() -> None:
    """Its report would wait for room in the inbox, and the inbox for the reply to be stopped."""
    chat = FakeChat(["One. Two."])
    async with Dialogue(fake_engines(chat=chat, synthesizer=SoreVoice())) as client:
        await client.says(*QUESTION)
        client.send("response.cancel")
        for _ in range(3 * INBOX_LIMIT):
            client.send("input_audio_buffer.clear")
        await settle(200)
        assert client.response["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
        assert len(client.all("input_audio_buffer.cleared")) == 3 * INBOX_LIMIT


async def test_a_transcription_that_fails_as_it_is_stopped_does_not_keep_the_conversation() -> None:
    """Nobody takes from the inbox any more, and it is full of what the client had said before it was gone."""
    async with Dialogue(fake_engines(transcriber=SoreEars())) as client:
        await client.says(*QUESTION)
        client.reading.clear()
        for _ in range(3 * INBOX_LIMIT):
            client.send("input_audio_buffer.clear")
        await settle()
        client.gone = True
        client.reading.set()
        await settle()
        assert (client.ending(), client.running.done()) == ("hung up", True)
