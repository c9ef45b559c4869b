"""What reaches the engines in a conversation: the session's settings, and only the sound that is to be heard."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from realtime.audio import Pcm
from realtime.codecs import find_codec
from realtime.engines.base import Listening, Segment, Speaking, Urgency
from tests.dialogue import QUESTION, Dialogue
from tests.fakes import FakeChat, FakeSynthesizer, FakeTranscriber, fake_engines, quiet, settle, voice

pytestmark = pytest.mark.usefixtures("no_blocking")


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


# --- speaking and answering --------------------------------------------------------------------------------------


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


async def test_an_answer_may_be_cut_short_by_its_limit() -> None:
    """The model is told of it, and the client that it was reached."""
    chat = FakeChat(reason="length")
    async with Dialogue(fake_engines(chat=chat)) as client:
        await client.asks("session.update", session={"type": "realtime", "max_output_tokens": 6})
        await client.says(*QUESTION)
        await client.goes_on(5)
        assert chat.prompts[0].max_tokens == 6
        assert client.response["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}


# --- listening ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["de", "de-CH", "de_CH"])
async def test_the_transcriber_is_told_what_to_expect(language: str) -> None:
    """The language and the words that are likely."""
    ears = Ears()
    async with Dialogue(fake_engines(transcriber=ears)) as client:
        await client.says(*QUESTION)
        await client.tunes(transcription={"model": "whisper-1", "language": language, "prompt": "Paris, Seine"})
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


async def test_the_hints_for_a_turn_are_those_of_its_time() -> None:
    """A language chosen after a commit is for the next turn."""
    ears = Ears()
    async with Dialogue(fake_engines(transcriber=ears)) as client:
        await client.tunes(turn_detection=None, transcription={"language": "en"})
        await client.says(voice(300))
        client.send("input_audio_buffer.commit")
        audio = {"input": {"transcription": {"language": "de"}}}
        client.send("session.update", session={"type": "realtime", "audio": audio})
        await client.goes_on()
    assert [listening.language for listening in ears.hints] == ["en"]


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


# --- what is not listened to -------------------------------------------------------------------------------------


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


async def until(done: Callable[[], bool]) -> None:
    """Go on until a thread that is not on our clock has done its part."""
    async with asyncio.timeout(10):
        while not done():
            await settle(1)
