"""A person, OpenAI's client and the real models: what a user would do, in real time."""

from __future__ import annotations

import asyncio
import re

import pytest
from pytest_audioeval.samples.registry import SampleRegistry

from realtime.audio import Audio, silence
from realtime.codecs.containers import read_audio
from realtime.codecs.resample import resample
from realtime.engines.base import Transcriber
from tests.end_to_end.caller import TRANSCRIBED, Caller, calling
from tests.end_to_end.ear import transcript
from tests.end_to_end.wer import word_error_rate
from tests.live import LiveServer, question

pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]

QUESTION = "What is the capital of France?"


def answered(caller: Caller, times: int = 1) -> bool:
    return caller.seen("response.done", times)


async def test_a_spoken_question_is_understood_and_answered_aloud(
    live_server: LiveServer, transcriber: Transcriber
) -> None:
    async with calling(live_server.url, TRANSCRIBED) as caller:
        await caller.say(question("france"))
        await caller.say_nothing_until(lambda: answered(caller))

    heard = caller.of_type("conversation.item.input_audio_transcription.completed")[0]["transcript"]
    said = caller.of_type("response.output_audio_transcript.done")[0]["transcript"]
    assert word_error_rate(heard, QUESTION) == 0
    assert "paris" in said.lower()
    assert word_error_rate(await transcript(transcriber, caller.answer()), said) <= 0.25
    assert caller.of_type("response.done")[0]["response"]["status"] == "completed"
    assert not caller.seen("error")


async def test_a_question_over_the_telephone_is_answered_in_the_same_format(
    live_server: LiveServer, transcriber: Transcriber
) -> None:
    line = {"format": {"type": "audio/pcmu"}}
    session = {"audio": {"input": {**line, "transcription": {"model": "whisper-1"}}, "output": line}}
    async with calling(live_server.url, session, "audio/pcmu") as caller:
        await caller.say(resample(question("france"), 8_000))
        await caller.say_nothing_until(lambda: answered(caller))

    heard = caller.of_type("conversation.item.input_audio_transcription.completed")[0]["transcript"]
    said = caller.of_type("response.output_audio_transcript.done")[0]["transcript"]
    assert "france" in heard.lower()
    assert word_error_rate(await transcript(transcriber, caller.answer()), said) <= 0.34


async def test_push_to_talk_waits_for_the_button(live_server: LiveServer) -> None:
    session = {"audio": {"input": {"turn_detection": None, "transcription": {"model": "whisper-1"}}}}
    async with calling(live_server.url, session) as caller:
        await caller.say(question("france"))
        await caller.say(Audio(silence(800, 24_000), 24_000))
        assert not caller.seen("input_audio_buffer.speech_started")
        assert not caller.seen("input_audio_buffer.committed")
        await caller.commit()
        await caller.respond()
        await caller.wait("response.done")

    heard = caller.of_type("conversation.item.input_audio_transcription.completed")[0]["transcript"]
    assert word_error_rate(heard, QUESTION) == 0
    assert caller.seen("response.output_audio.delta")


async def test_talking_over_the_answer_stops_it_and_what_was_not_heard_is_forgotten(live_server: LiveServer) -> None:
    session = {**TRANSCRIBED, "instructions": "Tell a very long story about a fox. Never stop."}
    async with calling(live_server.url, session) as caller:
        await caller.say(question("joke"))
        await caller.say_nothing_until(lambda: caller.seen("response.output_audio.delta", 10))
        spoken_at_ms = caller.sent_ms
        await caller.say(question("france"))
        await caller.say_nothing_until(lambda: answered(caller, 2))
        stopped = caller.of_type("response.done")[0]["response"]
        (item,) = stopped["output"]
        await caller.truncate(item["id"], audio_end_ms=500)
        await caller.wait("conversation.item.truncated")
        await caller.retrieve(item["id"])
        kept = (await caller.wait("conversation.item.retrieved"))["item"]["content"][0]["transcript"]

    assert stopped["status"] == "cancelled"
    assert stopped["status_details"]["reason"] == "turn_detected"
    late = [
        event
        for index, event in enumerate(caller.events)
        if event["type"] == "response.output_audio.delta"
        and event["response_id"] == stopped["id"]
        and caller.sent_when(index) > spoken_at_ms + 500
    ]
    assert not late, "half a second of speech must be enough to be listened to"
    begun = [event["audio_start_ms"] for event in caller.of_type("input_audio_buffer.speech_started")]
    voiced_at_ms = spoken_at_ms + 200  # the clip begins with 200 ms of silence
    assert voiced_at_ms - 300 - 100 <= begun[1] <= voiced_at_ms - 300 + 100, "the turn begins 300 ms before the voice"
    whole = item["content"][0]["transcript"]
    assert whole.startswith(kept)
    assert len(kept) < len(whole)
    assert not caller.seen("error")


