"""Who spoke when: on a double whose voices are loudness, over the channel, and on the real models."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from realtime.audio import SPEECH_RATE_HZ, Audio, Pcm
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.remote.speaker import RemoteSpeaker, open_remote_speaker
from realtime.backend.speakers.diarization import MOST_SPEAKERS, Diarization
from realtime.codecs.containers import write_wav
from realtime.engines.base import Urgency
from realtime.errors import InvalidRequest, NotPermitted, NotServed
from realtime.models.store import ModelStore
from tests.backend.doorway import Doorway, refusal
from tests.backend.hearing.listeners import Attentive
from tests.backend.remote.remote_backend import BareBackend, at_work, workshop
from tests.backend.rooms import premises_of
from tests.backend.speakers.real_voices import RealVoices
from tests.fake_speaker import FakeSpeaker, voice_of
from tests.fakes import FakeTranscriber, fake_engines, quiet
from tests.voices import asked, other

LOW, HIGH, HIGHEST = 0.3, 0.6, 0.9
"""Three people, each too far from the next to be the same."""


def pause(ms: float) -> Pcm:
    return quiet(ms, SPEECH_RATE_HZ)


CONVERSATION = (
    pause(500),
    voice_of(HIGH, 2000),
    pause(400),
    voice_of(LOW, 3000),
    pause(700),
    voice_of(HIGH, 1000),
    pause(300),
    voice_of(HIGH, 1200),
    pause(600),
)
"""High, low, and high twice."""


@pytest.fixture
def transcriber() -> FakeTranscriber:
    return FakeTranscriber(["Hello, who is there?", "It is me.", "Ah, come in."])


@pytest.fixture
def room(transcriber: FakeTranscriber, tmp_path: Path) -> Diarization:
    engines = fake_engines(transcriber=transcriber)
    return Diarization(premises_of(engines, tmp_path, on_demand={"speaker": FakeSpeaker}))


def file(folder: Path, *parts: Pcm) -> str:
    """The path of a new file with that sound."""
    write_wav(folder / "sound.wav", Audio(np.concatenate(parts), SPEECH_RATE_HZ))
    return str(folder / "sound.wav")


def who(found: pb.DiarizeResponse) -> list[str]:
    return [segment.speaker.removeprefix("SPEAKER_") for segment in found.segments]


async def test_turns_come_in_order_with_their_speakers(room: Diarization, tmp_path: Path) -> None:
    """In seconds, close to where the sound has them; a short pause does not part a speaker's turn."""
    found = await room.diarize(pb.DiarizeRequest(dst=file(tmp_path, *CONVERSATION)))
    assert who(found) == ["00", "01", "00"]
    assert [segment.id for segment in found.segments] == [0, 1, 2]
    expected = [(0.5, 2.5), (2.9, 5.9), (6.6, 9.1)]
    for segment, (start, end) in zip(found.segments, expected, strict=True):
        assert segment.start == pytest.approx(start, abs=0.1)
        assert segment.end == pytest.approx(end, abs=0.1)
        assert segment.text == ""
    assert found.num_speakers == 2
    assert found.duration == pytest.approx(9.7)


async def test_a_voice_may_change_without_a_pause(room: Diarization, tmp_path: Path) -> None:
    found = await room.diarize(pb.DiarizeRequest(dst=file(tmp_path, voice_of(LOW, 4000), voice_of(HIGH, 4000))))
    assert who(found) == ["00", "01"]
    assert found.segments[0].end == found.segments[1].start == pytest.approx(4, abs=0.5)


@pytest.mark.parametrize(
    ("told", "count"),
    [
        ({}, 3),
        ({"num_speakers": 2}, 2),
        ({"num_speakers": 1}, 1),
        ({"max_speakers": 2}, 2),
        ({"max_speakers": 9}, 3),
        ({"min_speakers": 2}, 3),
        ({"num_speakers": 3, "max_speakers": 1}, 3),
        ({"clustering_threshold": 1.9}, 1),
    ],
)
async def test_how_many_there_are_can_be_told(
    room: Diarization, tmp_path: Path, told: dict[str, Any], count: int
) -> None:
    people = [part for loudness in (LOW, HIGH, HIGHEST, LOW) for part in (voice_of(loudness, 2000), pause(500))]
    found = await room.diarize(pb.DiarizeRequest(dst=file(tmp_path, *people), **told))
    assert found.num_speakers == len(set(who(found))) == count


async def test_a_low_threshold_finds_more_speakers(room: Diarization, tmp_path: Path) -> None:
    people = [part for loudness in (0.5, 0.52, 0.54) for part in (voice_of(loudness, 1000), pause(500))]
    path = file(tmp_path, *people)
    assert (await room.diarize(pb.DiarizeRequest(dst=path))).num_speakers == 1
    found = await room.diarize(pb.DiarizeRequest(dst=path, clustering_threshold=0.0001))
    assert found.num_speakers == 3


