"""What is asked with sound, or answered with it: real speech goes in, and what comes out is heard again."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from pytest_audioeval.samples.registry import SampleRegistry

from realtime.audio import Audio, Pcm, silence
from realtime.codecs.containers import read_audio, write_wav
from realtime.codecs.pcm16 import Pcm16
from realtime.codecs.resample import resample
from tests.end_to_end.scene import FRANCE, Scene, pcm_of
from tests.end_to_end.wer import word_error_rate
from tests.live import question

NS_PER_S = 1_000_000_000
TRANSCRIPT = "response.audio_transcript.delta"


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
    """As long as before, softer where it was noise, and still to be understood."""
    speech = question("france")
    pause = silence(2000, speech.rate_hz)
    clean = np.concatenate((pause, speech.pcm, pause))
    noisy = clean + np.random.default_rng(1).normal(0, 0.02, len(clean)).astype(np.float32)
    write_wav(scene.folder / "noisy.wav", Audio(noisy, speech.rate_hz))
    told = await scene.asks("AudioTransform", audio_path=scene.path("noisy.wav"), dst=scene.path("clean.wav"))
    assert told.dst == scene.path("clean.wav")
    assert not told.reference_provided
    made = read_audio(scene.folder / "clean.wav")
    assert told.samples == len(made.pcm) == len(noisy)
    noise = slice(-speech.rate_hz, None)
    assert np.std(made.pcm[noise]) < 0.25 * np.std(noisy[noise])
    spoken = slice(len(pause), -len(pause))
    assert np.std(made.pcm[spoken]) > 0.5 * np.std(clean[spoken])
    assert word_error_rate(await scene.hears(made), FRANCE) <= 0.2


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


def framed(pcm: Pcm) -> list[Pcm]:
    """In pieces of 20 ms."""
    return np.array_split(pcm, range(480, len(pcm), 480))
