"""Which model a request is meant for, over a real channel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import pytest

from realtime.audio import SPEECH_RATE_HZ, Audio
from realtime.backend.pb import backend_pb2 as pb
from realtime.codecs.containers import write_wav
from tests.backend.doorway import Doorway, refusal
from tests.backend.rooms import everything, premises_of
from tests.fakes import FakeTranscriber, fake_engines, voice


@pytest.fixture
def clip(tmp_path: Path) -> str:
    """2 s of speech."""
    write_wav(tmp_path / "clip.wav", Audio(voice(2048, SPEECH_RATE_HZ), SPEECH_RATE_HZ))
    return str(tmp_path / "clip.wav")


def door_to(folder: Path, transcriber: FakeTranscriber) -> Doorway:
    return Doorway(premises_of(fake_engines(transcriber=transcriber), folder))


def calls(door: Doorway, clip: str, identity: str) -> list[Any]:
    """Both that put a file into words."""
    request = pb.TranscriptRequest(dst=clip, ModelIdentity=identity)
    return [door.stub.AudioTranscription(request), everything(door.stub.AudioTranscriptionStream(request))]


async def test_who_names_no_model_is_answered_by_what_is_there(clip: str, tmp_path: Path) -> None:
    transcriber = FakeTranscriber()
    async with door_to(tmp_path, transcriber) as door:
        for call in calls(door, clip, ""):
            await call
        await door.stub.LoadModel(pb.ModelOptions(Model="fake-ears"))
        for call in calls(door, clip, ""):
            await call
    assert len(transcriber.heard) == 4


async def test_who_names_what_was_loaded_is_answered(clip: str, tmp_path: Path) -> None:
    """Also once something else was loaded beside it, by somebody else."""
    transcriber = FakeTranscriber()
    async with door_to(tmp_path, transcriber) as door:
        for model in ("fake-ears", "fake-mind"):
            await door.stub.LoadModel(pb.ModelOptions(Model=model))
            for call in calls(door, clip, "fake-ears"):
                await call
    assert len(transcriber.heard) == 4


@pytest.mark.parametrize(
    ("loaded", "given"),
    [(["fake-ears"], "'fake-ears'"), (["fake-mind", "fake-ears"], "'fake-mind', 'fake-ears'"), ([""], "''")],
)
async def test_who_names_another_is_refused_and_told_both(
    clip: str, tmp_path: Path, loaded: list[str], given: str
) -> None:
    """Before anything is heard; even another that is there, but that nobody has loaded."""
    transcriber = FakeTranscriber()
    async with door_to(tmp_path, transcriber) as door:
        for model in loaded:
            await door.stub.LoadModel(pb.ModelOptions(Model=model))
        for call in calls(door, clip, "fake-mouth"):
            expected = f"'ModelIdentity' is 'fake-mouth', but 'LoadModel' was given {given}."
            assert await refusal(call) == (grpc.StatusCode.FAILED_PRECONDITION, expected)
    assert transcriber.heard == []


async def test_what_could_not_be_loaded_counts_as_not_given(clip: str, tmp_path: Path) -> None:
    async with door_to(tmp_path, FakeTranscriber()) as door:
        status, _ = await refusal(door.stub.LoadModel(pb.ModelOptions(Model="whisper-large")))
        assert status is grpc.StatusCode.NOT_FOUND
        for call in calls(door, clip, "whisper-large"):
            status, message = await refusal(call)
            assert status is grpc.StatusCode.FAILED_PRECONDITION
            assert "given nothing yet" in message
