"""Nonsense for every call of the contract: the status says what kind of wrong it is, the message names the field, and
the next call is answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from grpc import StatusCode

from realtime.audio import Audio
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.service import SERVICE
from realtime.backend.unserved import UNSERVED
from realtime.codecs.containers import write_wav
from realtime.engines.registry import Workshop, find_engine
from realtime.engines.scheduler import Scheduler
from tests.backend.doorway import Doorway, refusal
from tests.backend.rooms import premises_of
from tests.fake_embedder import FakeEmbedder
from tests.fake_speaker import FakeSpeaker

INVALID, DENIED, MISSING = StatusCode.INVALID_ARGUMENT, StatusCode.PERMISSION_DENIED, StatusCode.NOT_FOUND
NOWHERE, SOUND, TEXT = "{folder}/none.wav", "{folder}/sound.wav", "{folder}/text.wav"
OUTSIDE = "/etc/hostname"


@dataclass(frozen=True)
class Nonsense:
    """A request, or what a stream begins with, and how it is refused."""

    call: str
    says: tuple[Any, ...]
    status: StatusCode
    named: str

    def __str__(self) -> str:
        return f"{self.call}-{self.named}"


def wrong(call: str, status: StatusCode, named: str, *says: Any) -> Nonsense:
    """That call with those messages is refused so, by a message that names that."""
    return Nonsense(call, says, status, named)


def transform_config(**fields: Any) -> pb.AudioTransformFrameRequest:
    """The beginning of a stream of frames."""
    return pb.AudioTransformFrameRequest(config=pb.AudioTransformStreamConfig(**fields))


def speech_config(**fields: Any) -> pb.AudioToAudioRequest:
    """The beginning of a spoken conversation."""
    return pb.AudioToAudioRequest(config=pb.AudioToAudioConfig(**fields))


KEYS = [pb.StoresKey(Floats=[1.0, 0.0])]

WRONG = [
    wrong("LoadModel", MISSING, "'gpt-5'", pb.ModelOptions(Model="gpt-5")),
    wrong("Predict", INVALID, "Prompt", pb.PredictOptions()),
    wrong("Predict", INVALID, "Tools", pb.PredictOptions(Messages=[pb.Message(role="user")], Tools="[")),
    wrong("PredictStream", INVALID, "Prompt", pb.PredictOptions()),
    wrong("PredictStream", INVALID, "LogitBias", pb.PredictOptions(Prompt="Hi", LogitBias="{")),
    wrong("TokenizeString", StatusCode.UNIMPLEMENTED, "fake-mind", pb.PredictOptions(Prompt="Hi")),
    wrong("Detokenize", StatusCode.UNIMPLEMENTED, "fake-mind", pb.DetokenizeRequest(tokens=[1])),
    wrong("Embedding", INVALID, "Embeddings", pb.PredictOptions()),
    wrong("Rerank", INVALID, "query", pb.RerankRequest(documents=["One."])),
    wrong("Rerank", INVALID, "top_n", pb.RerankRequest(query="Which?", documents=["One."], top_n=-1)),
    wrong("AudioTranscription", INVALID, "dst", pb.TranscriptRequest()),
    wrong("AudioTranscription", DENIED, "dst", pb.TranscriptRequest(dst=OUTSIDE)),
    wrong("AudioTranscription", MISSING, "dst", pb.TranscriptRequest(dst=NOWHERE)),
    wrong("AudioTranscription", INVALID, "dst", pb.TranscriptRequest(dst=TEXT)),
    wrong("AudioTranscription", INVALID, "language", pb.TranscriptRequest(dst=SOUND, language="tlh")),
    wrong("AudioTranscriptionStream", DENIED, "dst", pb.TranscriptRequest(dst=OUTSIDE)),
    wrong("AudioTranscriptionStream", INVALID, "temperature", pb.TranscriptRequest(dst=SOUND, temperature=2)),
    wrong("AudioTranscriptionLive", INVALID, "config", pb.TranscriptLiveRequest(audio=pb.TranscriptLiveAudio(pcm=[0]))),
    wrong("VAD", INVALID, "audio", pb.VADRequest(audio=[float("nan")] * 512)),
    wrong("TTS", INVALID, "text", pb.TTSRequest(dst="{folder}/said.wav")),
    wrong("TTS", DENIED, "dst", pb.TTSRequest(text="Hello.", dst="/etc/said.wav")),
    wrong("TTS", INVALID, "voice", pb.TTSRequest(text="Hello.", dst="{folder}/said.wav", voice="stentor")),
    wrong("TTSStream", INVALID, "text", pb.TTSRequest()),
    wrong("SoundGeneration", StatusCode.UNIMPLEMENTED, "SoundGeneration", pb.SoundGenerationRequest(text="Rain.")),
    wrong("Diarize", DENIED, "dst", pb.DiarizeRequest(dst=OUTSIDE)),
    wrong("Diarize", INVALID, "min_speakers", pb.DiarizeRequest(dst=SOUND, min_speakers=3, max_speakers=2)),
    wrong("VoiceEmbed", DENIED, "audio", pb.VoiceEmbedRequest(audio=OUTSIDE)),
    wrong("VoiceVerify", INVALID, "audio1", pb.VoiceVerifyRequest(audio2=SOUND)),
    wrong("VoiceVerify", INVALID, "threshold", pb.VoiceVerifyRequest(audio1=SOUND, audio2=SOUND, threshold=3)),
    wrong("VoiceAnalyze", INVALID, "actions", pb.VoiceAnalyzeRequest(audio=SOUND, actions=["horoscope"])),
    wrong("AudioEncode", INVALID, "sample_rate", pb.AudioEncodeRequest(pcm_data=bytes(4), sample_rate=7, channels=1)),
    wrong("AudioEncode", INVALID, "channels", pb.AudioEncodeRequest(pcm_data=bytes(4), sample_rate=48_000, channels=9)),
    wrong("AudioDecode", INVALID, "frames", pb.AudioDecodeRequest(frames=[b"\xff" * 40])),
    wrong("AudioTransform", DENIED, "audio_path", pb.AudioTransformRequest(audio_path=OUTSIDE, dst=SOUND)),
    wrong("AudioTransform", DENIED, "dst", pb.AudioTransformRequest(audio_path=SOUND, dst="/etc/clean.wav")),
    wrong(
        "AudioTransform",
        INVALID,
        "params",
        pb.AudioTransformRequest(audio_path=SOUND, dst="{folder}/out.wav", params={"transform": "magic"}),
    ),
    wrong(
        "AudioTransformStream",
        INVALID,
        "config",
        pb.AudioTransformFrameRequest(frame=pb.AudioTransformFrame(audio_pcm=bytes(640))),
    ),
    wrong("AudioTransformStream", INVALID, "params", transform_config(params={"transform": "magic"})),
    wrong("AudioTransformStream", INVALID, "sample_rate", transform_config(sample_rate=1)),
    wrong(
        "AudioTransformStream",
        INVALID,
        "audio_pcm",
        transform_config(sample_rate=16_000, frame_samples=160),
        pb.AudioTransformFrameRequest(frame=pb.AudioTransformFrame(audio_pcm=bytes(639))),
    ),
    wrong("AudioToAudioStream", INVALID, "config", pb.AudioToAudioRequest(frame=pb.AudioToAudioFrame(pcm=bytes(640)))),
    wrong("AudioToAudioStream", INVALID, "tools", speech_config(tools="{")),
    wrong("AudioToAudioStream", INVALID, "input_sample_rate", speech_config(input_sample_rate=1)),
    wrong("StoresSet", INVALID, "Values", pb.StoresSetOptions(Keys=KEYS)),
    wrong("StoresGet", INVALID, "keys", pb.StoresGetOptions()),
    wrong("StoresGet", INVALID, "Key 0", pb.StoresGetOptions(Keys=[pb.StoresKey()])),
    wrong("StoresDelete", INVALID, "keys", pb.StoresDeleteOptions()),
    wrong("StoresDelete", INVALID, "Key 1", pb.StoresDeleteOptions(Keys=[*KEYS, pb.StoresKey()])),
    wrong("StoresFind", INVALID, "TopK", pb.StoresFindOptions(Key=KEYS[0], TopK=0)),
    wrong("StoresFind", INVALID, "Key", pb.StoresFindOptions(TopK=1)),
]


def opened(name: str) -> Any:
    """The transform itself, which has no weights."""
    return find_engine("transform", name)(Workshop(model_path=Path, scheduler=Scheduler(1), threads=1))


ON_DEMAND: dict[str, Callable[[], Any]] = {
    "speaker": FakeSpeaker,
    "embedder": FakeEmbedder,
    "webrtc": partial(opened, "webrtc"),
}

CANNOT_BE_WRONG = {"Health", "Status", "Free", "GetMetrics", "ModelMetadata"}
"""Calls that take nothing, or read nothing of it."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a sound in it, and something that is none."""
    write_wav(tmp_path / "sound.wav", Audio(np.full(16_000, 0.5, np.float32), 16_000))
    (tmp_path / "text.wav").write_text("Not a sound.")
    return tmp_path