async def test_durations_decide_what_is_a_turn(room: Diarization, tmp_path: Path) -> None:
    path = file(tmp_path, *CONVERSATION)
    parted = await room.diarize(pb.DiarizeRequest(dst=path, min_duration_off=0.1))
    assert who(parted) == ["00", "01", "00", "00"]
    long_ones = await room.diarize(pb.DiarizeRequest(dst=path, min_duration_on=2.7))
    assert [segment.start for segment in long_ones.segments] == pytest.approx([2.9], abs=0.1)
    assert who(long_ones) == ["00"]
    assert long_ones.num_speakers == 1


async def test_words_come_with_their_turns(room: Diarization, transcriber: FakeTranscriber, tmp_path: Path) -> None:
    path = file(tmp_path, *CONVERSATION)
    found = await room.diarize(pb.DiarizeRequest(dst=path, include_text=True, language="en-GB", threads=3))
    assert [segment.text for segment in found.segments] == ["Hello, who is there?", "It is me.", "Ah, come in."]
    assert found.language == "en"
    assert {(asking.language, asking.urgency) for asking in transcriber.asked} == {("en", Urgency.UNATTENDED)}
    assert [len(heard) / SPEECH_RATE_HZ for heard in transcriber.heard] == pytest.approx([2, 3, 2.5], abs=0.2)


async def test_a_long_turn_is_transcribed_in_clips(
    room: Diarization, transcriber: FakeTranscriber, tmp_path: Path
) -> None:
    speech = [part for _ in range(8) for part in (voice_of(LOW, 6000), pause(300))]
    found = await room.diarize(pb.DiarizeRequest(dst=file(tmp_path, *speech), include_text=True))
    assert who(found) == ["00"]
    assert max(len(heard) for heard in transcriber.heard) <= 28 * SPEECH_RATE_HZ
    assert found.segments[0].text == "Hello, who is there? It is me."


@pytest.mark.parametrize("sound", [(pause(3000),), (pause(0),)])
async def test_where_nobody_speaks_there_are_no_speakers(
    room: Diarization, transcriber: FakeTranscriber, tmp_path: Path, sound: tuple[Pcm, ...]
) -> None:
    found = await room.diarize(pb.DiarizeRequest(dst=file(tmp_path, *sound), include_text=True))
    assert (len(found.segments), found.num_speakers) == (0, 0)
    assert found.duration == pytest.approx(len(sound[0]) / SPEECH_RATE_HZ)
    assert transcriber.heard == []


BAD: list[tuple[str, dict[str, Any]]] = [
    ("num_speakers", {"num_speakers": -1}),
    ("num_speakers", {"num_speakers": MOST_SPEAKERS + 1}),
    ("min_speakers", {"min_speakers": -2}),
    ("max_speakers", {"max_speakers": -1}),
    ("min_speakers", {"min_speakers": 4, "max_speakers": 3}),
    ("clustering_threshold", {"clustering_threshold": -0.1}),
    ("clustering_threshold", {"clustering_threshold": 2.5}),
    ("clustering_threshold", {"clustering_threshold": float("nan")}),
    ("min_duration_on", {"min_duration_on": -1}),
    ("min_duration_on", {"min_duration_on": float("inf")}),
    ("min_duration_off", {"min_duration_off": float("nan")}),
    ("language", {"language": "xx", "include_text": True}),
    ("dst", {"dst": ""}),
]


@pytest.mark.parametrize(("field", "bad"), BAD)
async def test_what_cannot_be_is_refused_by_its_field(
    room: Diarization, tmp_path: Path, field: str, bad: dict[str, Any]
) -> None:
    request = pb.DiarizeRequest(dst=file(tmp_path, *CONVERSATION))
    request.MergeFrom(pb.DiarizeRequest(**bad))
    if "dst" in bad:
        request.ClearField("dst")
    with pytest.raises(InvalidRequest, match=f"'{field}'") as refused:
        await room.diarize(request)
    assert refused.value.param == field


async def test_files_elsewhere_are_not_read(room: Diarization) -> None:
    with pytest.raises(NotPermitted, match="'dst' lies outside"):
        await room.diarize(pb.DiarizeRequest(dst="/etc/hostname"))


async def test_words_are_heard_in_the_sound_that_voices_are_told_from(
    transcriber: FakeTranscriber, tmp_path: Path
) -> None:
    """Turned, looked through and held once."""
    detector, speaker = Attentive(), FakeSpeaker()
    engines = replace(fake_engines(transcriber=transcriber), detector=detector)
    room = Diarization(premises_of(engines, tmp_path, on_demand={"speaker": lambda: speaker}))
    path = file(tmp_path, *CONVERSATION)
    await room.diarize(pb.DiarizeRequest(dst=path, include_text=True))
    assert detector.windows == np.ceil(sum(map(len, CONVERSATION)) / detector.window_samples)
    assert np.shares_memory(transcriber.heard[0], speaker.heard[0])


