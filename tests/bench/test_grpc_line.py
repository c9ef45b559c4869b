"""Whole calls over a real channel, to the real door with scripted engines. The caller's clock is in a hurry."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from realtime.audio import Audio
from realtime.backend.caller.conversation_stream import conversation_client
from realtime.backend.pb import backend_pb2 as pb
from realtime.bench.grpc_line import GrpcLine, dial_grpc
from realtime.caller.ask import ask
from realtime.caller.clip import RATE_HZ, Clip, make_clip
from realtime.caller.errors import LineLost, NotAnEvent, Refused, Unreachable
from realtime.caller.events import Event
from realtime.caller.turn import STAGES
from realtime.engines.ensemble import Engines
from realtime.errors import EngineFailed
from tests.backend.doorway import Doorway
from tests.backend.remote.remote_backend import BareBackend, opened
from tests.backend.speech_to_speech.caller import place
from tests.caller.clocks import Hurried
from tests.fakes import FakeChat, FakeSynthesizer, FakeTranscriber, fake_engines, quiet, voice
from tests.server.house import until


def said(*parts_ms: float) -> Clip:
    """Voice and quiet by turns."""
    parts = [quiet(ms) if place % 2 else voice(ms) for place, ms in enumerate(parts_ms)]
    return make_clip(Audio(np.concatenate(parts), RATE_HZ))


@asynccontextmanager
async def calling(engines: Engines | None = None) -> AsyncIterator[GrpcLine]:
    """A line to a door that sends sound as fast as it can."""
    async with (
        Doorway(place(engines or fake_engines(), lead_ms=10_000)) as door,
        conversation_client(door.address) as client,
        dial_grpc(client) as line,
    ):
        yield line


@asynccontextmanager
async def scripted(*told: pb.AudioToAudioResponse) -> AsyncIterator[GrpcLine]:
    """A line to a backend that says this, and no more, as soon as it has heard a frame."""

    async def answer(requests: AsyncIterator[pb.AudioToAudioRequest], context: Any) -> AsyncIterator[Any]:
        async for request in requests:
            if request.WhichOneof("payload") == "frame":
                break
        for message in told:
            yield message

    backend = BareBackend({"AudioToAudioStream": answer}, watched=True)
    async with opened(backend) as address, conversation_client(address) as client, dial_grpc(client) as line:
        yield line


async def test_a_question_is_heard_answered_and_timed() -> None:
    async with calling() as line:
        conversation = await ask(line, said(400, 100), clock=Hurried())
    [turn] = conversation.turns
    assert turn.heard == "What is the capital of France?"
    assert turn.said == "Paris. It lies on the Seine."
    assert turn.status == "completed"
    assert list(turn.latencies_ms()) == [stage for stage in STAGES if stage != "first token"]
    times = [turn.times_s[stage] for stage in STAGES if stage in turn.times_s]
    assert turn.last_voiced_s < times[0]
    assert times == sorted(times)
    spoken_ms = FakeSynthesizer.ms_per_letter * len("Paris." + "It lies on the Seine.")
    assert turn.answer.duration_ms - turn.gaps_ms == pytest.approx(spoken_ms, abs=1)
    assert line.sent_samples >= len(said(400, 100).pcm)


async def test_talking_over_an_answer_silences_it() -> None:
    story = "Once upon a time there was a king who told very, very, very long stories."
    engines = fake_engines(chat=FakeChat([story, "Yes?"]), synthesizer=FakeSynthesizer(ms_per_letter=200))
    async with calling(engines) as line:
        first, second = (await ask(line, said(300, 3000, 300), clock=Hurried())).turns
    assert first.interrupted_s is not None
    assert first.status == "cancelled"
    assert first.answer.duration_ms < 200 * len(story)
    assert second.interrupted_s is None
    assert second.said == "Yes?"


async def test_a_failure_of_the_server_is_told() -> None:
    async with calling(fake_engines(chat=FakeChat([EngineFailed("the model is ill")]))) as line:
        [turn] = (await ask(line, said(300), clock=Hurried())).turns
    assert (turn.status, turn.problem) == ("failed", "the model is ill")
    assert "first audio" not in turn.times_s


async def test_a_transcription_that_fails_is_told() -> None:
    async with calling(fake_engines(transcriber=FakeTranscriber([EngineFailed("it is deaf")]))) as line:
        [turn] = (await ask(line, said(300), clock=Hurried())).turns
    assert turn.problem == "it is deaf"
    assert "transcript" not in turn.times_s


async def test_whoever_stops_asking_hangs_up() -> None:
    heard_voice = asyncio.Event()

    def watch(event: Event) -> None:
        if event.type == "input_audio_buffer.speech_started":
            heard_voice.set()

    async with Doorway(place()) as door, conversation_client(door.address) as client, dial_grpc(client) as line:
        asking = asyncio.create_task(ask(line, said(60_000), watch, clock=Hurried()))
        await heard_voice.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await until(lambda: door.going_on == 0)
        with pytest.raises(LineLost):
            await line.hear()


@pytest.mark.parametrize(
    ("told", "error", "why"),
    [
        ((), LineLost, "has ended the conversation|broke off"),
        ((pb.AudioToAudioResponse(event="error", meta=b'{"message":"too loud"}'),), Refused, "complains: too loud"),
        ((pb.AudioToAudioResponse(event="response.created", meta=b"bla"),), NotAnEvent, "a response.created that"),
    ],
)
async def test_what_goes_wrong_in_the_middle_is_one_error(
    told: tuple[pb.AudioToAudioResponse, ...], error: type[Exception], why: str
) -> None:
    async with scripted(*told) as line:
        with pytest.raises(error, match=why):
            await ask(line, said(300), clock=Hurried())


async def test_a_backend_that_holds_no_conversations_breaks_off() -> None:
    backend = BareBackend(watched=True)
    async with opened(backend) as address, conversation_client(address) as client, dial_grpc(client) as line:
        with pytest.raises(LineLost, match="does not offer 'AudioToAudioStream'"):
            await line.hear()


async def test_nobody_there() -> None:
    async with conversation_client("127.0.0.1:1") as client:
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1 cannot be reached"):
            async with dial_grpc(client):
                pass
