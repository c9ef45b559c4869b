"""What a conversation does at its edges: settings that reach the engines, odd clients, engines that misbehave."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from realtime.audio import Audio, Pcm
from realtime.codecs import find_codec
from realtime.conductor.conductor import INBOX_LIMIT
from realtime.engines.base import AnswerPart, Listening, Prompt, Segment, Speaking, Urgency
from realtime.errors import EngineFailed
from tests.dialogue import Dialogue
from tests.fakes import FakeChat, FakeDetector, FakeSynthesizer, FakeTranscriber, fake_engines, quiet, settle, voice

pytestmark = pytest.mark.usefixtures("no_blocking")

QUESTION = quiet(512), voice(768), quiet(576)


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

    hints: list[Listening] = field(default_factory=list)

    async def transcribe(self, speech: Pcm, listening: Listening) -> AsyncGenerator[Segment, None]:
        self.heard.append(speech)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise EngineFailed("I was in the middle of it") from None
        yield Segment(text="never", start_s=0, end_s=1, log_probability=0)


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


class Ears(FakeTranscriber):
    """Remembers how it was told to listen, and how much it is at."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self.hints: list[Listening] = []
        self.at = 0

    async def transcribe(self, speech: Pcm, listening: Listening) -> AsyncGenerator[Segment, None]:
        self.hints.append(listening)
        self.at += 1
        try:
            async with aclosing(super().transcribe(speech, listening)) as segments:
                async for segment in segments:
                    yield segment
        finally:
            self.at -= 1


# --- what reaches the engines ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "spoken"),
    [("emma", "emma"), ("marin", None), ({"id": "heart"}, "heart")],
)
async def test_a_voice_the_engine_has_is_spoken_with(asked: Any, spoken: str | None) -> None:
    """One of OpenAI's names that it has not, with its own."""
    synthesizer = FakeSynthesizer()
    async with Dialogue(fake_engines(synthesizer=synthesizer)) as client:
        output = {"voice": asked, "speed": 1.5}
        await client.asks("session.update", session={"type": "realtime", "audio": {"output": output}})
        await client.says(*QUESTION)
        await client.goes_on(5)
        assert {speaking for _, speaking in synthesizer.spoken} == {Speaking(voice=spoken, speed=1.5)}


@pytest.mark.parametrize("name", ["audio/pcm", "audio/pcmu", "audio/pcma"])
async def test_the_answer_sounds_the_same_in_every_format(name: str) -> None:
    """At its rate; the length is the speech's own."""
    async with Dialogue(audio_format=name) as client:
        rate_hz = find_codec(name).rate_hz
        sound = {"input": {"format": {"type": name}}, "output": {"format": {"type": name}}}
        if name == "audio/pcm":
            sound["input"]["format"]["rate"] = sound["output"]["format"]["rate"] = 24_000  # type: ignore[assignment]
        await client.asks("session.update", session={"type": "realtime", "audio": sound})
        await client.says(quiet(512, rate_hz), voice(768, rate_hz), quiet(576, rate_hz))
        await client.goes_on(5)
        heard = client.sound(client.response["id"])
        assert len(heard) == 27 * 50 * rate_hz // 1000
        assert np.abs(heard[100:-100] - 0.5).max() < 0.02
        assert client.most_unheard_ms(client.response["id"]) <= 500


async def test_the_transcriber_is_told_what_to_expect() -> None:
    """The language and the words that are likely."""
    ears = Ears()
    async with Dialogue(fake_engines(transcriber=ears)) as client:
        await client.says(*QUESTION)
        await client.tunes(transcription={"model": "whisper-1", "language": "de-CH", "prompt": "Paris, Seine"})
        await client.says(*QUESTION)
        expected = [Listening(), Listening(language="de", prompt="Paris, Seine")]
        assert [replace(hints, urgency=Urgency.FINAL) for hints in ears.hints] == expected


