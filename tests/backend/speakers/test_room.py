"""Whose voice it is: on a double whose voices are loudness, over the channel, and on the real models."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest

from realtime.audio import SPEECH_RATE_HZ, Audio, Pcm
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.speakers.room import Speakers
from realtime.backend.speakers.voices import LONGEST_S, listen_to
from realtime.codecs.containers import write_wav
from realtime.engines.scheduler import Scheduler
from realtime.engines.speaker import Voiceprint
from realtime.errors import InvalidRequest, NotLoaded, NotPermitted, NotServed
from realtime.models.store import ModelStore
from tests.backend.doorway import Doorway, refusal
from tests.backend.rooms import premises_of
from tests.backend.speakers.real_voices import RealVoices
from tests.fake_speaker import FakeSpeaker, voice_of
from tests.fakes import FakeDetector, quiet
from tests.voices import asked, other

PAUSE = quiet(1000, SPEECH_RATE_HZ)


@pytest.fixture
def speaker() -> FakeSpeaker:
    return FakeSpeaker()


@pytest.fixture
def room(speaker: FakeSpeaker, tmp_path: Path) -> Speakers:
    return Speakers(premises_of(None, tmp_path, on_demand={"speaker": lambda: speaker}))


@pytest.fixture(scope="module")
def real(model_store: ModelStore) -> Iterator[RealVoices]:
    voices = RealVoices(model_store)
    yield voices
    voices.close()


def file(folder: Path, name: str, *parts: Pcm, rate_hz: int = SPEECH_RATE_HZ) -> str:
    """The path of a new file with that sound."""
    write_wav(folder / name, Audio(np.concatenate(parts), rate_hz))
    return str(folder / name)


async def test_a_voiceprint_is_that_of_the_speech_alone(room: Speakers, speaker: FakeSpeaker, tmp_path: Path) -> None:
    """Pauses would pull it elsewhere: here to a softer voice."""
    path = file(tmp_path, "clip.wav", PAUSE, voice_of(0.5, 1000), PAUSE, voice_of(0.5, 1000), PAUSE)
    found = await room.voice_embed(pb.VoiceEmbedRequest(audio=path))
    assert found.model == "fake-ear"
    np.testing.assert_allclose(found.embedding, [0, 1], atol=0.15)
    assert len(speaker.heard[0]) == pytest.approx(2 * SPEECH_RATE_HZ, rel=0.1)


async def test_files_may_have_any_rate(room: Speakers, speaker: FakeSpeaker, tmp_path: Path) -> None:
    path = file(tmp_path, "clip.wav", voice_of(0.5, 2000, 44_100), rate_hz=44_100)
    await room.voice_embed(pb.VoiceEmbedRequest(audio=path))
    assert len(speaker.heard[0]) == pytest.approx(2 * SPEECH_RATE_HZ, rel=0.1)


async def test_of_long_speech_a_minute_is_enough(room: Speakers, speaker: FakeSpeaker, tmp_path: Path) -> None:
    await room.voice_embed(pb.VoiceEmbedRequest(audio=file(tmp_path, "clip.wav", voice_of(0.5, 70_000))))
    assert len(speaker.heard[0]) == LONGEST_S * SPEECH_RATE_HZ


@pytest.mark.parametrize("spoken_ms", [0, 100, 600])
async def test_too_little_speech_is_refused(
    room: Speakers, speaker: FakeSpeaker, tmp_path: Path, spoken_ms: int
) -> None:
    path = file(tmp_path, "clip.wav", PAUSE, voice_of(0.5, spoken_ms), PAUSE)
    with pytest.raises(InvalidRequest, match=r"'audio' has 0\.\d s of speech; .* 0\.8 s or more") as problem:
        await room.voice_embed(pb.VoiceEmbedRequest(audio=path))
    assert problem.value.param == "audio"
    assert speaker.heard == []


async def test_what_the_model_refuses_names_the_field(tmp_path: Path) -> None:
    class Deaf(FakeSpeaker):
        async def encode(self, speech: Pcm) -> Voiceprint:
            raise InvalidRequest("a voice cannot be told from this")

    room = Speakers(premises_of(None, tmp_path, on_demand={"speaker": Deaf}))
    clip = file(tmp_path, "clip.wav", voice_of(0.5, 2000))
    with pytest.raises(InvalidRequest, match="'audio1': a voice cannot be told from this") as problem:
        await room.voice_verify(pb.VoiceVerifyRequest(audio1=clip, audio2=clip))
    assert problem.value.param == "audio1"


@pytest.mark.parametrize(
    ("loudness", "threshold", "verified"), [(0.5, 0, True), (0.55, 0, True), (0.9, 0, False), (0.9, 1.9, True)]
)
async def test_two_clips_are_one_persons_or_not(
    room: Speakers, tmp_path: Path, loudness: float, threshold: float, verified: bool
) -> None:
    found = await room.voice_verify(
        pb.VoiceVerifyRequest(
            audio1=file(tmp_path, "one.wav", voice_of(0.5, 1000)),
            audio2=file(tmp_path, "other.wav", voice_of(loudness, 1500)),
            threshold=threshold,
        )
    )
    assert found.verified is verified
    assert found.threshold == pytest.approx(threshold or 0.2)
    assert found.verified == (found.distance < found.threshold)
    assert found.confidence == pytest.approx(max(0, 1 - found.distance / found.threshold) * 100, abs=1e-3)
    assert found.model == "fake-ear"
    assert found.processing_time_ms > 0


async def test_the_same_file_is_the_same_voice(room: Speakers, tmp_path: Path) -> None:
    clip = file(tmp_path, "clip.wav", voice_of(0.5, 1000))
    found = await room.voice_verify(pb.VoiceVerifyRequest(audio1=clip, audio2=clip))
    assert found.distance == pytest.approx(0, abs=1e-6)
    assert found.confidence == pytest.approx(100, abs=1e-3)


async def test_the_second_clip_is_named_too(room: Speakers, tmp_path: Path) -> None:
    clip, nothing = file(tmp_path, "clip.wav", voice_of(0.5, 1000)), file(tmp_path, "nothing.wav", PAUSE)
    with pytest.raises(InvalidRequest, match=r"'audio2' has 0\.0 s of speech"):
        await room.voice_verify(pb.VoiceVerifyRequest(audio1=clip, audio2=nothing))


@pytest.mark.parametrize("threshold", [-0.1, 2.1, float("nan"), float("inf")])
async def test_a_threshold_is_a_distance(room: Speakers, threshold: float) -> None:
    with pytest.raises(InvalidRequest, match="'threshold' must be a cosine distance"):
        await room.voice_verify(pb.VoiceVerifyRequest(audio1="/a", audio2="/b", threshold=threshold))


async def test_nobody_here_can_tell_a_played_voice_from_a_live_one(room: Speakers) -> None:
    with pytest.raises(NotServed, match="'anti_spoofing'"):
        await room.voice_verify(pb.VoiceVerifyRequest(audio1="/a", audio2="/b", anti_spoofing=True))


@pytest.mark.parametrize("actions", [[], ["age"], ["age", "gender", "emotion"]])
async def test_nobody_here_can_tell_age_gender_or_emotion(room: Speakers, actions: list[str]) -> None:
    with pytest.raises(NotServed, match="no model that tells age, gender or emotion"):
        await room.voice_analyze(pb.VoiceAnalyzeRequest(audio="/a", actions=actions))


async def test_an_action_that_nobody_knows_is_refused_as_such(room: Speakers) -> None:
    with pytest.raises(InvalidRequest, match="'actions' may hold age, gender, emotion, not 'height'") as problem:
        await room.voice_analyze(pb.VoiceAnalyzeRequest(audio="/a", actions=["age", "height"]))
    assert problem.value.param == "actions"


async def test_files_elsewhere_are_not_read(room: Speakers, tmp_path: Path) -> None:
    with pytest.raises(NotPermitted, match="'audio' lies outside"):
        await room.voice_embed(pb.VoiceEmbedRequest(audio="/etc/hostname"))
    with pytest.raises(InvalidRequest, match="'audio' names no file") as problem:
        await room.voice_embed(pb.VoiceEmbedRequest(audio=str(tmp_path / "none.wav")))
    assert problem.value.reason == "not_found"


async def test_without_models_there_is_nothing_to_hear_with(speaker: FakeSpeaker, tmp_path: Path) -> None:
    premises = premises_of(None, tmp_path, on_demand={"speaker": lambda: speaker})
    await premises.loader.free()
    clip = file(tmp_path, "clip.wav", voice_of(0.5, 1000))
    with pytest.raises(NotLoaded):
        await Speakers(premises).voice_embed(pb.VoiceEmbedRequest(audio=clip))


async def test_a_detector_and_an_encoder_may_want_different_rates() -> None:
    """Stretches are found in the same moments."""
    scheduler = Scheduler(1)
    audio = Audio(np.concatenate((PAUSE, voice_of(0.5, 1000), PAUSE)), SPEECH_RATE_HZ)
    for rate_hz in (8_000, 16_000, 24_000):
        heard = await listen_to(audio, rate_hz, FakeDetector(), scheduler)
        [one] = heard.spoken
        assert one.start / rate_hz == pytest.approx(1, abs=0.08)
        assert one.end / rate_hz == pytest.approx(2, abs=0.08)
        assert np.abs(heard.speech(9)).mean() == pytest.approx(0.5, abs=0.06)
    scheduler.close()


async def test_over_the_channel(speaker: FakeSpeaker, tmp_path: Path) -> None:
    """The model is opened when it is first asked for; errors have their status."""
    clip, nothing = file(tmp_path, "clip.wav", voice_of(0.5, 1000)), file(tmp_path, "nothing.wav", PAUSE)
    async with Doorway(premises_of(None, tmp_path, on_demand={"speaker": lambda: speaker})) as door:
        found = await door.stub.VoiceEmbed(pb.VoiceEmbedRequest(audio=clip))
        assert np.linalg.norm(found.embedding) == pytest.approx(1)
        verified = await door.stub.VoiceVerify(pb.VoiceVerifyRequest(audio1=clip, audio2=clip))
        assert verified.verified
        for call, expected in (
            (door.stub.VoiceEmbed(pb.VoiceEmbedRequest(audio=nothing)), grpc.StatusCode.INVALID_ARGUMENT),
            (door.stub.VoiceEmbed(pb.VoiceEmbedRequest(audio=f"{clip}.mp3")), grpc.StatusCode.NOT_FOUND),
            (door.stub.VoiceEmbed(pb.VoiceEmbedRequest(audio="/etc/hosts")), grpc.StatusCode.PERMISSION_DENIED),
            (door.stub.VoiceVerify(pb.VoiceVerifyRequest(threshold=9)), grpc.StatusCode.INVALID_ARGUMENT),
            (door.stub.VoiceVerify(pb.VoiceVerifyRequest(anti_spoofing=True)), grpc.StatusCode.UNIMPLEMENTED),
            (door.stub.VoiceAnalyze(pb.VoiceAnalyzeRequest(audio=clip)), grpc.StatusCode.UNIMPLEMENTED),
            (door.stub.VoiceAnalyze(pb.VoiceAnalyzeRequest(actions=["x"])), grpc.StatusCode.INVALID_ARGUMENT),
        ):
            assert (await refusal(call))[0] is expected
        await door.stub.Free(pb.HealthMessage())
        assert speaker.closed


@pytest.mark.model
async def test_the_real_models_know_a_voice_again(real: RealVoices, tmp_path: Path) -> None:
    """Whatever it says, however loud and however much silence there is around it; and another's is another's."""
    first = file(tmp_path, "first.wav", asked("ocean"))
    soft = file(tmp_path, "soft.wav", PAUSE, asked("train") * np.float32(0.1), PAUSE, PAUSE)
    stranger = file(tmp_path, "stranger.wav", other("ja", "pangrama"))
    async with Doorway(real.premises(tmp_path)) as door:
        again = await door.stub.VoiceVerify(pb.VoiceVerifyRequest(audio1=first, audio2=soft))
        another = await door.stub.VoiceVerify(pb.VoiceVerifyRequest(audio1=first, audio2=stranger))
        found = await door.stub.VoiceEmbed(pb.VoiceEmbedRequest(audio=first))
    assert again.verified
    assert again.confidence > 20
    assert not another.verified
    assert another.confidence == 0
    assert again.model == found.model == "voicefilter-embedder"
    assert len(found.embedding) == 256
