"""A voice behind another door: our own, and barer ones that frame their sound in their own way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from realtime.audio import Audio, Pcm
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.remote.sound_stream import SoundStream
from realtime.backend.remote.synthesizer import RemoteSynthesizer, open_remote_synthesizer
from realtime.codecs.containers import encode_wav, write_wav
from realtime.codecs.pcm16 import Pcm16
from realtime.engines.base import Speaking
from realtime.errors import EngineBusy, EngineFailed
from tests.backend.doorway import Doorway
from tests.backend.remote.remote_backend import BareBackend, at_work, workshop
from tests.backend.rooms import premises_of
from tests.fakes import FakeSynthesizer, fake_engines
from tests.server.house import until

TEXT = "Paris lies on the Seine."

TONE: Pcm = (0.5 * np.sin(np.arange(12_000) * 2 * np.pi * 440 / 24_000)).astype(np.float32)
"""Half a second at 24 kHz."""

LOSS = 1 / 32_768
"""Of 16-bit samples."""


async def opened(address: str, **options: Any) -> RemoteSynthesizer:
    """As a server opens it: in a thread."""
    return await asyncio.to_thread(open_remote_synthesizer, workshop(address, **options))


async def spoken(voice: RemoteSynthesizer, text: str = TEXT, speaking: Speaking | None = None) -> Pcm:
    async with aclosing(voice.speak(text, speaking or Speaking())) as pieces:
        parts = [piece async for piece in pieces]
    assert all(part.rate_hz == voice.rate_hz for part in parts)
    return np.concatenate([part.pcm for part in parts]) if parts else np.zeros(0, np.float32)


@dataclass
class StuckSynthesizer(FakeSynthesizer):
    """Says a little and never comes to an end."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    async def speak(self, text: str, speaking: Speaking) -> AsyncGenerator[Audio, None]:
        try:
            yield Audio(TONE, self.rate_hz)
            self.begun.set()
            await asyncio.Event().wait()
        finally:
            self.stopped.set()


async def test_a_voice_at_our_own_door_sounds_as_it_does_there() -> None:
    """At its rate, with the voice asked for, and at another rate."""
    mouth = FakeSynthesizer(ms_per_letter=20)
    async with Doorway(premises_of(fake_engines(synthesizer=mouth))) as door:
        voice = await opened(door.address, voices=["heart", "emma"])
        sound = await spoken(voice, speaking=Speaking(voice="emma"))
        assert len(sound) == len(TEXT) * 480
        assert np.abs(sound - 0.5).max() <= LOSS
        assert [(text, how.voice) for text, how in mouth.spoken] == [(TEXT, "emma")]
        await voice.close()
        voice = await opened(door.address, rate_hz=16_000)
        assert len(await spoken(voice)) == len(TEXT) * 320
        assert mouth.spoken[-1][1].voice is None
        await voice.close()


async def test_what_cannot_be_said_is_silence() -> None:
    """The backend is not even asked."""
    mouth = FakeSynthesizer()
    async with Doorway(premises_of(fake_engines(synthesizer=mouth))) as door:
        voice = await opened(door.address)
        assert not len(await spoken(voice, " … "))
        assert not mouth.spoken
        await voice.close()


async def test_barge_in_stops_the_voice_far_away() -> None:
    """Cancelling who waits for it does: nothing else could."""
    mouth = StuckSynthesizer()
    async with Doorway(premises_of(fake_engines(synthesizer=mouth))) as door, asyncio.timeout(10):
        voice = await opened(door.address)
        speaking = asyncio.get_running_loop().create_task(spoken(voice))
        await mouth.begun.wait()
        assert door.going_on == 1
        speaking.cancel()
        await mouth.stopped.wait()
        with pytest.raises(asyncio.CancelledError):
            await speaking
        await until(lambda: door.going_on == 0)
        await voice.close()


async def test_closing_what_it_says_stops_the_voice_far_away() -> None:
    """In the midst of its pieces."""

    async def say(request: pb.TTSRequest, context: Any) -> AsyncIterator[pb.Reply]:
        yield pb.Reply(audio=Pcm16().encode(TONE))
        await asyncio.Event().wait()

    backend = BareBackend({"TTSStream": say})
    async with at_work(backend) as address:
        voice = await opened(address)
        pieces = voice.speak(TEXT, Speaking())
        assert len((await anext(pieces)).pcm) == len(TONE)
        await pieces.aclose()
        await until(lambda: "TTSStream" in backend.ended)
        await voice.close()


async def test_what_fails_there_fails_here() -> None:
    """Before anything was said, or because nobody has time."""
    async with Doorway(premises_of(fake_engines(synthesizer=FakeSynthesizer(fails=True)))) as door:
        voice = await opened(door.address)
        with pytest.raises(EngineFailed, match=door.address) as failed:
            await spoken(voice)
        assert not isinstance(failed.value, EngineBusy)
        assert "hoarse" not in str(failed.value)
        await voice.close()


def saying(*replies: pb.Reply) -> BareBackend:
    async def say(request: pb.TTSRequest, context: Any) -> AsyncIterator[pb.Reply]:
        for reply in replies:
            yield reply

    return BareBackend({"TTSStream": say})


