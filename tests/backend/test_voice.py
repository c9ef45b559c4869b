"""TTS, TTSStream and SoundGeneration: what is said, in whose voice, and that it is what a conversation would hear."""

from __future__ import annotations

import base64
import json
import os
import wave
from pathlib import Path

import grpc
import numpy as np
import pytest

from realtime.audio import Pcm
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.voice import LONGEST_TEXT, Voice
from realtime.codecs.containers import read_audio
from realtime.codecs.pcm16 import Pcm16
from realtime.engines.absent import NoSynthesizer
from realtime.engines.base import Urgency
from realtime.engines.hibari import open_hibari
from realtime.errors import InvalidRequest, NotPermitted, NotServed
from tests.backend.doorway import Doorway, refusal
from tests.backend.rooms import everything, premises_of
from tests.engines.conftest import MakeWorkshop
from tests.fakes import FakeChat, FakeSynthesizer, fake_engines
from tests.server.house import House, until

TEXT = """Well, **Dr. Smith** paid $3.50 for 12 apples on May 3, 1999. Then he went home; it was late.

- First, he ate [an apple](https://apples.example).
- Second, he slept!"""


class English(FakeSynthesizer):
    """Says which languages it speaks."""

    languages = frozenset({"en"})


async def streamed(synthesizer: FakeSynthesizer, **fields: str) -> list[pb.Reply]:
    voice = Voice(premises_of(fake_engines(synthesizer=synthesizer)))
    return await everything(voice.tts_stream(pb.TTSRequest(**fields)))


def sound(replies: list[pb.Reply]) -> Pcm:
    return Pcm16().decoder().decode(b"".join(reply.audio for reply in replies))


async def test_a_text_becomes_a_file(tmp_path: Path) -> None:
    synthesizer = FakeSynthesizer(ms_per_letter=10)
    voice = Voice(premises_of(fake_engines(synthesizer=synthesizer), tmp_path))
    result = await voice.tts(pb.TTSRequest(text="Good morning.", dst=str(tmp_path / "said.wav"), voice="emma"))
    assert result.success
    [(text, speaking)] = synthesizer.spoken
    assert speaking.urgency is Urgency.UNATTENDED
    assert (text, speaking.voice) == ("Good morning.", "emma")
    said = read_audio(tmp_path / "said.wav")
    assert said.rate_hz == 24_000
    assert said.duration_ms == 130
    with wave.open(str(tmp_path / "said.wav")) as file:
        assert (file.getsampwidth(), file.getnchannels()) == (2, 1)


async def test_a_stream_begins_with_its_rate() -> None:
    """In `message`, as LocalAI reads it; then comes raw sound."""
    replies = await streamed(FakeSynthesizer(ms_per_letter=10), text="Good morning. And good night.")
    assert json.loads(replies[0].message) == {"sample_rate": 24_000}
    assert not replies[0].audio
    assert all(reply.audio and not reply.message for reply in replies[1:])
    assert len(sound(replies)) == 24_000 * 0.01 * len("Good morning." + "And good night.")


async def test_a_file_and_a_stream_are_the_same(tmp_path: Path) -> None:
    engines = fake_engines(synthesizer=FakeSynthesizer(ms_per_letter=10))
    voice = Voice(premises_of(engines, tmp_path))
    await voice.tts(pb.TTSRequest(text=TEXT, dst=str(tmp_path / "said.wav")))
    replies = await everything(voice.tts_stream(pb.TTSRequest(text=TEXT)))
    assert np.array_equal(read_audio(tmp_path / "said.wav").pcm, sound(replies))


@pytest.mark.model
async def test_a_conversation_hears_the_same(workshop: MakeWorkshop, tmp_path: Path) -> None:
    """Sample for sample: what a model would answer, and what a caller has read aloud."""
    engines = fake_engines(chat=FakeChat([TEXT]), synthesizer=open_hibari(workshop()))  # type: ignore[arg-type]
    async with House(engines, conversation={"lead_ms": 60_000}) as house, house.call() as caller:
        await caller.send("conversation.item.create", item=_question())
        await caller.send("response.create")
        response = (await caller.until("response.done"))["response"]
    assert response["output"][0]["content"][0]["transcript"] == TEXT
    deltas = [event["delta"] for event in caller.events if event["type"] == "response.output_audio.delta"]
    heard = b"".join(map(base64.b64decode, deltas))
    async with Doorway(premises_of(engines, tmp_path)) as door:
        replies = [reply async for reply in door.stub.TTSStream(pb.TTSRequest(text=TEXT))]
        await door.stub.TTS(pb.TTSRequest(text=TEXT, dst=str(tmp_path / "said.wav")))
    assert len(heard) > 10 * 2 * 24_000
    assert b"".join(reply.audio for reply in replies) == heard
    assert Pcm16().encode(read_audio(tmp_path / "said.wav").pcm) == heard


