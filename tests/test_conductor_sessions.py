"""Scenarios of whole sessions: listening only, waiting for somebody who does not speak, coming to an end."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator
from contextlib import aclosing

import numpy as np
import pytest

from realtime.audio import Pcm
from realtime.codecs import find_codec
from realtime.engines.base import Listening, Segment, Urgency
from realtime.errors import EngineFailed
from realtime.pipeline.draft import DELAYS
from tests.dialogue import Dialogue
from tests.fakes import FakeChat, FakeEnhancer, FakeTranscriber, fake_engines, quiet, voice

QUESTION = (quiet(500), voice(800), quiet(700))
WORDS = "one two three four five six seven eight"
DELTA = "conversation.item.input_audio_transcription.delta"
COMPLETED = "conversation.item.input_audio_transcription.completed"


async def test_transcription_session() -> None:
    """Words are told while they are spoken, never taken back, and nothing is answered."""
    chat, ears = FakeChat(), Growing()
    async with Dialogue(fake_engines(chat=chat, transcriber=ears), session_type="transcription") as client:
        assert client.last("session.created")["session"]["object"] == "realtime.transcription_session"
        await client.says(quiet(500))
        for _ in range(8):
            await client.says(voice(500))
        told = "".join(event["delta"] for event in client.all(DELTA))
        assert told
        assert WORDS.startswith(told)
        assert client.names[-1] == DELTA
        await client.says(quiet(700))
        completed = client.last(COMPLETED)
        assert completed["transcript"] == WORDS
        assert completed["transcript"] == "".join(event["delta"] for event in client.all(DELTA))
        assert {event["item_id"] for event in client.all(DELTA)} == {completed["item_id"]}
        assert client.last("conversation.item.added")["item"]["id"] == completed["item_id"]
        await client.asks("response.create")
        assert client.last("error")["error"]["code"] == "unsupported_event"
    assert chat.prompts == []


class Growing(FakeTranscriber):
    """Hears a word for each half second of voice."""

    def transcribe(self, speech: Pcm, listening: Listening) -> AsyncGenerator[Segment, None]:
        loud = int(np.count_nonzero(np.abs(speech) > 0.25) / 8000 + 0.5)
        self.script = [" ".join(WORDS.split()[:loud])]
        return super().transcribe(speech, listening)


async def test_words_while_the_user_speaks_in_a_conversation() -> None:
    """Asked for by `delay`; the answer waits for all of them."""
    ears = Growing()
    async with Dialogue(fake_engines(transcriber=ears)) as client:
        await client.tunes(transcription={"delay": "minimal"})
        await client.says(quiet(500))
        for _ in range(8):
            await client.says(voice(500))
        assert client.all(DELTA)
        await client.says(quiet(700))
        await client.goes_on(5)
        assert client.last(COMPLETED)["transcript"] == WORDS
        assert client.response["status"] == "completed"


async def test_words_are_dropped_with_the_turn_that_is_cleared() -> None:
    """Nothing more is told of it, and the next turn has words of its own."""
    async with Dialogue(fake_engines(transcriber=Growing()), session_type="transcription") as client:
        await client.tunes(turn_detection=None)
        for _ in range(6):
            await client.says(voice(500))
        first = client.last(DELTA)["item_id"]
        await client.asks("input_audio_buffer.clear")
        seen = len(client.all(DELTA))
        await client.says(voice(DELAYS["medium"].period_ms / 4))
        assert len(client.all(DELTA)) == seen
        await client.asks("input_audio_buffer.commit")
        assert client.last(COMPLETED)["item_id"] != first
        assert client.all("conversation.item.added")[0]["item"]["id"] == client.last(COMPLETED)["item_id"]


async def test_idle_timeout() -> None:
    """Counted from when the answer has been heard; the silence is a turn, and is answered."""
    chat = FakeChat(["Ten letters.", "Are you still there?"])
    async with Dialogue(fake_engines(chat=chat)) as client:
        await client.tunes(turn_detection={"type": "server_vad", "idle_timeout_ms": 6000})
        await client.says(*QUESTION)
        await client.goes_on(5)
        spoken_s = len("Ten letters.") * 0.05
        assert client.response["status"] == "completed"
        await client.goes_on(spoken_s + 0.9)
        assert client.all("input_audio_buffer.timeout_triggered") == []
        await client.says(quiet(1000))
        await client.goes_on(0.2)
        assert client.names_since("input_audio_buffer.timeout_triggered")[:5] == [
            "input_audio_buffer.timeout_triggered",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            "response.created",
        ]
        triggered = client.last("input_audio_buffer.timeout_triggered")
        assert triggered["audio_end_ms"] == 3000
        assert triggered["audio_start_ms"] == 2000
        assert client.all("input_audio_buffer.committed")[-1]["item_id"] == triggered["item_id"]
        await client.goes_on(3)
        assert client.words(client.response["id"]) == "Are you still there?"


async def test_somebody_who_speaks_is_not_idle() -> None:
    async with Dialogue() as client:
        await client.tunes(turn_detection={"type": "server_vad", "idle_timeout_ms": 5000})
        await client.says(*QUESTION)
        await client.goes_on(4)
        await client.says(voice(500))
        await client.goes_on(20)
        assert client.all("input_audio_buffer.timeout_triggered") == []


async def test_session_expiry() -> None:
    """Announced from the first event on; then what runs is ended, the reason told, and the conversation is over."""
    chat = FakeChat(["A long story. " * 20])
    async with Dialogue(fake_engines(chat=chat), max_session_s=90) as client:
        assert client.last("session.created")["session"]["expires_at"] > 1_700_000_000
        await client.goes_on(88)
        await client.says(*QUESTION)
        assert client.ending() is None
        await client.goes_on(3)
        assert client.names[-2:] == ["response.done", "error"]
        assert client.response["status"] == "cancelled"
        assert client.last("error")["error"]["code"] == "session_expired"
        assert client.ending() == "expired"


async def test_retrieved_audio() -> None:
    """As it was heard: in the client's format, after noise reduction, padding and silence of the turn included."""
    async with Dialogue(fake_engines(enhancer=FakeEnhancer(gain=0.8))) as client:
        await client.tunes(noise_reduction={"type": "near_field"})
        await client.says(*QUESTION)
        item_id = client.last("input_audio_buffer.committed")["item_id"]
        await client.asks("conversation.item.retrieve", item_id=item_id)
        item = (await client.until("conversation.item.retrieved"))["item"]
        sound = find_codec("audio/pcm").decoder().decode(base64.b64decode(item["content"][0]["audio"]))
        started, stopped = (client.last(f"input_audio_buffer.speech_{what}") for what in ("started", "stopped"))
        assert len(sound) == (stopped["audio_end_ms"] - started["audio_start_ms"]) * 24
        assert np.median(np.abs(sound[np.abs(sound) > 0.1])) == pytest.approx(0.4, abs=0.01)
        assert item["content"][0]["transcript"] == "What is the capital of France?"


