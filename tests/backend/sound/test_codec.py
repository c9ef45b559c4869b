"""AudioEncode and AudioDecode: there and back, over several calls, and what is refused."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import grpc
import numpy as np
import pytest

from realtime.audio import Audio, Pcm
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.sound.codec import BESIDE_BYTES, MOST_FRAMES, STEP_FRAMES, Codec
from realtime.backend.sound.codings import IDLE_S, LONGEST_NAME, Shelf
from realtime.backend.threads import Threads
from realtime.codecs.g711 import ulaw
from realtime.codecs.opus import OpusDecoder, OpusEncoder
from realtime.codecs.pcm16 import Pcm16
from realtime.codecs.resample import resample
from realtime.errors import EngineBusy, InvalidRequest
from tests.backend.doorway import Doorway, refusal
from tests.backend.rooms import premises_of
from tests.codecs.signals import noise, sine, snr_db
from tests.server.house import until

DELAY_SAMPLES = 312
"""Of Opus."""


@pytest.fixture
def codec() -> Codec:
    return codec_with()


def codec_with(**grpc: Any) -> Codec:
    """One with those settings."""
    return Codec(premises_of(**grpc), Threads(2, "coding"))


def pcm16(pcm: Pcm) -> bytes:
    return Pcm16().encode(pcm)


def sound(result: pb.AudioDecodeResult) -> Pcm:
    return Pcm16().decoder().decode(result.pcm_data)


async def test_opus_there_and_back(codec: Codec) -> None:
    sent = sine(440, 48_000, 48_000)
    encoded = await codec.audio_encode(pb.AudioEncodeRequest(pcm_data=pcm16(sent), sample_rate=48_000, channels=1))
    assert (len(encoded.frames), encoded.sample_rate, encoded.samples_per_frame) == (50, 48_000, 960)
    decoded = await codec.audio_decode(pb.AudioDecodeRequest(frames=encoded.frames))
    assert (decoded.sample_rate, decoded.samples_per_frame) == (48_000, 960)
    assert len(sound(decoded)) == 48_000
    assert snr_db(sent[4800:-DELAY_SAMPLES], sound(decoded)[4800 + DELAY_SAMPLES :]) > 25  # measured 33 dB


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 24_000, 44_100, 192_000])
async def test_sound_of_any_rate_is_encoded(codec: Codec, rate_hz: int) -> None:
    sent = sine(440, rate_hz, rate_hz)
    encoded = await codec.audio_encode(pb.AudioEncodeRequest(pcm_data=pcm16(sent), sample_rate=rate_hz))
    got = sound(await codec.audio_decode(pb.AudioDecodeRequest(frames=encoded.frames)))
    wanted = sine(440, 48_000, 48_000)
    assert len(encoded.frames) == 50
    assert snr_db(wanted[4800:40_000], got[4800 + DELAY_SAMPLES : 40_000 + DELAY_SAMPLES]) > 25


async def test_two_channels_become_one(codec: Codec) -> None:
    left, right = sine(440, 48_000, 9600), noise(9600)
    both = np.stack((left, right), axis=1).reshape(-1)
    two = await codec.audio_encode(pb.AudioEncodeRequest(pcm_data=pcm16(both), channels=2, options={"codec": "pcmu"}))
    one = await codec.audio_encode(
        pb.AudioEncodeRequest(pcm_data=pcm16(0.5 * left + 0.5 * right), options={"codec": "pcmu"})
    )
    loudest = max(np.abs(_codes(two) - _codes(one)))
    assert loudest <= 0.02  # of a step: the average of two rounded samples is not the rounded average


def _codes(result: pb.AudioEncodeResult) -> Pcm:
    return ulaw().decoder().decode(b"".join(result.frames))


@pytest.mark.parametrize(("name", "least_db"), [("pcmu", 35), ("pcma", 35)])
async def test_telephone_sound_there_and_back(codec: Codec, name: str, least_db: float) -> None:
    sent = sine(440, 8000, 8000)
    options = {"codec": name}
    encoded = await codec.audio_encode(pb.AudioEncodeRequest(pcm_data=pcm16(sent), options=options))
    assert (encoded.sample_rate, encoded.samples_per_frame) == (8000, 160)
    assert [len(frame) for frame in encoded.frames] == [160] * 50
    decoded = await codec.audio_decode(pb.AudioDecodeRequest(frames=encoded.frames, options=options))
    assert (decoded.sample_rate, decoded.samples_per_frame) == (8000, 160)
    assert snr_db(sent, sound(decoded)) > least_db


async def test_without_a_stream_nothing_is_held_back(codec: Codec) -> None:
    """The last frame is filled up with silence."""
    for samples, frames in ((1, 1), (960, 1), (961, 2), (0, 0)):
        request = pb.AudioEncodeRequest(pcm_data=pcm16(noise(samples)), sample_rate=48_000)
        assert len((await codec.audio_encode(request)).frames) == frames


@pytest.mark.parametrize(("name", "rate_hz"), [("opus", 48_000), ("opus", 16_000), ("pcmu", 8000), ("pcma", 24_000)])
async def test_a_stream_goes_on_from_call_to_call(codec: Codec, name: str, rate_hz: int) -> None:
    """Its frames are those of one call with all of it, however it is cut."""
    data = pcm16(noise(rate_hz))
    options = {"codec": name}
    whole = await codec.audio_encode(pb.AudioEncodeRequest(pcm_data=data, sample_rate=rate_hz, options=options))
    options["stream_id"] = "a"
    frames: list[bytes] = []
    for start in range(0, len(data), 1234):
        part = pb.AudioEncodeRequest(pcm_data=data[start : start + 1234], sample_rate=rate_hz, options=options)
        frames += (await codec.audio_encode(part)).frames
    frames += (await codec.audio_encode(pb.AudioEncodeRequest(options={**options, "drain": "true"}))).frames
    assert frames == list(whole.frames)


async def test_a_stream_drained_goes_on_at_any_rate(codec: Codec) -> None:
    options = {"stream_id": "a"}
    request = pb.AudioEncodeRequest(pcm_data=pcm16(noise(100)), sample_rate=16_000, options=options)
    assert not (await codec.audio_encode(request)).frames
    other = pb.AudioEncodeRequest(pcm_data=pcm16(noise(100)), sample_rate=24_000, options=options)
    with pytest.raises(InvalidRequest, match="'sample_rate' was 16000"):
        await codec.audio_encode(other)
    assert len((await codec.audio_encode(pb.AudioEncodeRequest(options={**options, "drain": "true"}))).frames) == 1
    assert not (await codec.audio_encode(other)).frames


async def test_what_is_aborted_or_closed_is_forgotten(codec: Codec) -> None:
    first = pb.AudioEncodeRequest(pcm_data=pcm16(noise(960)), options={"stream_id": "a"})
    begun = (await codec.audio_encode(first)).frames
    part = pb.AudioEncodeRequest(pcm_data=pcm16(noise(500)), options={"stream_id": "a"})
    await codec.audio_encode(part)
    await codec.audio_encode(pb.AudioEncodeRequest(options={"stream_id": "a", "abort": "true"}))
    drain = pb.AudioEncodeRequest(options={"stream_id": "a", "drain": "true"})
    assert not (await codec.audio_encode(drain)).frames
    assert (await codec.audio_encode(first)).frames != begun  # the stream goes on: it knows what came before
    closed = await codec.audio_encode(pb.AudioEncodeRequest(options={"stream_id": "a", "close": "true"}))
    assert (list(closed.frames), closed.sample_rate, closed.samples_per_frame) == ([], 48_000, 960)
    assert (await codec.audio_encode(first)).frames == begun


async def test_a_stream_is_decoded_from_call_to_call(codec: Codec) -> None:
    encoded = await codec.audio_encode(pb.AudioEncodeRequest(pcm_data=pcm16(noise(9600)), sample_rate=48_000))
    frames = list(encoded.frames)
    whole = (await codec.audio_decode(pb.AudioDecodeRequest(frames=frames))).pcm_data
    parts = b""
    for number, frame in enumerate(frames):
        options = {"session_id": "a", "close": str(number == len(frames) - 1).lower()}
        parts += (await codec.audio_decode(pb.AudioDecodeRequest(frames=[frame], options=options))).pcm_data
    assert parts == whole
    again = await codec.audio_decode(pb.AudioDecodeRequest(frames=frames[:1], options={"session_id": "a"}))
    assert again.pcm_data == whole[: 2 * 960]


async def test_nothing_is_decoded_into_nothing(codec: Codec) -> None:
    nothing = await codec.audio_decode(pb.AudioDecodeRequest())
    assert (nothing.pcm_data, nothing.sample_rate, nothing.samples_per_frame) == (b"", 48_000, 960)


async def test_frames_of_other_lengths_are_decoded(codec: Codec) -> None:
    """A damaged packet that still is one, and so short that it says nothing, is concealed."""
    encoded = await codec.audio_encode(pb.AudioEncodeRequest(pcm_data=pcm16(noise(960)), sample_rate=48_000))
    frame = encoded.frames[0]
    double = bytes([frame[0] | 1]) + frame[1:] + frame[1:]  # RFC 6716, 3.2.3: two frames of one size
    decoded = await codec.audio_decode(pb.AudioDecodeRequest(frames=[double, frame]))
    assert (decoded.samples_per_frame, len(sound(decoded))) == (1920, 2880)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"channels": 3}, "channels"),
        ({"channels": -1}, "channels"),
        ({"sample_rate": 7999}, "sample_rate"),
        ({"sample_rate": 192_001}, "sample_rate"),
        ({"sample_rate": -1}, "sample_rate"),
        ({"sample_rate": 8001, "pcm_data": bytes(100)}, "sample_rate"),
        ({"pcm_data": b"abc"}, "pcm_data"),
        ({"pcm_data": b"abcdef", "channels": 2}, "pcm_data"),
        ({"options": {"codec": "mp3"}}, "options.codec"),
        ({"options": {"bitrate": "fast"}}, "options.bitrate"),
        ({"options": {"bitrate": "5999"}}, "options.bitrate"),
        ({"options": {"bitrate": "256001"}}, "options.bitrate"),
        ({"options": {"application": "music"}}, "options.application"),
        ({"options": {"drain": "perhaps"}}, "options.drain"),
        ({"options": {"complexity": "3"}}, "options.complexity"),
    ],
)
async def test_what_cannot_be_encoded_is_named(codec: Codec, fields: dict[str, object], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await codec.audio_encode(pb.AudioEncodeRequest(**{"pcm_data": b"", **fields}))  # type: ignore[arg-type]
    assert refused.value.param == param
    assert param.rpartition(".")[2] in str(refused.value)


async def test_a_damaged_frame_is_named() -> None:
    """And harms no other call."""
    async with Doorway(premises_of()) as door:
        encoded = await door.stub.AudioEncode(pb.AudioEncodeRequest(pcm_data=pcm16(noise(1920)), sample_rate=48_000))
        frames = [*encoded.frames, b"\xff"]
        status, message = await refusal(door.stub.AudioDecode(pb.AudioDecodeRequest(frames=frames)))
        assert status is grpc.StatusCode.INVALID_ARGUMENT
        assert "frames[2]" in message
        assert len((await door.stub.AudioDecode(pb.AudioDecodeRequest(frames=encoded.frames))).pcm_data) == 2 * 1920


async def test_calls_for_one_stream_take_turns(codec: Codec) -> None:
    """Also when one of them is cancelled while it works."""
    options = {"stream_id": "a"}
    data = pcm16(noise(48_000))
    request = pb.AudioEncodeRequest(pcm_data=data, options=options)
    async with asyncio.TaskGroup() as tasks:
        given_up = tasks.create_task(codec.audio_encode(request))
        await asyncio.sleep(0)
        others = [tasks.create_task(codec.audio_encode(request)) for _ in range(3)]
        given_up.cancel()
    in_turn = [frame for other in others for frame in other.result().frames]
    whole = await codec.audio_encode(pb.AudioEncodeRequest(pcm_data=data * 4))
    assert in_turn == list(whole.frames)[50:]


async def test_streams_are_counted_and_the_idle_ones_forgotten() -> None:
    now_s = 0.0
    shelf: Shelf[object] = Shelf(2, lambda: now_s)
    async with shelf.take("a", object) as first:
        async with shelf.take("b", object):
            with pytest.raises(EngineBusy, match="2 streams"):
                async with shelf.take("c", object):
                    pass
            now_s = IDLE_S + 1
            with pytest.raises(EngineBusy):  # both are at work, however long ago they were named
                async with shelf.take("c", object):
                    pass
        now_s += IDLE_S + 1
        async with shelf.take("c", object):  # "b" is idle, though "a", still at work, was named before it
            pass
    async with shelf.take("a", object) as again:
        assert again is first
    now_s += IDLE_S + 1
    async with shelf.take("a", object) as another:
        assert another is not first


async def test_an_idle_stream_goes_though_nobody_calls() -> None:
    shelf: Shelf[object] = Shelf(idle_s=0.01)
    async with shelf.take("a", object):
        async with shelf.take("b", object):
            pass
        await until(lambda: len(shelf) == 1)
    await until(lambda: len(shelf) == 0)


async def test_a_stream_has_a_short_name(codec: Codec) -> None:
    fitting = "a" * LONGEST_NAME
    await codec.audio_encode(pb.AudioEncodeRequest(options={"stream_id": fitting}))
    await codec.audio_decode(pb.AudioDecodeRequest(options={"session_id": fitting}))
    with pytest.raises(InvalidRequest, match=r"'options\.stream_id'.*<= 128"):
        await codec.audio_encode(pb.AudioEncodeRequest(options={"stream_id": fitting + "a"}))
    with pytest.raises(InvalidRequest, match=r"'options\.session_id'.*<= 128"):
        await codec.audio_decode(pb.AudioDecodeRequest(options={"session_id": fitting + "a"}))


LONG_PACKET = bytes([0b00011_0_11, 2])
"""Of 120 ms in 2 bytes: two frames of 60 ms (RFC 6716, 3.2.5) with nothing in them."""


@pytest.mark.parametrize("options", [{}, {"session_id": "a"}])
async def test_a_few_bytes_do_not_become_gigabytes(options: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What makes more than an answer may hold is refused when it does, with little more decoded than that."""
    decoded: list[int] = []
    decode = OpusDecoder.decode

    def counted(decoder: OpusDecoder, packet: bytes) -> Pcm:
        made = decode(decoder, packet)
        decoded.append(len(made))
        return made

    monkeypatch.setattr(OpusDecoder, "decode", counted)
    codec = codec_with(max_message_bytes=1 << 20)
    frames = [LONG_PACKET] * 20_000  # 40 kB that hold 230 MB
    with pytest.raises(InvalidRequest, match=r"'frames' makes an answer of more.*grpc\.max_message_bytes") as refused:
        await codec.audio_decode(pb.AudioDecodeRequest(frames=frames, options=options))
    assert (refused.value.reason, refused.value.param) == ("out_of_range", "frames")
    assert 2 * sum(decoded) + BESIDE_BYTES > 1 << 20
    assert 2 * sum(decoded) < (1 << 20) + 2 * STEP_FRAMES * 5760
    decoded.clear()
    fitting = await codec.audio_decode(pb.AudioDecodeRequest(frames=frames[:90]))
    assert len(fitting.pcm_data) == 2 * 90 * 5760


