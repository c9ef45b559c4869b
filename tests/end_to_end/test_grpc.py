"""A client that knows the published contract and nothing of this project calls all that can be called.

The server is a process of its own on real models; real speech goes in, and what comes out is heard again.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import numpy as np
import pytest
from pytest_audioeval.samples.registry import SampleRegistry

from realtime.audio import Audio, Pcm, silence
from realtime.codecs.containers import read_audio, write_wav
from realtime.codecs.pcm16 import Pcm16
from realtime.codecs.resample import resample
from realtime.engines.base import Transcriber
from tests.backend.contract import Stranger, contract_service, needs_contract
from tests.end_to_end.ear import transcript
from tests.end_to_end.wer import word_error_rate
from tests.live import question

pytestmark = [pytest.mark.model, pytest.mark.timeout(240), needs_contract]

FRANCE = "What is the capital of France?"
NS_PER_S = 1_000_000_000


class Scene:
    """What a call needs: somebody to make it, a folder to hand sound over in, and an ear."""

    def __init__(self, stranger: Stranger, folder: Path, transcriber: Transcriber) -> None:
        self.stranger = stranger
        self.folder = folder
        self._transcriber = transcriber
        for name in ("france", "sky"):
            write_wav(folder / f"{name}.wav", question(name))

    def path(self, name: str) -> str:
        """Of a file in the folder."""
        return str(self.folder / name)

    async def asks(self, call: str, **fields: Any) -> Any:
        """The answer to a call with one."""
        return await self.stranger.asks(call, **fields)

    async def hears(self, audio: Audio) -> str:
        """What is said there."""
        return await transcript(self._transcriber, audio)


Part: TypeAlias = Callable[[Scene], Awaitable[None]]


@pytest.fixture(scope="module")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where sound is handed over."""
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="module")
def address(shared_folder: Path) -> Iterator[str]:
    """Of `realtime backend` on the default models."""
    command = [sys.executable, "-m", "realtime", "backend", "--addr", "127.0.0.1:0", "--directory", str(shared_folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        listening = next((line for line in process.stdout if "Listening for gRPC on " in line), None)
        assert listening, "the backend ended before it listened"
        try:
            yield listening.split()[-1]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


@pytest.fixture
async def scene(address: str, shared_folder: Path, transcriber: Transcriber) -> AsyncIterator[Scene]:
    """The models loaded, as LocalAI does it first."""
    async with grpc.aio.insecure_channel(address) as channel:
        stranger = Stranger(channel)
        assert (await stranger.asks("LoadModel", Model="realtime")).success
        yield Scene(stranger, shared_folder, transcriber)


async def health(scene: Scene) -> None:
    """It is there."""
    assert (await scene.asks("Health")).message == b"OK"


async def status(scene: Scene) -> None:
    """It is ready, and weighs what models weigh."""
    told = await scene.asks("Status")
    assert told.State.Name(told.state) == "READY"
    assert told.memory.total > 200 << 20


async def free_and_load(scene: Scene) -> None:
    """What is gone says so, and comes back."""
    assert (await scene.asks("Free")).success
    told = await scene.asks("Status")
    assert told.State.Name(told.state) == "UNINITIALIZED"
    assert await refusal_of(scene, "VAD", audio=[0.0] * 512) is grpc.StatusCode.FAILED_PRECONDITION
    assert (await scene.asks("LoadModel")).success
    await vad(scene)


async def predict(scene: Scene) -> None:
    """A question is answered."""
    asked = {"role": "user", "content": FRANCE}
    reply = await scene.asks("Predict", Messages=[asked], UseTokenizerTemplate=True, Tokens=32)
    assert "Paris" in reply.message.decode()
    assert reply.tokens > 0
    assert reply.prompt_tokens > 0
    assert reply.timing_token_generation > 0


async def predict_stream(scene: Scene) -> None:
    """In pieces, which are the answer."""
    asked = {"role": "user", "content": FRANCE}
    fields = {"Messages": [asked], "UseTokenizerTemplate": True, "Tokens": 32, "Seed": 1}
    replies = [reply async for reply in scene.stranger.listens("PredictStream", **fields)]
    whole = await scene.asks("Predict", **fields)
    assert len(replies) > 3
    assert b"".join(reply.message for reply in replies) == whole.message
    deltas = "".join(delta.content for reply in replies for delta in reply.chat_deltas)
    assert deltas == whole.message.decode()


async def tokenize(scene: Scene) -> None:
    """Words are tokens, and more words more."""
    few = await scene.asks("TokenizeString", Prompt="Hello there.")
    many = await scene.asks("TokenizeString", Prompt="Hello there. How are you today?")
    assert 0 < few.length == len(few.tokens) < many.length
    assert list(many.tokens)[: few.length] == list(few.tokens)


async def model_metadata(scene: Scene) -> None:
    """How the model is talked to."""
    told = await scene.asks("ModelMetadata")
    assert "<|im_start|>" in told.rendered_template


async def get_metrics(scene: Scene) -> None:
    """How fast it wrote."""
    await predict(scene)
    told = await scene.asks("GetMetrics")
    assert told.tokens_generated > 0
    assert told.tokens_per_second > 0
    assert "France" not in told.prompt_json_for_slot


async def embedding(scene: Scene) -> None:
    """What means the same lies together."""
    texts = "The cat sleeps on the sofa.", "A kitten naps on the couch.", "Interest rates rose last week."
    cat, kitten, rates = [np.array((await scene.asks("Embedding", Embeddings=text)).embeddings) for text in texts]
    assert cat @ kitten > cat @ rates + 0.3


async def rerank(scene: Scene) -> None:
    """The document that answers comes first."""
    documents = ["Bread is baked in an oven.", "Paris is the capital of France.", "Foxes live in the forest."]
    ranked = await scene.asks("Rerank", query=FRANCE, documents=documents, top_n=2)
    best, second = ranked.results
    assert (best.index, best.text) == (1, documents[1])
    assert best.relevance_score > second.relevance_score
    assert ranked.usage.total_tokens > 0


async def stores(scene: Scene) -> None:
    """What is kept is found, by likeness too, until it is deleted."""
    keys = [{"Floats": floats} for floats in ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0])]
    values = [{"Bytes": b"first"}, {"Bytes": b"second"}]
    assert (await scene.asks("StoresSet", Keys=keys, Values=values)).success
    assert [value.Bytes for value in (await scene.asks("StoresGet", Keys=keys[:1])).Values] == [b"first"]
    found = await scene.asks("StoresFind", Key={"Floats": [0.1, 0.9, 0.0]}, TopK=2)
    assert [value.Bytes for value in found.Values] == [b"second", b"first"]
    assert found.Similarities[0] > found.Similarities[1]
    assert (await scene.asks("StoresDelete", Keys=keys)).success
    assert not (await scene.asks("StoresGet", Keys=keys)).Values