def _question() -> dict[str, object]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "What did he do?"}]}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"text": ""}, "text"),
        ({"text": " \n"}, "text"),
        ({"text": "..."}, "text"),
        ({"text": "x" * (LONGEST_TEXT + 1)}, "text"),
        ({"text": "Good morning.", "voice": "nobody"}, "voice"),
        ({"text": "Guten Morgen.", "language": "de-AT"}, "language"),
        ({"text": "Guten Morgen.", "language": "de_AT"}, "language"),
        ({"text": "Good morning.", "language": "_"}, "language"),
    ],
)
async def test_what_cannot_be_said_is_named(tmp_path: Path, fields: dict[str, str], param: str) -> None:
    """And no file is written."""
    with pytest.raises(InvalidRequest) as refused:
        await streamed(English(), **fields)
    assert refused.value.param == param
    voice = Voice(premises_of(fake_engines(synthesizer=English()), tmp_path))
    with pytest.raises(InvalidRequest) as refused:
        await voice.tts(pb.TTSRequest(dst=str(tmp_path / "said.wav"), **fields))
    assert refused.value.param == param
    assert os.listdir(tmp_path) == []


async def test_an_unknown_voice_is_told_which_there_are() -> None:
    with pytest.raises(InvalidRequest, match="heart, emma"):
        await streamed(FakeSynthesizer(), text="Good morning.", voice="nobody")


@pytest.mark.parametrize("language", ["", " ", "en", "EN", "en-GB", "en_GB", " en "])
async def test_a_language_may_be_written_as_people_write_it(language: str) -> None:
    assert await streamed(English(), text="Good morning.", language=language)


async def test_a_voice_that_does_not_tell_its_languages_is_given_any() -> None:
    assert await streamed(FakeSynthesizer(), text="Guten Morgen.", language="de")


async def test_nothing_is_said_for_a_file_that_may_not_be_written(tmp_path: Path) -> None:
    synthesizer = FakeSynthesizer()
    (tmp_path / "open").mkdir()
    voice = Voice(premises_of(fake_engines(synthesizer=synthesizer), tmp_path / "open"))
    with pytest.raises(NotPermitted):
        await voice.tts(pb.TTSRequest(text="Good morning.", dst=str(tmp_path / "said.wav")))
    with pytest.raises(InvalidRequest) as refused:
        await voice.tts(pb.TTSRequest(text="Good morning."))
    assert refused.value.param == "dst"
    assert synthesizer.spoken == []


async def test_a_voice_that_fails_ends_the_call() -> None:
    async with Doorway(premises_of(fake_engines(synthesizer=FakeSynthesizer(fails=True)))) as door:
        call = door.stub.TTSStream(pb.TTSRequest(text="Good morning."))
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await call.read()
        assert failed.value.code() is grpc.StatusCode.INTERNAL


async def test_who_hangs_up_is_not_spoken_to() -> None:
    synthesizer = FakeSynthesizer(ms_per_letter=1)
    async with Doorway(premises_of(fake_engines(synthesizer=synthesizer))) as door:
        call = door.stub.TTSStream(pb.TTSRequest(text="This is a sentence. " * 1500))
        await call.read()
        call.cancel()
        await until(lambda: not door.going_on)
    assert len(synthesizer.spoken) < 1500


async def test_a_server_without_a_voice_says_so() -> None:
    """Whichever voice is asked for."""
    engines = fake_engines(synthesizer=NoSynthesizer())  # type: ignore[arg-type]
    for voice in ("", "heart"):
        with pytest.raises(NotServed, match="has no voice"):
            await everything(Voice(premises_of(engines)).tts_stream(pb.TTSRequest(text="Good morning.", voice=voice)))


async def test_no_engine_makes_music() -> None:
    async with Doorway(premises_of()) as door:
        status, message = await refusal(door.stub.SoundGeneration(pb.SoundGenerationRequest(text="a waltz")))
        assert status is grpc.StatusCode.UNIMPLEMENTED
        assert "grpc.routes" in message