def strings_of(message: Any) -> Iterator[tuple[str, str]]:
    """Its fields that are text."""
    for descriptor, value in message.ListFields():
        if isinstance(value, str):
            yield descriptor.name, value


@pytest.mark.parametrize("nonsense", WRONG, ids=str)
async def test_it_is_refused_by_its_status(nonsense: Nonsense, folder: Path) -> None:
    """And by what is wrong with it."""
    says = [type(message).FromString(message.SerializeToString()) for message in nonsense.says]
    for message in says:
        for name, text in list(strings_of(message)):
            setattr(message, name, text.format(folder=folder) if text.startswith("{folder}") else text)
    method = SERVICE.methods_by_name[nonsense.call]
    async with Doorway(premises_of(None, folder, on_demand=ON_DEMAND)) as door:
        call = getattr(door.stub, nonsense.call)
        if method.client_streaming:
            stream = call()
            for message in says:
                await stream.write(message)
            code, told = await refusal(everything(stream))
        else:
            answer = call(*says)
            code, told = await refusal(everything(answer) if method.server_streaming else answer)
        assert (code, nonsense.named in told) == (nonsense.status, True), told
        assert (await door.stub.Health(pb.HealthMessage())).message == b"OK"


async def everything(stream: Any) -> list[Any]:
    """All that a stream says, before its client has said that it will say no more."""
    return [message async for message in stream]


