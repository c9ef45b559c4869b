"""Conversations whose answers come from an engine that hears, thinks and speaks by itself."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from realtime.audio import Audio
from realtime.codecs import find_codec
from realtime.engines.base import CallWhole, Message, Tool, ToolCall
from realtime.engines.speech_to_speech import Manner, SpokenPart
from realtime.errors import EngineFailed
from tests.dialogue import QUESTION, Dialogue
from tests.fakes import FakeSpeechStream, FakeSpeechToSpeech, FakeTranscriber, fake_engines, quiet, voice
from tests.fuzz.events import Saying, bursts
from tests.fuzz.explore import FUZZING, explore
from tests.fuzz.test_conversations import Madness
from tests.test_conductor import COMMITTED, OPENED, SPEECH, SPOKEN
from tests.tools import KITCHEN, WEATHER, FakeRemoteTools, call, update

pytestmark = pytest.mark.usefixtures("no_blocking")


def talking_to(engine: FakeSpeechToSpeech, *heard: str | Exception, **settings: Any) -> Dialogue:
    """A conversation with the engine, in which the user says these words."""
    transcriber = FakeTranscriber(list(heard) or ["What is the capital?"])
    engines = fake_engines(transcriber=transcriber, speech_to_speech=engine)
    return Dialogue(engines, **{"instructions": "Be brief.", **settings})


def said(stream: FakeSpeechStream) -> list[tuple[tuple[Message, ...], bool]]:
    """What it was told for each answer: messages, and whether there was sound."""
    return [(messages, sound is not None) for _, messages, sound in stream.asked]


async def writes(client: Dialogue, text: str, role: str = "user") -> None:
    """Put a message into the conversation."""
    kind = "output_text" if role == "assistant" else "input_text"
    content = [{"type": kind, "text": text}]
    await client.asks("conversation.item.create", item={"type": "message", "role": role, "content": content})


async def test_speech_to_speech() -> None:
    """The engine hears the turn as it sounded, and what it says is told and paced as any answer is."""
    engine = FakeSpeechToSpeech(["Paris, it is."])
    async with talking_to(engine) as client:
        await client.tunes(transcription={"model": "whisper-1"})
        await client.says(*QUESTION)
        await client.goes_on(5)
        assert client.names_since("session.updated") == [
            "session.updated",
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            *COMMITTED,
            "response.created",
            "conversation.item.input_audio_transcription.delta",
            "conversation.item.input_audio_transcription.completed",
            "rate_limits.updated",
            *OPENED,
            *[SPEECH[0], SPEECH[1]] * 3,
            *SPOKEN,
        ]
        (stream,) = engine.streams
        ((manner, messages, sound),) = stream.asked
        assert manner == Manner(instructions="Be brief.")
        assert messages == ()
        assert isinstance(sound, Audio)
        assert (sound.rate_hz, len(sound.pcm)) == (16_000, (768 + 300 + 512) * 16)
        assert np.abs(sound.pcm[400 * 16 : 1000 * 16] - 0.5).max() < 0.01
        response = client.response
        assert (response["status"], response["usage"]["output_tokens"]) == ("completed", 6)
        assert client.words(response["id"]) == "Paris, it is."
        assert len(client.sound(response["id"])) == 13 * 50 * 24
        assert client.most_unheard_ms(response["id"]) == 500


async def test_it_is_told_only_what_it_does_not_know() -> None:
    """Its own answers it knows; the next turn is sound again, and a written message is words."""
    engine = FakeSpeechToSpeech(["Yes.", "No.", "Perhaps."])
    async with talking_to(engine) as client:
        for _ in range(2):
            await client.says(*QUESTION)
            await client.goes_on(5)
        await writes(client, "And now?")
        await client.asks("response.create")
        await client.goes_on(5)
        await client.asks("response.create")
        await client.goes_on(5)
        (stream,) = engine.streams
        written = (Message(role="user", text="And now?"),)
        assert said(stream) == [((), True), ((), True), (written, False), ((), False)]


async def test_what_was_said_before_a_turn_comes_before_it() -> None:
    """A turn that is not the last thing said is told in its words, for it would be answered at once."""
    engine = FakeSpeechToSpeech()
    async with talking_to(engine) as client:
        await client.tunes(turn_detection=None)
        await writes(client, "I am Ann.")
        await client.says(voice(400))
        await client.asks("input_audio_buffer.commit")
        await client.asks("response.create")
        await client.goes_on(5)
        await client.says(voice(400))
        await client.asks("input_audio_buffer.commit")
        await writes(client, "Be quick.", role="system")
        await client.asks("response.create")
        await client.goes_on(5)
        (stream,) = engine.streams
        assert said(stream) == [
            ((Message(role="user", text="I am Ann."),), True),
            ((Message(role="user", text="What is the capital?"), Message(role="system", text="Be quick.")), False),
        ]


async def test_speech_that_a_client_brings_is_heard_as_it_is() -> None:
    """At the rate at which it came."""
    engine = FakeSpeechToSpeech()
    async with talking_to(engine) as client:
        audio = base64.b64encode(find_codec("audio/pcm").encode(voice(700))).decode()
        content = [{"type": "input_audio", "audio": audio}]
        await client.asks("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        await client.until("conversation.item.added")
        await client.asks("response.create")
        await client.until("response.created")
        async with asyncio.timeout(10):
            while not engine.streams:
                await client.goes_on()
        await client.goes_on(5)
        ((_, messages, sound),) = engine.streams[0].asked
        assert messages == ()
        assert isinstance(sound, Audio)
        assert (sound.rate_hz, len(sound.pcm)) == (24_000, 700 * 24)


async def test_speech_to_speech_calls_a_function() -> None:
    """The engine calls, the client answers, and the engine is told what came of it."""
    calls = call("get_weather", '{"city"', ': "Paris"}')
    engine = FakeSpeechToSpeech([(*calls, CallWhole(index=0)), "It is 18 degrees."])
    async with talking_to(engine) as client:
        await update(client, tools=[WEATHER])
        await client.says(*QUESTION)
        await client.goes_on(1)
        done = client.last("response.function_call_arguments.done")
        assert (done["name"], done["arguments"]) == ("get_weather", '{"city": "Paris"}')
        output = {"type": "function_call_output", "call_id": done["call_id"], "output": "18"}
        await client.asks("conversation.item.create", item=output)
        await client.asks("response.create")
        await client.goes_on(5)
        (stream,) = engine.streams
        manner = stream.asked[0][0]
        assert manner.tools == (
            Tool(name="get_weather", description=WEATHER["description"], parameters=WEATHER["parameters"]),  # type: ignore[arg-type]
        )
        assert said(stream)[1] == ((Message(role="tool", text="18", call_id=done["call_id"]),), False)
        assert client.words(client.response["id"]) == "It is 18 degrees."


async def test_barge_in_on_speech_to_speech() -> None:
    """The engine is stopped, nothing of the answer comes after, and it goes on with what the user says."""
    engine = FakeSpeechToSpeech(["One two three four.", "Yes."], gate=asyncio.Event())
    async with talking_to(engine, "Count.", "Stop!") as client:
        await client.says(*QUESTION)
        assert engine.gate
        engine.gate.set()
        engine.gate.clear()
        await client.goes_on(0.1)
        first = client.last("response.created")["response"]["id"]
        await client.says(voice(128))
        assert engine.stopped == 1
        details = {"type": "cancelled", "reason": "turn_detected"}
        assert (client.response["id"], client.response["status_details"]) == (first, details)
        told = client.words(first)
        engine.gate.set()
        await client.says(voice(640), quiet(576))
        await client.goes_on(5)
        assert client.words(first) == told
        assert client.words(client.response["id"]) == "Yes."
        (stream,) = engine.streams
        assert said(stream) == [((), True), ((), True)]


async def test_lost_speech_to_speech() -> None:
    """The response fails, the session lives, and another conversation is begun with the engine and told everything."""
    engine = FakeSpeechToSpeech(["Paris.", (EngineFailed("the engine is gone"),), "Rome."])
    async with talking_to(engine, "France?", "Spain?", "Italy?") as client:
        for _ in range(3):
            await client.says(*QUESTION)
            await client.goes_on(5)
        failed, last = (event["response"] for event in client.all("response.done")[1:])
        assert failed["status_details"]["error"]["code"] == "engine_failed"
        assert failed["status_details"]["error"]["message"] == "the engine is gone"
        assert (last["status"], client.words(last["id"])) == ("completed", "Rome.")
        lost, anew = engine.streams
        assert (lost.running, anew.running) == (False, True)
        told = (
            Message(role="user", text="France?"),
            Message(role="assistant", text="Paris."),
            Message(role="user", text="Spain?"),
        )
        assert said(anew) == [(told, True)]


async def test_an_engine_that_was_lost_in_silence_is_told_everything_before_it_is_asked() -> None:
    """Nobody notices."""
    engine = FakeSpeechToSpeech(["Paris.", "Rome."])
    async with talking_to(engine, "France?", "Italy?") as client:
        await client.says(*QUESTION)
        await client.goes_on(5)
        engine.streams[0].lost.set()
        await client.says(*QUESTION)
        await client.goes_on(5)
        assert {event["response"]["status"] for event in client.all("response.done")} == {"completed"}
        told = (Message(role="user", text="France?"), Message(role="assistant", text="Paris."))
        assert said(engine.streams[1]) == [(told, True)]


async def test_what_was_deleted_the_engine_forgets() -> None:
    """It cannot be made to forget a part, so another conversation is begun without it."""
    engine = FakeSpeechToSpeech(["Paris.", "Rome."])
    async with talking_to(engine, "My secret.", "Italy?") as client:
        await client.says(*QUESTION)
        await client.goes_on(5)
        item_id = client.last("input_audio_buffer.committed")["item_id"]
        await client.asks("conversation.item.delete", item_id=item_id)
        await client.says(*QUESTION)
        await client.goes_on(5)
        assert [stream.running for stream in engine.streams] == [False, True]
        assert said(engine.streams[1]) == [((Message(role="assistant", text="Paris."),), True)]


async def test_a_written_answer_of_speech_to_speech() -> None:
    """Its words are shown as they come, and its sound is nobody's."""
    engine = FakeSpeechToSpeech(["Paris, it is."])
    async with talking_to(engine) as client:
        await update(client, output_modalities=["text"])
        await client.says(*QUESTION)
        assert client.words(client.response["id"]) == "Paris, it is."
        assert client.all("response.output_audio.delta") == []
        assert engine.streams[0].asked[0][0].aloud is False