async def test_frames_are_counted(codec: Codec) -> None:
    """Before any is decoded: the first is damaged, and that is not what is said."""
    for options in ({}, {"codec": "pcmu"}):
        frames = [b""] * (MOST_FRAMES + 1)
        with pytest.raises(InvalidRequest, match=f"'frames' has {MOST_FRAMES + 1} items") as refused:
            await codec.audio_decode(pb.AudioDecodeRequest(frames=frames, options=options))
        assert (refused.value.reason, refused.value.param) == ("out_of_range", "frames")


async def test_telephone_sound_too_long_for_an_answer_is_refused() -> None:
    """Also in one frame."""
    codec = codec_with(max_message_bytes=1 << 16)
    with pytest.raises(InvalidRequest, match="'frames' makes an answer of more") as refused:
        await codec.audio_decode(pb.AudioDecodeRequest(frames=[bytes(1 << 15)], options={"codec": "pcma"}))
    assert refused.value.reason == "out_of_range"


async def test_sound_that_makes_too_many_frames_is_refused() -> None:
    """Little sound at a high bitrate is more than it was."""
    codec = codec_with(max_message_bytes=1 << 16)
    request = pb.AudioEncodeRequest(pcm_data=pcm16(noise(10 * 8000)), sample_rate=8000, options={"bitrate": "256000"})
    with pytest.raises(InvalidRequest, match="'pcm_data' makes an answer of more") as refused:
        await codec.audio_encode(request)
    assert (refused.value.reason, refused.value.param) == ("out_of_range", "pcm_data")


