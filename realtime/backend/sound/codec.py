"""Sound as telephones and browsers send it: `AudioEncode`, `AudioDecode`.

As with LocalAI's own codec backend, Opus is what is spoken where nothing else is asked for; a stream that is to go on
in another call is given a name, and one without a name begins and ends with its call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Annotated, Literal, TypeAlias

import numpy as np
from msgspec import Meta

from realtime.audio import HIGHEST_HZ, LOWEST_HZ, Pcm
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.premises import Premises
from realtime.backend.sound.codings import (
    FRAMES_PER_SECOND,
    LONGEST_NAME,
    Encoder,
    Encoding,
    G711Encoder,
    Shelf,
)
from realtime.backend.threads import Threads
from realtime.codecs.g711 import G711, alaw, ulaw
from realtime.codecs.opus import (
    BITRATE,
    HIGHEST_BITRATE,
    LOWEST_BITRATE,
    Application,
    OpusDecoder,
    OpusEncoder,
)
from realtime.codecs.pcm16 import Pcm16
from realtime.errors import InvalidRequest
from realtime.params import read_params
from realtime.structs import Strict

MOST_FRAMES = 65_536
"""Of one call: 22 minutes of 20 ms."""

STEP_FRAMES = 64
"""Decoded before a call that was given up is noticed: 8 s of sound at most."""

THREADS = 2
"""In which is encoded and decoded: a fast client is not served at the cost of conversations."""

BESIDE_BYTES = 8192
"""Of an answer, at most, that is neither its sound nor its frames, or the last of these."""

FRAME_BYTES = 5
"""In which an answer says how long a frame is, at most."""

CodecName: TypeAlias = Literal["opus", "pcmu", "pcma"]

StreamName: TypeAlias = Annotated[str, Meta(max_length=LONGEST_NAME)]

_LAWS: Mapping[str, G711] = MappingProxyType({"pcmu": ulaw(), "pcma": alaw()})


class EncodeOptions(Strict):
    """`AudioEncodeRequest.options`."""

    codec: CodecName = "opus"
    bitrate: Annotated[int, Meta(ge=LOWEST_BITRATE, le=HIGHEST_BITRATE)] = BITRATE
    """Bits a second of Opus; chosen when a stream begins."""
    application: Application = "audio"
    """What Opus is to be good at; chosen when a stream begins."""
    stream_id: StreamName = ""
    """The stream that this call goes on with, or begins; none is one that ends with the call."""
    drain: bool = False
    """Whether what no frame holds yet is filled up with silence, as it is without a stream."""
    abort: bool = False
    """Whether what no frame holds yet, and the sound of this call, is forgotten."""
    close: bool = False
    """Whether the stream is over: nothing is encoded."""


class DecodeOptions(Strict):
    """`AudioDecodeRequest.options`."""

    codec: CodecName = "opus"
    session_id: StreamName = ""
    """The stream that this call goes on with, or begins; none is one that ends with the call."""
    close: bool = False
    """Whether the stream is over after these frames."""


class Codec:
    """Encodes and decodes. Long calls are worked on a little at a time: what is given up, or too long, ends soon."""

    def __init__(self, premises: Premises, threads: Threads) -> None:
        """In `threads`, which nobody else's work should keep waiting: a call is a piece of somebody's conversation."""
        self._threads = threads
        self._room_bytes = premises.settings.grpc.max_message_bytes - BESIDE_BYTES
        self._encodings: Shelf[Encoding] = Shelf()
        self._decoders: Shelf[OpusDecoder] = Shelf()

    async def audio_encode(self, request: pb.AudioEncodeRequest) -> pb.AudioEncodeResult:
        """Frames of 20 ms of `pcm_data`: 16-bit little-endian samples at `sample_rate`, 8 to 192 kHz (0 is that of
        the codec), of one channel or of two, interleaved, which become one.

        Raises `InvalidRequest` for what is none of that and for more than an answer has room for, `EngineBusy` for too
        many streams. Cancelling ends it within a second of sound; a stream has heard what came before.
        """
        options = read_params(request.options, EncodeOptions, "options")
        _check_sound(request)

        def make() -> Encoding:
            return Encoding(_encoder(options))

        if not options.stream_id:
            return await self._encode(make(), request, drain=True)
        name = f"{options.codec} {options.stream_id}"
        if options.close:
            self._encodings.forget(name)
            return _frames(_encoder(options))
        async with self._encodings.take(name, make) as encoding:
            if options.abort:
                encoding.abort()
                return _frames(encoding.encoder)
            return await self._encode(encoding, request, drain=options.drain)

    async def audio_decode(self, request: pb.AudioDecodeRequest) -> pb.AudioDecodeResult:
        """The sound of `frames`, whole ones, as 16-bit little-endian samples of one channel at the codec's rate.

        Raises `InvalidRequest` for a damaged frame, by its number, and for more sound than an answer has room for; of a
        stream, the frames before it are decoded and lost. Raises `EngineBusy` for too many streams. Cancelling ends it
        within `STEP_FRAMES`; a stream has decoded what came before.
        """
        options = read_params(request.options, DecodeOptions, "options")
        if len(request.frames) > MOST_FRAMES:
            message = f"'frames' has {len(request.frames)} items; {MOST_FRAMES} are the most."
            raise InvalidRequest(message, code="out_of_range", param="frames")
        if options.codec != "opus":
            law = _LAWS[options.codec]
            self._check_room(2 * sum(map(len, request.frames)), "frames")
            return await self._decode(law.decoder().decode, request, law.rate_hz)
        if not options.session_id:
            return await self._decode(OpusDecoder().decode, request, OpusDecoder.rate_hz)
        async with self._decoders.take(options.session_id, OpusDecoder) as decoder:
            if options.close:
                self._decoders.forget(options.session_id)
            return await self._decode(decoder.decode, request, decoder.rate_hz)

    async def _encode(self, encoding: Encoding, request: pb.AudioEncodeRequest, *, drain: bool) -> pb.AudioEncodeResult:
        rate_hz, channels = request.sample_rate or encoding.encoder.rate_hz, request.channels or 1
        pcm_data = request.pcm_data  # which the message copies each time
        step_bytes = 2 * channels * rate_hz
        frames: list[bytes] = []
        size_bytes = 0
        for start in range(0, len(pcm_data), step_bytes):
            data = pcm_data[start : start + step_bytes]
            made = await self._threads.run(partial(_encoded, encoding, data, channels, rate_hz))
            size_bytes += sum(map(len, made)) + FRAME_BYTES * len(made)
            self._check_room(size_bytes, "pcm_data")
            frames += made
        if drain:
            frames += await self._threads.run(encoding.drain)
        return _frames(encoding.encoder, frames)

    async def _decode(
        self, decode: Callable[[bytes], Pcm], request: pb.AudioDecodeRequest, rate_hz: int
    ) -> pb.AudioDecodeResult:
        """The length of a frame is that of the first; where there is none, the usual one."""
        sounds: list[bytes] = []
        size_bytes = 0
        for start in range(0, len(request.frames), STEP_FRAMES):
            made = await self._threads.run(
                partial(_decoded, decode, request.frames[start : start + STEP_FRAMES], start)
            )
            size_bytes += sum(map(len, made))
            self._check_room(size_bytes, "frames")
            sounds += made
        return pb.AudioDecodeResult(
            pcm_data=await self._threads.run(partial(b"".join, sounds)),
            sample_rate=rate_hz,
            samples_per_frame=len(sounds[0]) // 2 if sounds else rate_hz // FRAMES_PER_SECOND,
        )

    def _check_room(self, size_bytes: int, field: str) -> None:
        if size_bytes > self._room_bytes:
            message = (
                f"'{field}' makes an answer of more than {self._room_bytes} bytes (setting 'grpc.max_message_bytes'); "
                "send it in several calls."
            )
            raise InvalidRequest(message, code="out_of_range", param=field)


def _check_sound(request: pb.AudioEncodeRequest) -> None:
    channels = request.channels or 1
    if channels not in (1, 2):
        raise InvalidRequest(f"'channels' must be 1 or 2, not {channels}.", param="channels")
    if request.sample_rate and not LOWEST_HZ <= request.sample_rate <= HIGHEST_HZ:
        message = f"'sample_rate' must be {LOWEST_HZ} to {HIGHEST_HZ}, or 0, not {request.sample_rate}."
        raise InvalidRequest(message, param="sample_rate")
    if len(request.pcm_data) % (2 * channels):
        message = f"'pcm_data' must hold whole samples: 2 bytes for each of {channels} channels."
        raise InvalidRequest(message, param="pcm_data")


def _encoder(options: EncodeOptions) -> Encoder:
    if options.codec == "opus":
        return OpusEncoder(options.bitrate, options.application)
    return G711Encoder(_LAWS[options.codec])


def _encoded(encoding: Encoding, data: bytes, channels: int, rate_hz: int) -> list[bytes]:
    """The frames that whole samples complete. Blocks."""
    pcm = Pcm16().decoder().decode(data)
    return encoding.push(pcm.reshape(-1, 2).mean(axis=1, dtype=np.float32) if channels == 2 else pcm, rate_hz)


def _frames(encoder: Encoder, frames: Iterable[bytes] = ()) -> pb.AudioEncodeResult:
    return pb.AudioEncodeResult(frames=frames, sample_rate=encoder.rate_hz, samples_per_frame=encoder.frame_samples)


def _decoded(decode: Callable[[bytes], Pcm], frames: Sequence[bytes], first: int) -> list[bytes]:
    """The sound of each, 16 bits a sample; `first` is the number of the first of them. Blocks."""
    sounds: list[bytes] = []
    for number, frame in enumerate(frames, first):
        try:
            sounds.append(Pcm16().encode(decode(frame)))
        except InvalidRequest as problem:
            field = f"frames[{number}]"
            raise InvalidRequest(f"'{field}': {problem.message}", param=field) from problem
    return sounds