async def transcription(scene: Scene) -> None:
    """Human speech is understood, with its times."""
    sample = next(sample for sample in SampleRegistry().all() if sample.lang == "en")
    audio = read_audio(sample.audio_path)
    write_wav(scene.folder / "human.wav", audio)
    told = await scene.asks("AudioTranscription", dst=scene.path("human.wav"), timestamp_granularities=["word"])
    assert word_error_rate(told.text, sample.reference_text) <= 0.25
    assert told.duration == pytest.approx(audio.duration_ms / 1000, abs=0.1)
    assert told.segments[0].start < told.segments[-1].end <= (told.duration + 0.1) * NS_PER_S
    words = [word for segment in told.segments for word in segment.words]
    assert [word.start for word in words] == sorted(word.start for word in words)
    assert words[-1].end > 0.7 * told.duration * NS_PER_S


async def transcription_stream(scene: Scene) -> None:
    """Piece by piece, and then whole."""
    told = [answer async for answer in scene.stranger.listens("AudioTranscriptionStream", dst=scene.path("france.wav"))]
    assert "".join(answer.delta for answer in told).strip() == told[-1].final_result.text.strip()
    assert word_error_rate(told[-1].final_result.text, FRANCE) == 0


async def vad(scene: Scene) -> None:
    """Where somebody speaks."""
    speech = resample(question("france"), 16_000).pcm
    sound = np.concatenate((silence(1000, 16_000), speech, silence(1500, 16_000)))
    segments = (await scene.asks("VAD", audio=sound.tolist())).segments
    assert segments[0].start == pytest.approx(1.0, abs=0.4)
    assert segments[-1].end == pytest.approx(1.0 + len(speech) / 16_000, abs=0.7)