def pieces_of(data: bytes, size: int) -> list[pb.Reply]:
    return [pb.Reply(audio=data[start : start + size]) for start in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1, 7, 43, 45, 4096])
@pytest.mark.parametrize("framing", ["told", "wav", "raw"])
def test_sound_in_any_framing_and_cut_anywhere_is_the_same(framing: str, size: int) -> None:
    """Samples and headers may be cut in two."""
    tone = TONE[:480]
    samples = Pcm16().encode(tone)
    replies = {
        "told": [pb.Reply(message=b'{"sample_rate": 24000}'), *pieces_of(samples, size)],
        "wav": pieces_of(encode_wav(Audio(tone, 24_000)), size),
        "raw": pieces_of(samples, size),
    }[framing]
    stream = SoundStream(24_000)
    parts = [*(stream.push(reply).pcm for reply in replies), stream.flush().pcm]
    assert np.abs(np.concatenate(parts) - tone).max() <= LOSS


@pytest.mark.parametrize("framing", ["told", "wav"])
async def test_another_rate_is_brought_to_ours(framing: str) -> None:
    """A tone stays that tone."""
    samples = Pcm16().encode(TONE)  # 440 Hz at 24 kHz is 220 Hz at 12 kHz
    told = [pb.Reply(message=b'{"sample_rate": 12000}'), *pieces_of(samples, 999)]
    async with at_work(
        saying(*(told if framing == "told" else pieces_of(encode_wav(Audio(TONE, 12_000)), 999)))
    ) as there:
        voice = await opened(there)
        sound = await spoken(voice)
        assert len(sound) == 24_000
        assert int(np.abs(np.fft.rfft(sound)).argmax()) == 220
        await voice.close()


@pytest.mark.parametrize(
    "reply",
    [
        pb.Reply(message=b'{"sample_rate": 7}'),
        pb.Reply(audio=encode_wav(Audio(TONE[:10], 24_000)).replace(b"\x01\x00\x01\x00", b"\x01\x00\x02\x00", 1)),
        pb.Reply(audio=b"RIFF" + bytes(70_000)),
    ],
)
async def test_sound_that_nobody_can_play_fails(reply: pb.Reply) -> None:
    """A rate, channels, or a header that cannot be."""
    async with at_work(saying(reply)) as address:
        voice = await opened(address)
        with pytest.raises(EngineFailed, match="the backend speaks"):
            await spoken(voice)
        await voice.close()


@pytest.mark.parametrize("message", [b"hello", b'{"\xff": 1}', b"[" * 100_000, b'{"a":' * 100_000])
async def test_what_is_no_rate_changes_none(message: bytes) -> None:
    """Whatever else a backend puts there."""
    samples = Pcm16().encode(TONE)
    async with at_work(saying(pb.Reply(message=message), pb.Reply(audio=samples))) as address:
        voice = await opened(address)
        assert np.abs(await spoken(voice) - TONE).max() <= LOSS
        await voice.close()


async def test_both_tries_together_have_one_deadline(tmp_path: Path) -> None:
    """A backend that finds out late that it only writes files has what is left for that."""
    left_s: list[float] = []

    async def say(request: pb.TTSRequest, context: Any) -> AsyncIterator[pb.Reply]:
        left_s.append(context.time_remaining())
        await until(lambda: context.time_remaining() < left_s[0] - 0.6)
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "")
        yield pb.Reply()

    async def write(request: pb.TTSRequest, context: Any) -> pb.Result:
        left_s.append(context.time_remaining())
        await asyncio.to_thread(write_wav, request.dst, Audio(TONE, 24_000))
        return pb.Result(success=True)

    async with at_work(BareBackend({"TTSStream": say, "TTS": write})) as address:
        voice = await opened(address, shared_directory=str(tmp_path), deadline_s=10)
        assert len(await spoken(voice)) == len(TONE)
        stream_s, file_s = left_s
        assert stream_s < 10.5
        assert file_s < stream_s - 0.2  # gRPC tells them to a few per cent
        await voice.close()


async def test_a_backend_that_writes_files_is_told_where(tmp_path: Path) -> None:
    """In the folder that both machines see; the file is gone afterwards."""
    asked: list[pb.TTSRequest] = []

    async def write(request: pb.TTSRequest, context: Any) -> pb.Result:
        asked.append(request)
        if request.text != "Nothing.":
            await asyncio.to_thread(write_wav, request.dst, Audio(TONE, 24_000))
        return pb.Result(success=request.text != "No.")

    async with at_work(BareBackend({"TTS": write})) as address:
        options = {"shared_directory": str(tmp_path), "model_there": "piper", "language": "fr", "voices": ["amy"]}
        voice = await opened(address, **options)
        for _ in range(2):
            assert np.abs(await spoken(voice) - TONE).max() <= LOSS
        assert (asked[0].model, asked[0].voice, asked[0].language) == ("piper", "amy", "fr")
        for text in ("Nothing.", "No."):
            with pytest.raises(EngineFailed):
                await spoken(voice, text)
        assert await asyncio.to_thread(lambda: list(tmp_path.iterdir())) == []
        await voice.close()
        voice = await opened(address)
        with pytest.raises(EngineFailed, match="shared_directory"):
            await spoken(voice)
        await voice.close()
