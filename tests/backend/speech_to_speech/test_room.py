"""Whole conversations over `AudioToAudioStream`, on a real channel with scripted engines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import grpc
import numpy as np
import pytest

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.speech_to_speech.room import SpeechToSpeech
from realtime.codecs.pcm16 import Pcm16
from realtime.engines.base import ToolCallPart
from realtime.errors import EngineFailed
from tests.backend.doorway import Doorway
from tests.backend.speech_to_speech.caller import QUESTION, RATE_HZ, Caller, by_hand, calling, narrow, place
from tests.fakes import FakeChat, FakeSynthesizer, FakeTranscriber, fake_engines, quiet, settle, voice
from tests.server.house import until

pytestmark = pytest.mark.usefixtures("server_logs")

WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
CALLS = (
    ToolCallPart(index=0, call_id="call_1", name="weather", arguments='{"city": "Paris"}'),
    ToolCallPart(index=1, call_id="call_2", name="weather", arguments="{}"),
)


# --- turns -------------------------------------------------------------------------------------------------------


async def test_a_turn_that_ends_by_itself() -> None:
    """What the client is told, in order: the beta's names, and a response's sound at the rate it wants."""
    async with Doorway(place()) as door, calling(door) as caller:
        assert await caller.asks() == "Paris. It lies on the Seine."
        names = list(dict.fromkeys(caller.names))
        assert names == [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "response.created",
            "conversation.item.input_audio_transcription.delta",
            "conversation.item.input_audio_transcription.completed",
            "response.audio_transcript.delta",
            "response.audio.delta",
            "response.done",
        ]
        (heard,) = caller.all("conversation.item.input_audio_transcription.completed")
        assert heard["transcript"] == "What is the capital of France?"
        assert {message.sample_rate for message in caller.told if message.pcm} == {24_000}
        assert len(caller.sound) == 27 * 5 * 24  # letters, ms, samples
        assert await caller.asks() == "Paris. It lies on the Seine."
        assert await caller.rest() == []


async def test_the_end_of_input_ends_a_turn() -> None:
    """Whoever is listening for its end, while somebody is still speaking."""
    transcriber = FakeTranscriber()
    engines = fake_engines(transcriber=transcriber, synthesizer=FakeSynthesizer(ms_per_letter=5))
    async with Doorway(place(engines)) as door, calling(door) as caller:
        await caller.says(quiet(512, RATE_HZ), voice(768, RATE_HZ), end=True)
        assert (await caller.until("response.done"))["status"] == "completed"
        assert caller.names.index("input_audio_buffer.speech_stopped") < caller.names.index("response.created")
        assert len(transcriber.heard) == 1
        assert await caller.rest() == []


async def test_the_end_of_input_that_was_heard_already_ends_nothing() -> None:
    """The silence after a turn is no turn."""
    async with Doorway(place()) as door, calling(door) as caller:
        await caller.says(*QUESTION, quiet(500, RATE_HZ), end=True)
        await caller.until("response.done")
        await caller.says(quiet(500, RATE_HZ))
        assert await caller.rest() == []


async def test_whom_turn_detection_does_not_hear_the_client_hears() -> None:
    """A turn that is too soft for it is one when the client says so; without a word in it, it is answered by none."""
    engines = fake_engines(transcriber=FakeTranscriber([""]))
    async with Doorway(place(engines)) as door, calling(door) as caller:
        await caller.says(quiet(800, RATE_HZ), end=True)
        done = await caller.until("response.done")
        assert (done["status"], len(caller.sound)) == ("completed", 0)


@pytest.mark.parametrize("by_control", [False, True])
async def test_without_turn_detection_commits_are_all_it_takes(by_control: bool) -> None:
    """Each of them asks for an answer; nobody listens for the end of a turn."""
    async with Doorway(place()) as door, calling(door, **by_hand()) as caller:
        for _ in range(2):
            await caller.says(*QUESTION)
            if by_control:
                await caller.control("input_audio_buffer.commit")
                await caller.control("response.create")  # which the commit has asked for already
            else:
                await caller.says(end=True)
            assert caller.words((await caller.until("response.done"))["id"]) == "Paris. It lies on the Seine."
        assert not [name for name in caller.names if name.startswith("input_audio_buffer.speech")]
        assert await caller.rest() == []
        assert len(caller.all("response.created")) == 2


async def test_a_turn_that_ends_while_another_is_answered_is_answered_next() -> None:
    """Nothing is lost, and nobody talks over himself."""
    chat = FakeChat(["One moment.", "Two."], gate=asyncio.Event())
    engines = fake_engines(chat=chat, synthesizer=FakeSynthesizer(ms_per_letter=5))
    async with Doorway(place(engines)) as door, calling(door, **by_hand()) as caller:
        await caller.says(*QUESTION, end=True)
        await caller.until("response.created")
        await caller.says(*QUESTION, end=True)
        await caller.until("input_audio_buffer.committed")
        assert chat.gate
        chat.gate.set()
        done = [(await caller.until("response.done"))["id"] for _ in range(2)]
        assert [caller.words(id_) for id_ in done] == ["One moment.", "Two."]


async def test_too_little_to_be_a_turn() -> None:
    """Is told, and the stream lives."""
    async with Doorway(place()) as door, calling(door, **by_hand()) as caller:
        await caller.says(voice(50, RATE_HZ), end=True)
        assert (await caller.until("error"))["code"] == "input_audio_buffer_commit_empty"
        await caller.says(voice(500, RATE_HZ), end=True)
        assert (await caller.until("response.done"))["status"] == "completed"


@pytest.mark.parametrize(
    ("input_hz", "output_hz"), [(8_000, 8_000), (24_000, 16_000), (48_000, 48_000), (44_100, 22_050)]
)
async def test_any_rate_on_either_side(input_hz: int, output_hz: int) -> None:
    """Turns are as long, and so are answers; a sample may be cut in two."""
    transcriber = FakeTranscriber()
    engines = fake_engines(transcriber=transcriber, synthesizer=FakeSynthesizer(ms_per_letter=5))
    config = {"input_sample_rate": input_hz, "output_sample_rate": output_hz, **by_hand()}
    async with Doorway(place(engines)) as door, calling(door, **config) as caller:
        await caller.says(voice(1500, input_hz))
        await caller.call.write(pb.AudioToAudioRequest(frame=pb.AudioToAudioFrame(pcm=b"\0")))
        await caller.call.write(pb.AudioToAudioRequest(frame=pb.AudioToAudioFrame(pcm=b"\x40", end_of_input=True)))
        await caller.until("response.done")
        assert {message.sample_rate for message in caller.told if message.pcm} == {output_hz}
        assert abs(len(caller.sound) / output_hz - 27 * 0.005) < 0.001
        assert abs(caller.sound[len(caller.sound) // 4 : len(caller.sound) // 2].mean() - 0.5) < 0.01
    assert abs(len(transcriber.heard[0]) / RATE_HZ - 1.5) < 0.002


async def test_saying_no_more_ends_an_open_turn() -> None:
    """It is answered to the end, and then the stream ends; so it is where nobody detects turns."""
    async with Doorway(place()) as door:
        for config in ({}, by_hand()):
            async with calling(door, **config) as caller:
                await caller.says(quiet(512, RATE_HZ), voice(768, RATE_HZ))
                names = await caller.rest()
                assert names[-1] == "response.done"
                assert caller.words(caller.all("response.done")[0]["id"]) == "Paris. It lies on the Seine."


async def test_saying_no_more_when_there_is_nothing_to_answer() -> None:
    """Ends the stream; silence is no turn."""
    async with Doorway(place()) as door, calling(door) as caller:
        await caller.says(quiet(1000, RATE_HZ))
        assert await caller.rest() == []


# --- functions, items, settings ----------------------------------------------------------------------------------


async def test_a_call_of_functions_and_back() -> None:
    """What they returned is answered once it is all there; who says so again is not answered twice."""
    chat = FakeChat([CALLS, "It rains."])
    engines = fake_engines(chat=chat, synthesizer=FakeSynthesizer(ms_per_letter=5))
    config = {"tools": json.dumps([WEATHER]), **by_hand(tool_choice="weather")}
    async with Doorway(place(engines)) as door, calling(door, **config) as caller:
        await caller.says(*QUESTION, end=True)
        await caller.until("response.done")
        made = caller.all("response.function_call_arguments.done")
        assert [(call["call_id"], call["name"], call["arguments"]) for call in made] == [
            ("call_1", "weather", '{"city": "Paris"}'),
            ("call_2", "weather", "{}"),
        ]
        deltas = caller.all("response.function_call_arguments.delta")
        assert {(delta["call_id"], delta["name"]) for delta in deltas} == {("call_1", "weather"), ("call_2", "weather")}
        await caller.item(type="function_call_output", call_id="call_2", output="rain")
        await caller.control("session.update", {"tool_choice": "none"})
        await caller.item(type="function_call_output", call_id="call_1", output="rain")
        await caller.control("response.create")
        await caller.says(end=True)
        assert caller.words((await caller.until("response.done"))["id"]) == "It rains."
        assert await caller.rest() == []
    assert chat.prompts[0].tool_choice == "weather"
    assert [message.role for message in chat.prompts[1].messages][-3:] == ["assistant", "tool", "tool"]
    assert len(chat.prompts) == 2


async def test_a_conversation_that_is_told_from_the_start_is_not_answered() -> None:
    """Results of calls that somebody else has made are history, until the client asks."""
    chat = FakeChat(["Sunny."])
    async with Doorway(place(fake_engines(chat=chat))) as door, calling(door, **by_hand(modality="text")) as caller:
        await caller.writes("How is the weather?")
        await caller.item(type="function_call", call_id="c", name="weather", arguments="{}")
        await caller.item(type="function_call_output", call_id="c", output="sun")
        content = [{"type": "text", "text": "Sunny."}]
        await caller.item(type="message", role="assistant", content=content)
        await caller.writes("And tomorrow?")
        await caller.control("response.create")
        await caller.until("response.done")
        assert "".join(delta["delta"] for delta in caller.all("response.text.delta")) == "Sunny."
        assert await caller.rest() == []
    (prompt,) = chat.prompts
    assert [message.role for message in prompt.messages][-5:] == ["user", "assistant", "tool", "assistant", "user"]


async def test_an_answer_is_asked_for_once() -> None:
    """Where nothing is new, or the answer is under way, another request changes nothing; one of its own kind does."""
    chat = FakeChat(["Hello."])
    async with Doorway(place(fake_engines(chat=chat))) as door, calling(door, **by_hand()) as caller:
        await caller.control("response.create")
        await caller.writes("Hello?")
        await caller.says(end=True)
        await caller.control("response.create")
        await caller.until("response.done")
        await caller.control("response.create")
        await caller.control("response.create", {"response": {"instructions": "Again."}})
        await caller.until("response.done")
        assert await caller.rest() == []
    assert [prompt.messages[0].text for prompt in chat.prompts][1] == "Again."
    assert len(chat.prompts) == 2


@pytest.mark.parametrize(
    "payload",
    [
        {"instructions": "Rhyme.", "voice": "emma", "temperature": 0.5, "max_response_output_tokens": 9},
        {"session": {"instructions": "Rhyme.", "audio": {"output": {"voice": "emma"}}, "temperature": 0.5}},
        {"type": "session.update", "session": {"type": "realtime", "instructions": "Rhyme.", "voice": "emma"}},
    ],
)
async def test_a_session_changes_in_whatever_words(payload: dict[str, Any]) -> None:
    """GA's, the beta's, with or without what is around them."""
    chat, synthesizer = FakeChat(), FakeSynthesizer(ms_per_letter=5)
    engines = fake_engines(chat=chat, synthesizer=synthesizer)
    async with Doorway(place(engines)) as door, calling(door) as caller:
        await caller.control("session.update", payload)
        await caller.asks()
        assert caller.all("error") == []
    assert chat.prompts[0].messages[0].text == "Rhyme."
    assert synthesizer.spoken[0][1].voice == "emma"


async def test_a_second_config_changes_what_it_names() -> None:
    """The conversation goes on; its rates may change too."""
    chat = FakeChat()
    engines = fake_engines(chat=chat, synthesizer=FakeSynthesizer(ms_per_letter=5))
    async with Doorway(place(engines)) as door, calling(door, system_prompt="Be brief.", voice="emma") as caller:
        await caller.asks()
        await caller.config(system_prompt="Be long.", output_sample_rate=8_000, input_sample_rate=8_000, **by_hand())
        await caller.says(voice(500, 8_000), end=True)
        await caller.until("response.done")
        assert caller.told[-2].sample_rate == 8_000
    assert [prompt.messages[0].text for prompt in chat.prompts] == ["Be brief.", "Be long."]
    assert [len(prompt.messages) for prompt in chat.prompts] == [2, 4]


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"voice": "nobody"}, "voice"),
        ({"params": {"temperature": "9"}}, "params.temperature"),
        ({"params": {"language": "tlh"}}, "params.language"),
        ({"params": {"turn_detection": "semantic_vad", "threshold": "0.5"}}, "params.threshold"),
        ({"tools": '[{"type": "function", "function": {"name": "no name"}}]'}, "tools[0].name"),
        ({"output_sample_rate": 1}, "output_sample_rate"),
        ({"params": {"lead_ms": "3"}}, "params.lead_ms"),
    ],
)
async def test_a_second_config_with_something_wrong_changes_nothing(wrong: dict[str, Any], param: str) -> None:
    """It is told by the field's own name, as it is of a first one; neither rates nor words are another's now."""
    chat = FakeChat()
    transcriber = FakeTranscriber()
    engines = fake_engines(chat=chat, transcriber=transcriber, synthesizer=FakeSynthesizer(ms_per_letter=5))
    async with Doorway(place(engines)) as door, calling(door, system_prompt="Be brief.", **by_hand()) as caller:
        right = {"system_prompt": "Be long.", "input_sample_rate": 8_000, "output_sample_rate": 8_000}
        await caller.config(**{**right, **wrong})
        await caller.says(voice(500, RATE_HZ), end=True)
        error = await caller.until("error")
        assert error["param"] == param
        assert f"'{param}'" in error["message"]
        await caller.until("response.done")
        assert {message.sample_rate for message in caller.told if message.pcm} == {24_000}
        assert len(caller.all("error")) == 1
    assert chat.prompts[0].messages[0].text == "Be brief."
    assert len(transcriber.heard[-1]) / RATE_HZ == pytest.approx(0.5, abs=0.01)


async def test_changes_in_whatever_words_are_made_in_their_order() -> None:
    """Each is answered before the next is asked for."""
    chat = FakeChat()
    engines = fake_engines(chat=chat, synthesizer=FakeSynthesizer(ms_per_letter=5))
    async with Doorway(place(engines)) as door, calling(door) as caller:
        await caller.control("session.update", {"instructions": "One."})
        await caller.config(voice="nobody", system_prompt="Two.", output_sample_rate=8_000)
        await caller.control("session.update", {"voice": "nobody", "instructions": "Three."})
        await caller.config(output_sample_rate=16_000)
        await caller.asks()
        assert [error["param"] for error in caller.all("error")] == ["voice", "session.audio.output.voice"]
        assert {message.sample_rate for message in caller.told if message.pcm} == {16_000}
    assert chat.prompts[0].messages[0].text == "One."


async def test_a_config_that_resets_begins_another_conversation() -> None:
    """Nothing of the old one is left, its answer is broken off, and the sequence goes on."""
    chat = FakeChat(["Once upon a time."], gate=asyncio.Event())
    engines = fake_engines(chat=chat, synthesizer=FakeSynthesizer(ms_per_letter=5))
    premises = place(engines, most=1)
    async with Doorway(premises) as door, calling(door) as caller:
        await caller.says(*QUESTION)
        begun = await caller.until("response.created")
        await until(lambda: bool(chat.prompts))
        await caller.config(reset=True, voice="nobody")
        assert "nobody" in (await caller.until("error"))["message"]
        await caller.config(reset=True, system_prompt="Forget it.")
        assert await caller.until("response.done") == {"id": begun["id"], "status": "cancelled", "cancelled": True}
        assert (chat.stopped, len(premises.conversations)) == (1, 1)
        assert chat.gate
        chat.gate.set()
        assert await caller.asks() == "Once upon a time."
    assert [message.role for message in chat.prompts[-1].messages] == ["system", "user"]


# --- stopping ----------------------------------------------------------------------------------------------------


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


async def test_many_at_once() -> None:
    """Each hears its own answers, whoever talks in between."""
    answers = [f"This is answer {index}." for index in range(20)]
    chat = FakeChat([*answers])
    engines = fake_engines(chat=chat, synthesizer=FakeSynthesizer(ms_per_letter=5))
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


# --- what goes wrong ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"voice": "nobody"}, "'voice'"),
        ({"input_sample_rate": 7_999}, "'input_sample_rate'"),
        ({"output_sample_rate": 48_001}, "'output_sample_rate'"),
        ({"input_sample_rate": -1}, "'input_sample_rate'"),
        ({"tools": "{"}, "'tools'"),
        ({"tools": "{}"}, "'tools'"),
        ({"tools": "[1]"}, "'tools[0]'"),
        ({"tools": '[{"type": "function", "function": {"name": "no name"}}]'}, "'tools[0].name'"),
        ({"params": {"temperature": "warm"}}, "'params.temperature'"),
        ({"params": {"temperature": "9"}}, "'params.temperature'"),
        ({"params": {"temperature": "nan"}}, "'params.temperature'"),
        ({"params": {"turn_detection": "magic"}}, "'params.turn_detection'"),
        ({"params": {"turn_detection": "none", "threshold": "0.5"}}, "'params.threshold'"),
        ({"params": {"turn_detection": "semantic_vad", "threshold": "0.5"}}, "'params.threshold'"),
        ({"params": {"silence_duration_ms": "-1"}}, "'params.silence_duration_ms'"),
        ({"params": {"lead_ms": "-1"}}, "'params.lead_ms'"),
        ({"params": {"max_tokens": "0"}}, "'params.max_new_tokens'"),
        ({"params": {"language": "tlh"}}, "'params.language'"),
        ({"params": {"mood": "good"}}, "'params.mood'"),
    ],
)
async def test_a_config_that_cannot_be(config: dict[str, Any], field: str) -> None:
    """Is refused at once, by the name of its field; the client need not have said all."""
    async with Doorway(place()) as door, calling(door, **config) as caller:
        code, message = await caller.fails()
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert field in message


async def test_what_is_no_config_is_no_beginning() -> None:
    """Nor is nothing."""
    async with Doorway(place()) as door:
        callers = [Caller(door.stub.AudioToAudioStream()) for _ in range(4)]
        await callers[0].says(voice(100, RATE_HZ))
        await callers[1].control("response.create")
        await callers[2].call.write(pb.AudioToAudioRequest())
        await callers[3].call.done_writing()
        for caller in callers:
            code, message = await caller.fails()
            assert code is grpc.StatusCode.INVALID_ARGUMENT
            assert "first message must be a 'config'" in message


@pytest.mark.parametrize(
    ("event", "payload", "param"),
    [
        ("conversation.item.create", b"{", "payload"),
        ("conversation.item.create", b"\xff", "payload"),
        ("conversation.item.create", b"[]", "payload"),
        ("conversation.item.create", b"[" * 100_000, "payload"),
        ("conversation.item.create", b"{}", "item.type"),
        ("conversation.item.create", b'{"item": 3}', "item"),
        ("conversation.item.create", b'{"type": "function_call_output", "call_id": "x", "output": ""}', "item.call_id"),
        ("session.update", b"", None),
        ("session.update", b'{"session": 3}', "session"),
        ("session.update", b'{"type": "transcription"}', "session.type"),
        ("session.update", b'{"voice": "nobody"}', "session.audio.output.voice"),
        ("session.update", b'{"mood": 1}', "session.mood"),
        ("session.update", b'{"audio": 1}', "session.audio"),
        ("session.update", b'{"audio": 1, "voice": "x"}', "session.audio"),
        ("session.update", b'{"input_audio_format": "g711_ulaw"}', "session.audio.input.format"),
        ("session.update", b'{"audio": {"output": {"format": {"type": "audio/pcma"}}}}', "session.audio.output.format"),
        ("response.create", b'{"response": {"mood": 1}}', "response.mood"),
        ("response.cancel", b'{"response_id": 1}', "response_id"),
        ("conversation.item.truncate", b"{}", "item_id"),
        ("conversation.item.delete", b'{"item_id": "none"}', "item_id"),
    ],
)
async def test_a_control_that_cannot_be(event: str, payload: bytes, param: str | None) -> None:
    """Is told by an `error` that names the field, and nothing else has happened."""
    async with Doorway(place()) as door, calling(door) as caller:
        await caller.control(event, payload)
        if param:
            error = await caller.until("error")
            assert error["param"] == param
            assert error["message"]
        assert await caller.asks() == "Paris. It lies on the Seine."
        assert len(caller.all("error")) == (param is not None)


async def test_what_nobody_knows_is_ignored() -> None:
    """A control of another backend's; a message without anything in it is told."""
    async with Doorway(place()) as door, calling(door, params={"top_k": "4", "audio_top_k": "9"}) as caller:
        await caller.control("mood.improve", {"by": 1})
        await caller.call.write(pb.AudioToAudioRequest())
        assert (await caller.until("error"))["param"] == "payload"
        await caller.config(params={"lead_ms": "3"})
        assert (await caller.until("error"))["param"] == "params.lead_ms"
        assert await caller.asks()


async def test_an_engine_that_fails_fails_one_answer() -> None:
    """It is told why, and the next is as good as ever."""
    chat = FakeChat([EngineFailed("The model fell over."), "Again."])
    engines = fake_engines(chat=chat, synthesizer=FakeSynthesizer(ms_per_letter=5))
    async with Doorway(place(engines)) as door, calling(door) as caller:
        await caller.says(*QUESTION)
        error, done = await caller.until("error"), await caller.until("response.done")
        assert (error["message"], error["code"]) == ("The model fell over.", "engine_failed")
        assert (error["response_id"], done["status"]) == (done["id"], "failed")
        assert await caller.asks() == "Again."


# --- how many ----------------------------------------------------------------------------------------------------


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
    engines = fake_engines(chat=chat, synthesizer=FakeSynthesizer(ms_per_letter=5))
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