async def test_what_is_given_up_ends_soon(codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the step that runs, and the stream is free for the next call."""
    begun = threading.Event()
    decoded: list[int] = []
    decode = OpusDecoder.decode

    def counted(decoder: OpusDecoder, packet: bytes) -> Pcm:
        begun.set()
        decoded.append(1)
        return decode(decoder, packet)

    monkeypatch.setattr(OpusDecoder, "decode", counted)
    options = {"session_id": "a"}
    working = asyncio.create_task(
        codec.audio_decode(pb.AudioDecodeRequest(frames=[LONG_PACKET] * 5000, options=options))
    )
    await asyncio.to_thread(begun.wait)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert len(decoded) <= 3 * STEP_FRAMES
    once = await codec.audio_decode(pb.AudioDecodeRequest(frames=[LONG_PACKET], options=options))
    assert once.samples_per_frame == 5760


async def test_encoding_that_is_given_up_ends_soon(codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a second of sound or two."""
    begun = threading.Event()
    pushed: list[int] = []
    push = OpusEncoder.push

    def counted(encoder: OpusEncoder, pcm: Pcm) -> list[bytes]:
        begun.set()
        pushed.append(len(pcm))
        return push(encoder, pcm)

    monkeypatch.setattr(OpusEncoder, "push", counted)
    working = asyncio.create_task(codec.audio_encode(pb.AudioEncodeRequest(pcm_data=bytes(2 * 60 * 48_000))))
    await asyncio.to_thread(begun.wait)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert sum(pushed) <= 5 * 48_000


async def test_speech_resampled_for_opus_is_as_from_a_file(codec: Codec) -> None:
    """The streaming resampler does what the one for files does."""
    sent = sine(300, 16_000, 16_000) + sine(2500, 16_000, 16_000, 0.2)
    encoded = await codec.audio_encode(pb.AudioEncodeRequest(pcm_data=pcm16(sent), sample_rate=16_000))
    got = sound(await codec.audio_decode(pb.AudioDecodeRequest(frames=encoded.frames)))
    wanted = resample(Audio(sent, 16_000), 48_000).pcm
    assert snr_db(wanted[4800:40_000], got[4800 + DELAY_SAMPLES : 40_000 + DELAY_SAMPLES]) > 20
