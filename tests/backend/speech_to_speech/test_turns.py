"""Turns of a conversation over `AudioToAudioStream`: how each ends, and that it is answered."""

from __future__ import annotations

import asyncio

import pytest

from realtime.backend.pb import backend_pb2 as pb
from tests.backend.doorway import Doorway
from tests.backend.speech_to_speech.caller import (
    QUESTION,
    RATE_HZ,
    brief_engines,
    by_hand,
    calling,
    place,
)
from tests.fakes import FakeChat, FakeTranscriber, fake_engines, quiet, voice

pytestmark = pytest.mark.usefixtures("server_logs")


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
    engines = brief_engines(transcriber=transcriber)
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
    engines = brief_engines(chat=chat)
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
    engines = brief_engines(transcriber=transcriber)
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