async def test_a_truncated_answer_is_forgotten_from_where_it_was_cut(live_server: LiveServer) -> None:
    async with calling(live_server.url, TRANSCRIBED) as caller:
        await caller.say(question("france"))
        await caller.say_nothing_until(lambda: answered(caller))
        item = caller.of_type("response.output_item.done")[0]["item"]
        await caller.truncate(item["id"], audio_end_ms=300)
        await caller.wait("conversation.item.truncated")
        await caller.retrieve(item["id"])
        kept = (await caller.wait("conversation.item.retrieved"))["item"]["content"][0]["transcript"]

    whole = item["content"][0]["transcript"]
    assert whole.startswith(kept)
    assert len(kept) < len(whole)


async def test_an_answer_in_writing_has_no_sound(live_server: LiveServer) -> None:
    async with calling(live_server.url, {"output_modalities": ["text"]}) as caller:
        await caller.write(QUESTION)
        await caller.wait("response.done")

    text = caller.of_type("response.output_text.done")[0]["text"]
    assert "paris" in text.lower()
    assert text == "".join(event["delta"] for event in caller.of_type("response.output_text.delta"))
    assert not caller.seen("response.output_audio.delta")
    usage = caller.of_type("response.done")[0]["response"]["usage"]
    assert usage["input_tokens"] > 0
    assert usage["output_tokens"] > 0


async def test_two_people_are_answered_at_once_and_apart(live_server: LiveServer) -> None:
    async def call(name: str) -> Caller:
        async with calling(live_server.url, TRANSCRIBED) as caller:
            await caller.say(question(name))
            await caller.say_nothing_until(lambda: answered(caller))
        return caller

    france, week = await asyncio.gather(call("france"), call("week"))
    for caller, asked, answered_with in ((france, "france", "paris"), (week, "week", "seven|7")):
        heard = caller.of_type("conversation.item.input_audio_transcription.completed")
        assert len(heard) == 1
        assert asked in heard[0]["transcript"].lower()
        said = caller.of_type("response.output_audio_transcript.done")[0]["transcript"]
        assert re.search(answered_with, said.lower()), said
    begun, ended = zip(*(caller.answering_s() for caller in (france, week)), strict=True)
    assert max(begun) < min(ended), "while one was answered, the other was too"


# The third English clip counts to ten without a word between, and Whisper tiny writes digits.
@pytest.mark.parametrize("name", ["hello_world", "quick_brown_fox"])
async def test_human_speech_is_understood(live_server: LiveServer, name: str) -> None:
    sample = getattr(SampleRegistry(), f"en_{name}")
    session = {
        "audio": {
            "input": {
                **TRANSCRIBED["audio"]["input"],
                "turn_detection": {"type": "server_vad", "create_response": False},
            }
        }
    }
    async with calling(live_server.url, session) as caller:
        await caller.say(resample(read_audio(sample.audio_path), 24_000))
        await caller.say_nothing_until(lambda: caller.seen("conversation.item.input_audio_transcription.completed"))

    heard = caller.of_type("conversation.item.input_audio_transcription.completed")[0]["transcript"]
    assert word_error_rate(heard, sample.reference_text) <= 0.12
    assert not caller.seen("response.created")