async def tts(scene: Scene) -> None:
    """What is spoken can be understood."""
    text = "The train leaves at noon."
    assert (await scene.asks("TTS", text=text, dst=scene.path("said.wav"))).success
    assert word_error_rate(await scene.hears(read_audio(scene.folder / "said.wav")), text) <= 0.2


async def tts_stream(scene: Scene) -> None:
    """In pieces, which are the same sound."""
    text = "The train leaves at noon."
    replies = [reply async for reply in scene.stranger.listens("TTSStream", text=text)]
    await scene.asks("TTS", text=text, dst=scene.path("said.wav"))
    sound = b"".join(reply.audio for reply in replies)
    whole = Pcm16().encode(read_audio(scene.folder / "said.wav").pcm)
    assert sound[-len(whole) :] == whole


async def diarize(scene: Scene) -> None:
    """Two voices are two speakers."""
    human = next(sample for sample in SampleRegistry().all() if sample.lang == "en")
    voices = [resample(read_audio(human.audio_path), 16_000).pcm, resample(question("egg"), 16_000).pcm]
    pause = silence(600, 16_000)
    write_wav(scene.folder / "talk.wav", Audio(np.concatenate((voices[0], pause, voices[1])), 16_000))
    told = await scene.asks("Diarize", dst=scene.path("talk.wav"))
    assert told.num_speakers == 2
    assert told.segments[0].speaker != told.segments[-1].speaker
    assert told.segments[-1].start == pytest.approx((len(voices[0]) + len(pause)) / 16_000, abs=0.7)


async def voice_embed(scene: Scene) -> None:
    """A voice is a point of length one."""
    told = await scene.asks("VoiceEmbed", audio=scene.path("france.wav"))
    assert np.linalg.norm(told.embedding) == pytest.approx(1, abs=1e-3)
    assert told.model


async def voice_verify(scene: Scene) -> None:
    """The same voice, and another."""
    human = next(sample for sample in SampleRegistry().all() if sample.lang == "en")
    write_wav(scene.folder / "human.wav", read_audio(human.audio_path))
    same = await scene.asks("VoiceVerify", audio1=scene.path("france.wav"), audio2=scene.path("sky.wav"))
    other = await scene.asks("VoiceVerify", audio1=scene.path("france.wav"), audio2=scene.path("human.wav"))
    assert (same.verified, other.verified) == (True, False)
    assert same.distance < same.threshold < other.distance
    assert same.confidence > other.confidence


async def opus(scene: Scene) -> None:
    """There and back, and still understood."""
    audio = resample(question("france"), 48_000)
    encoded = await scene.asks("AudioEncode", pcm_data=Pcm16().encode(audio.pcm), sample_rate=48_000, channels=1)
    assert sum(map(len, encoded.frames)) < len(audio.pcm) / 5
    decoded = await scene.asks("AudioDecode", frames=encoded.frames)
    heard = Audio(pcm_of(decoded.pcm_data), decoded.sample_rate)
    assert word_error_rate(await scene.hears(heard), FRANCE) == 0


async def transform(scene: Scene) -> None:
    """As long as before, and softer where it was noise."""
    told = await scene.asks("AudioTransform", audio_path=scene.path("france.wav"), dst=scene.path("clean.wav"))
    assert told.dst == scene.path("clean.wav")
    assert told.samples == len(read_audio(scene.folder / "clean.wav").pcm) == len(question("france").pcm)
    assert not told.reference_provided


async def transform_stream(scene: Scene) -> None:
    """Frame for frame."""
    frames = np.random.default_rng(1).normal(0, 0.05, (200, 160)).astype(np.float32)
    message = scene.stranger.message
    requests = [message("AudioTransformFrameRequest", config={"sample_rate": 16_000, "frame_samples": 160})]
    requests += [message("AudioTransformFrameRequest", frame={"audio_pcm": frame.tobytes()}) for frame in frames]
    answers = [answer async for answer in scene.stranger.talks("AudioTransformStream", requests)]
    assert [answer.frame_index for answer in answers] == list(range(200))
    cleaned = np.concatenate([np.frombuffer(answer.pcm, np.float32) for answer in answers])
    assert cleaned.shape == (32_000,)
    assert np.std(cleaned[-8000:]) < 0.5 * np.std(frames)