async def test_no_more_sound_is_kept_than_was_allowed() -> None:
    """The newest; of what is gone the words are left."""
    async with Dialogue(kept_audio_s=2) as client:
        await client.says(*QUESTION)
        await client.goes_on(10)
        await client.says(*QUESTION)
        await client.goes_on(10)
        first, second = (event["item_id"] for event in client.all("input_audio_buffer.committed"))
        for item_id in (first, second):
            await client.asks("conversation.item.retrieve", item_id=item_id)
        await client.until("conversation.item.retrieved", count=2)
        retrieved = client.all("conversation.item.retrieved")
        assert ["audio" in event["item"]["content"][0] for event in retrieved] == [False, True]


async def test_rate_limits() -> None:
    """Told before every answer, and kept: one too many fails with the code that clients know."""
    async with Dialogue(requests_per_minute=2, tokens_per_minute=60) as client:
        for _ in range(3):
            await client.says(*QUESTION)
            await client.goes_on(5)
        limits = [
            {limit["name"]: limit for limit in event["rate_limits"]} for event in client.all("rate_limits.updated")
        ]
        assert [limit["requests"]["remaining"] for limit in limits] == [1, 0, 0]
        assert {limit["requests"]["limit"] for limit in limits} == {2}
        used = [response["response"]["usage"] for response in client.all("response.done")[:2]]
        assert limits[1]["tokens"]["remaining"] == pytest.approx(60 - used[0]["total_tokens"] + 5, abs=1)
        assert client.response["status_details"]["error"]["code"] == "rate_limit_exceeded"
        await client.goes_on(30)
        await client.says(*QUESTION)
        await client.goes_on(5)
        assert client.response["status"] == "completed"


@pytest.mark.parametrize("failure", [EngineFailed("The ears are full."), KeyError("what Ada said")])
async def test_a_draft_that_fails_is_made_good_when_the_turn_is_over(failure: Exception) -> None:
    """However it fails, the turn is heard as if nobody had followed it."""

    class Stumbling(Growing):
        async def transcribe(self, speech: Pcm, listening: Listening) -> AsyncGenerator[Segment, None]:
            if listening.urgency is Urgency.PARTIAL:
                raise failure
            async with aclosing(super().transcribe(speech, listening)) as segments:
                async for segment in segments:
                    yield segment

    async with Dialogue(fake_engines(transcriber=Stumbling()), session_type="transcription") as client:
        await client.says(quiet(500))
        for _ in range(8):
            await client.says(voice(500))
        await client.says(quiet(700))
        assert client.last(COMPLETED)["transcript"] == WORDS
        assert client.all("conversation.item.input_audio_transcription.failed") == []