@pytest.mark.parametrize("rate_hz", [8_000, 24_000])
async def test_the_transcriber_hears_at_its_own_rate(rate_hz: int) -> None:
    """Which need not be the detector's."""
    transcriber = FakeTranscriber(rate_hz=rate_hz)
    async with Dialogue(fake_engines(transcriber=transcriber)) as client:
        await client.tunes(turn_detection=None, transcription={"model": "whisper-1"})
        await client.says(voice(1200))
        await client.asks("input_audio_buffer.commit")
        completed = await client.until("conversation.item.input_audio_transcription.completed")
        assert [len(speech) for speech in transcriber.heard] == [1200 * rate_hz // 1000]
        assert completed["usage"]["seconds"] == 1.2


async def test_an_answer_may_be_cut_short_by_its_limit() -> None:
    """The model is told of it, and the client that it was reached."""
    chat = FakeChat(reason="length")
    async with Dialogue(fake_engines(chat=chat)) as client:
        await client.asks("session.update", session={"type": "realtime", "max_output_tokens": 6})
        await client.says(*QUESTION)
        await client.goes_on(5)
        assert chat.prompts[0].max_tokens == 6
        assert client.response["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}


async def test_an_item_that_brings_its_sound_is_put_into_words() -> None:
    """In the session's format; a response that was asked for in the same breath waits for them."""
    transcriber, chat = FakeTranscriber(["Good evening."]), FakeChat(["Hello!"])
    async with Dialogue(fake_engines(transcriber=transcriber, chat=chat)) as client:
        audio = base64.b64encode(find_codec("audio/pcm").encode(voice(2000))).decode()
        content = [{"type": "input_audio", "audio": audio}]
        client.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        client.send("response.create")
        await client.until("response.output_item.added")
        await client.goes_on(5)
        assert [len(speech) for speech in transcriber.heard] == [32_000]
        assert [message.text for message in chat.prompts[0].messages[1:]] == ["Good evening."]
        assert client.words(client.response["id"]) == "Hello!"


async def test_an_item_that_is_deleted_is_not_listened_to_any_further() -> None:
    """The response that waited for its words does not wait any more; the next turn is heard as always."""
    transcriber = Ears(gate=asyncio.Event())
    async with Dialogue(fake_engines(transcriber=transcriber)) as client:
        await client.says(*QUESTION)
        assert transcriber.at == 1
        await client.asks("conversation.item.delete", item_id=client.last("input_audio_buffer.committed")["item_id"])
        assert transcriber.at == 0
        assert transcriber.gate
        transcriber.gate.set()
        await client.says(*QUESTION)
        await client.goes_on(5)
        assert client.response["status"] == "completed"
        assert [len(transcriber.heard), transcriber.at] == [2, 0]


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


async def test_what_was_deleted_is_not_put_into_words() -> None:
    """Its transcription stops, and a new item of the same name is not given the words of the old one."""
    transcriber = FakeTranscriber(["Old words.", "New words."], gate=asyncio.Event())
    async with Dialogue(fake_engines(transcriber=transcriber)) as client:
        await client.tunes(transcription={"model": "whisper-1"})
        spoken = base64.b64encode(find_codec("audio/pcm").encode(voice(300))).decode()
        item = {"type": "message", "role": "user", "id": "x", "content": [{"type": "input_audio", "audio": spoken}]}
        client.send("conversation.item.create", item=item)
        await until(lambda: len(transcriber.heard) == 1)
        client.send("conversation.item.delete", item_id="x")
        client.send("conversation.item.create", item=item)
        await until(lambda: len(transcriber.heard) == 2)
        assert transcriber.gate
        transcriber.gate.set()
        completed = await client.until("conversation.item.input_audio_transcription.completed")
        assert completed["transcript"] == "New words."
        assert len(client.all("conversation.item.input_audio_transcription.completed")) == 1


async def test_the_hints_for_a_turn_are_those_of_its_time() -> None:
    """A language chosen after a commit is for the next turn."""
    hinted: list[Listening] = []

    class Noting(FakeTranscriber):
        async def transcribe(self, speech: Pcm, listening: Listening) -> AsyncGenerator[Segment, None]:
            hinted.append(listening)
            async with aclosing(super().transcribe(speech, listening)) as segments:
                async for segment in segments:
                    yield segment

    async with Dialogue(fake_engines(transcriber=Noting())) as client:
        await client.tunes(turn_detection=None, transcription={"language": "en"})
        await client.says(voice(300))
        client.send("input_audio_buffer.commit")
        audio = {"input": {"transcription": {"language": "de"}}}
        client.send("session.update", session={"type": "realtime", "audio": audio})
        await client.goes_on()
    assert [listening.language for listening in hinted] == ["en"]


async def until(done: Callable[[], bool]) -> None:
    """Go on until a thread that is not on our clock has done its part."""
    async with asyncio.timeout(10):
        while not done():
            await settle(1)


async def test_what_is_cleared_is_not_heard() -> None:
    """What comes afterwards is all of the turn."""
    transcriber = FakeTranscriber()
    async with Dialogue(fake_engines(transcriber=transcriber)) as client:
        await client.tunes(turn_detection=None)
        await client.says(voice(1000))
        await client.asks("input_audio_buffer.clear")
        await client.says(voice(500))
        await client.asks("input_audio_buffer.commit")
        assert [len(speech) for speech in transcriber.heard] == [500 * 16]


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


# --- the end -----------------------------------------------------------------------------------------------------


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