def test_every_call_has_its_nonsense() -> None:
    """But for those that cannot be asked wrongly."""
    tried = {nonsense.call for nonsense in WRONG} | set(UNSERVED) | CANNOT_BE_WRONG
    assert tried == {method.name for method in SERVICE.methods}


NEED_ENGINES = {
    "Predict": pb.PredictOptions(Prompt="Hi"),
    "PredictStream": pb.PredictOptions(Prompt="Hi"),
    "TokenizeString": pb.PredictOptions(Prompt="Hi"),
    "Detokenize": pb.DetokenizeRequest(tokens=[1]),
    "ModelMetadata": pb.ModelOptions(),
    "GetMetrics": pb.MetricsRequest(),
    "AudioTranscription": pb.TranscriptRequest(dst=SOUND),
    "AudioTranscriptionStream": pb.TranscriptRequest(dst=SOUND),
    "VAD": pb.VADRequest(audio=[0.0] * 512),
    "TTS": pb.TTSRequest(text="Hello.", dst="{folder}/said.wav"),
    "TTSStream": pb.TTSRequest(text="Hello."),
}


@pytest.mark.parametrize("call", sorted(NEED_ENGINES))
async def test_without_a_model_it_says_so(call: str, folder: Path) -> None:
    """And what loads one."""
    async with Doorway(premises_of(None, folder)) as door:
        await door.stub.Free(pb.HealthMessage())
        answer = getattr(door.stub, call)(NEED_ENGINES[call])
        streams = SERVICE.methods_by_name[call].server_streaming
        code, told = await refusal(everything(answer) if streams else answer)
        assert code is StatusCode.FAILED_PRECONDITION
        assert "LoadModel" in told


@pytest.mark.parametrize(
    ("call", "first"),
    [
        ("AudioToAudioStream", speech_config()),
        ("AudioTranscriptionLive", pb.TranscriptLiveRequest(config=pb.TranscriptLiveConfig())),
    ],
)
async def test_without_a_model_no_stream_begins(call: str, first: Any) -> None:
    """And what loads one is said at once."""
    async with Doorway(premises_of()) as door:
        await door.stub.Free(pb.HealthMessage())
        stream = getattr(door.stub, call)()
        await stream.write(first)
        code, told = await refusal(everything(stream))
        assert code is StatusCode.FAILED_PRECONDITION
        assert "LoadModel" in told