async def test_an_answer_beside_the_conversation_has_a_conversation_of_its_own() -> None:
    """And leaves no trace in the other."""
    engine = FakeSpeechToSpeech(["Paris.", "A question about France.", "Yes."])
    async with talking_to(engine) as client:
        await client.says(*QUESTION)
        await client.goes_on(5)
        await client.asks("response.create", response={"conversation": "none", "instructions": "Say what it is about."})
        await client.goes_on(5)
        assert client.words(client.response["id"]) == "A question about France."
        await client.says(*QUESTION)
        await client.goes_on(5)
        talk, beside = engine.streams
        assert (talk.running, beside.running) == (True, False)
        told = (Message(role="user", text="What is the capital?"), Message(role="assistant", text="Paris."))
        assert said(beside) == [(told, False)]
        assert beside.asked[0][0].instructions == "Say what it is about."
        assert said(talk) == [((), True), ((), True)]


async def test_a_tool_of_a_server_is_called_and_the_engine_is_told_what_came_of_it() -> None:
    """Of its call it knows only that it was made: it is told all anew."""
    calls = call("boil", '{"what": "water"}')
    engine = FakeSpeechToSpeech([(*calls, CallWhole(index=0)), "It boils."])
    transcriber = FakeTranscriber(["Tea!"])
    engines = fake_engines(transcriber=transcriber, speech_to_speech=engine)
    async with Dialogue(engines, remote_tools=FakeRemoteTools()) as client:
        await update(client, tools=[{**KITCHEN, "require_approval": "never"}])
        await client.says(*QUESTION)
        await client.goes_on(5)
        item = client.last("conversation.item.done")["item"]
        await client.asks("response.create")
        await client.goes_on(5)
        assert client.words(client.response["id"]) == "It boils."
        messages, sound = said(engine.streams[1])[0]
        made = next(message for message in messages if message.tool_calls)
        assert made.tool_calls[0] == ToolCall(
            call_id=made.tool_calls[0].call_id, name="boil", arguments='{"what": "water"}'
        )
        assert messages[-1].text == "The water boils."
        assert (item["type"], sound) == ("mcp_call", False)