async def test_a_voice_encoder_elsewhere_says_that_it_cannot_before_anything_is_heard(tmp_path: Path) -> None:
    detector = Attentive()
    async with at_work(BareBackend({"VoiceEmbed": lambda request, context: pb.VoiceEmbedResponse()})) as address:

        def elsewhere() -> RemoteSpeaker:
            return open_remote_speaker(workshop(address, shared_directory=str(tmp_path)))

        engines = replace(fake_engines(), detector=detector)
        premises = premises_of(engines, tmp_path, on_demand={"speaker": elsewhere})
        with pytest.raises(NotServed, match=f"ask .*{address}.* for 'Diarize' itself"):
            await Diarization(premises).diarize(pb.DiarizeRequest(dst=file(tmp_path, *CONVERSATION)))
        await premises.on_demand.close()
    assert detector.windows == 0


async def test_over_the_channel_many_at_once(tmp_path: Path) -> None:
    premises = premises_of(None, tmp_path, on_demand={"speaker": FakeSpeaker})
    request = pb.DiarizeRequest(dst=file(tmp_path, *CONVERSATION))
    async with Doorway(premises) as door:
        found = await asyncio.gather(*(door.stub.Diarize(request) for _ in range(8)))
        assert [who(one) for one in found] == [["00", "01", "00"]] * 8
        code, message = await refusal(door.stub.Diarize(pb.DiarizeRequest(dst=request.dst, num_speakers=-3)))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert "'num_speakers'" in message
        code, _ = await refusal(door.stub.Diarize(pb.DiarizeRequest(dst="/etc/hosts")))
        assert code is grpc.StatusCode.PERMISSION_DENIED


@pytest.fixture(scope="module")
def real(model_store: ModelStore) -> Iterator[RealVoices]:
    voices = RealVoices(model_store)
    yield voices
    voices.close()


def voiced(clip: Pcm) -> Pcm:
    """From the clip's first sound to its last."""
    sounding = np.flatnonzero(np.abs(clip) > 0.02)
    return clip[sounding[0] : sounding[-1]]


@pytest.mark.model
async def test_the_real_models_part_two_voices(real: RealVoices, tmp_path: Path) -> None:
    """Boundaries within half a second, the right voice in each turn, and what it says."""
    english = [other("en", name) for name in ("counting", "quick_brown_fox")]
    said = [voiced(clip) for clip in (asked("ocean"), english[0], asked("dinner"), english[1], asked("train"))]
    pauses_ms = [300, 700, 250, 900, 400]
    parts, expected, at = [], [], 0
    for clip, pause_ms in zip(said, pauses_ms, strict=True):
        parts += [pause(pause_ms), clip]
        start = at + len(parts[-2])
        at = start + len(clip)
        expected.append((start / SPEECH_RATE_HZ, at / SPEECH_RATE_HZ))
    request = pb.DiarizeRequest(dst=file(tmp_path, *parts), include_text=True)
    async with Doorway(real.premises(tmp_path, real.transcriber())) as door:
        found = await door.stub.Diarize(request)
    assert who(found) == ["00", "01", "00", "01", "00"]
    assert found.num_speakers == 2
    for segment, (start_s, end_s) in zip(found.segments, expected, strict=True):
        assert segment.start == pytest.approx(start_s, abs=0.5)
        assert segment.end == pytest.approx(end_s, abs=0.5)
    assert "brown fox" in found.segments[3].text
    assert found.language == "en"


@pytest.mark.model
async def test_the_real_models_take_one_voice_for_one(real: RealVoices, tmp_path: Path) -> None:
    questions = [part for name in ("ocean", "dinner", "train", "week", "egg") for part in (asked(name), pause(500))]
    found = await Diarization(real.premises(tmp_path)).diarize(pb.DiarizeRequest(dst=file(tmp_path, *questions)))
    assert found.num_speakers == 1


@pytest.mark.model
async def test_the_real_models_part_three_voices_whether_or_not_told_how_many(real: RealVoices, tmp_path: Path) -> None:
    clips = (asked("ocean"), other("ja", "pangrama"), other("fr", "pangrama"), asked("train"))
    sound = file(tmp_path, *(part for clip in clips for part in (clip, pause(500))))
    for count in (0, 3):
        request = pb.DiarizeRequest(dst=sound, num_speakers=count)
        found = await Diarization(real.premises(tmp_path)).diarize(request)
        assert who(found) == ["00", "01", "02", "00"]