async def speech_to_speech(scene: Scene) -> None:
    """A question is answered aloud."""
    message = scene.stranger.message
    call = scene.stranger.talks("AudioToAudioStream")
    await call.write(message("AudioToAudioRequest", config={"input_sample_rate": 24_000}))
    for frame in framed(np.concatenate((question("france").pcm, silence(200, 24_000)))):
        await call.write(message("AudioToAudioRequest", frame={"pcm": Pcm16().encode(frame)}))
    await call.write(message("AudioToAudioRequest", frame={"end_of_input": True}))
    events: list[Any] = []
    while not events or events[-1].event != "response.done":
        events.append(await call.read())
    await call.done_writing()
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    words = "".join(json.loads(event.meta)["delta"] for event in events if event.event == TRANSCRIPT)
    assert "Paris" in words
    sound = b"".join(event.pcm for event in events if event.event == "response.audio.delta")
    assert word_error_rate(await scene.hears(Audio(pcm_of(sound), 24_000)), words) <= 0.34


TRANSCRIPT = "response.audio_transcript.delta"


def pcm_of(sound: bytes) -> Pcm:
    """Signed 16-bit samples as floats."""
    return np.frombuffer(sound, "<i2").astype(np.float32) / np.float32(32_768)


def framed(pcm: Pcm) -> list[Pcm]:
    """In pieces of 20 ms."""
    return np.array_split(pcm, range(480, len(pcm), 480))


async def refusal_of(scene: Scene, call: str, **fields: Any) -> grpc.StatusCode:
    """The status with which a call fails."""
    streams = contract_service().methods_by_name[call].server_streaming
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await (scene.stranger.listens(call, **fields).read() if streams else scene.asks(call, **fields))
    code: grpc.StatusCode = refused.value.code()
    return code


def unserved(call: str, **fields: Any) -> Part:
    """There is no model for that here."""

    async def refused(scene: Scene) -> None:
        assert await refusal_of(scene, call, **fields) is grpc.StatusCode.UNIMPLEMENTED

    return refused


CALLS: dict[str, Part] = {
    "Health": health,
    "Status": status,
    "Free": free_and_load,
    "LoadModel": free_and_load,
    "ModelMetadata": model_metadata,
    "GetMetrics": get_metrics,
    "Predict": predict,
    "PredictStream": predict_stream,
    "TokenizeString": tokenize,
    "Embedding": embedding,
    "Rerank": rerank,
    "AudioTranscription": transcription,
    "AudioTranscriptionStream": transcription_stream,
    "VAD": vad,
    "TTS": tts,
    "TTSStream": tts_stream,
    "Diarize": diarize,
    "VoiceEmbed": voice_embed,
    "VoiceVerify": voice_verify,
    "VoiceAnalyze": unserved("VoiceAnalyze"),
    "AudioEncode": opus,
    "AudioDecode": opus,
    "AudioTransform": transform,
    "AudioTransformStream": transform_stream,
    "AudioToAudioStream": speech_to_speech,
    "SoundGeneration": unserved("SoundGeneration", text="Rain on a tin roof."),
    **dict.fromkeys(("StoresSet", "StoresGet", "StoresFind", "StoresDelete"), stores),
    **{
        name: unserved(name)
        for name in (
            *("GenerateImage", "GenerateVideo", "Detect", "FaceVerify", "FaceAnalyze"),
            *("StartFineTune", "FineTuneProgress", "StopFineTune", "ListCheckpoints", "ExportModel"),
            *("StartQuantization", "QuantizationProgress", "StopQuantization"),
        )
    },
}
"""What shows that each call is answered."""


@pytest.mark.parametrize("part", list(dict.fromkeys(CALLS.values())), ids=lambda part: part.__name__)
async def test_it_is_answered(scene: Scene, part: Part) -> None:
    """As the contract has it."""
    await part(scene)


def test_nothing_is_left_out() -> None:
    """Every call of the contract is made."""
    assert set(CALLS) == {method.name for method in contract_service().methods}