@pytest.mark.parametrize(("name", "spoken_by"), [("heart", "heart"), ("cedar", None)])
async def test_the_session_offers_the_voices_of_the_engine(name: str, spoken_by: str | None) -> None:
    """And those of OpenAI's names, for which it takes its own."""
    engine = FakeSpeechToSpeech()
    async with talking_to(engine) as client:
        await update(client, audio={"output": {"voice": "emma"}})
        assert client.last("error")["error"]["param"] == "session.audio.output.voice"
        await update(client, audio={"output": {"voice": name, "speed": 1.25}}, temperature=0.5)
        await client.says(*QUESTION)
        (manner,) = (manner for manner, _, _ in engine.streams[0].asked)
        assert (manner.voice, manner.speed, manner.temperature) == (spoken_by, 1.25, 0.5)


async def test_a_turn_too_unclear_for_words_is_not_answered() -> None:
    """A noise is none, whatever the engine would make of it."""
    engine = FakeSpeechToSpeech()
    async with talking_to(engine, "") as client:
        await client.says(*QUESTION)
        await client.goes_on(5)
        assert (client.response["status"], client.response["output"], engine.streams) == ("completed", [], [])


def test_a_mad_client_of_speech_to_speech() -> None:
    """Whatever it sends, nothing crashes and nothing is left over."""

    async def converse(burst: list[tuple[list[Saying], float]]) -> None:
        calls = (*call("get_weather", "{}"), CallWhole(index=0))
        script: list[str | tuple[SpokenPart | Exception, ...]] = ["Paris. It lies there.", calls, "As you like."]
        engines = fake_engines(speech_to_speech=FakeSpeechToSpeech(script))
        async with Madness("ga", engines) as client:
            for sayings, pause_s in burst:
                await client.blurts(sayings)
                await client.goes_on(pause_s)
            await client.is_answered()

    @FUZZING
    @given(bursts("ga"))
    def holds(burst: list[tuple[list[Saying], float]]) -> None:
        asyncio.run(converse(burst))

    explore(holds, share=0)
