"""Sound as telephones and browsers send it: `AudioEncode`, `AudioDecode`.

As with LocalAI's own codec backend, Opus is what is spoken where nothing else is asked for; a stream that is to go on
in another call is given a name, and one without a name begins and ends with its call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Annotated, Literal, TypeAlias

import numpy as np
from msgspec import Meta

from realtime.audio import Pcm
from realtime.backend.codings import FRAMES_PER_SECOND, Encoder, Encoding, G711Encoder, Shelf, in_thread
from realtime.backend.params import read_params
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.premises import Premises
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
from realtime.structs import Strict

SLOWEST_HZ, FASTEST_HZ = 8_000, 192_000

CodecName: TypeAlias = Literal["opus", "pcmu", "pcma"]

_LAWS: Mapping[str, G711] = MappingProxyType({"pcmu": ulaw(), "pcma": alaw()})


class EncodeOptions(Strict):
    """`AudioEncodeRequest.options`."""

    codec: CodecName = "opus"
    bitrate: Annotated[int, Meta(ge=LOWEST_BITRATE, le=HIGHEST_BITRATE)] = BITRATE
    """Bits a second of Opus; chosen when a stream begins."""
    application: Application = "audio"
    """What Opus is to be good at; chosen when a stream begins."""
    stream_id: str = ""
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
    session_id: str = ""
    """The stream that this call goes on with, or begins; none is one that ends with the call."""
    close: bool = False
    """Whether the stream is over after these frames."""


class Codec:
    """Answers them."""

    def __init__(self, premises: Premises) -> None:
        self._encodings: Shelf[Encoding] = Shelf()
        self._decoders: Shelf[OpusDecoder] = Shelf()

    async def audio_encode(self, request: pb.AudioEncodeRequest) -> pb.AudioEncodeResult:
        """Frames of 20 ms of `pcm_data`: 16-bit little-endian samples at `sample_rate`, 8 to 192 kHz (0 is that of
        the codec), of one channel or of two, interleaved, which become one.

        Raises `InvalidRequest` for what is none of that, `EngineBusy` for too many streams. Cancelling leaves a stream
        as if the call had been answered.
        """
        options = read_params(request.options, EncodeOptions, "options")
        _check_sound(request)

        def make() -> Encoding:
            return Encoding(_encoder(options))

        if not options.stream_id:
            return await in_thread(lambda: _encoded(make(), request, drain=True))
        name = f"{options.codec} {options.stream_id}"
        if options.close:
            self._encodings.forget(name)
            return _frames(_encoder(options))
        async with self._encodings.take(name, make) as encoding:
            if options.abort:
                encoding.abort()
                return _frames(encoding.encoder)
            return await in_thread(lambda: _encoded(encoding, request, drain=options.drain))

    async def audio_decode(self, request: pb.AudioDecodeRequest) -> pb.AudioDecodeResult:
        """The sound of `frames`, whole ones, as 16-bit little-endian samples of one channel at the codec's rate.

        Raises `InvalidRequest` for a damaged frame, by its number; of a stream, those before it are decoded and lost.
        Raises `EngineBusy` for too many streams. Cancelling leaves a stream as if the call had been answered.
        """
        options = read_params(request.options, DecodeOptions, "options")
        frames = list(request.frames)
        if options.codec != "opus":
            law = _LAWS[options.codec]
            return await in_thread(lambda: _decoded(law.decoder().decode, frames, law.rate_hz))
        if not options.session_id:
            return await in_thread(lambda: _decoded(OpusDecoder().decode, frames, OpusDecoder.rate_hz))
        async with self._decoders.take(options.session_id, OpusDecoder) as decoder:
            if options.close:
                self._decoders.forget(options.session_id)
            return await in_thread(lambda: _decoded(decoder.decode, frames, decoder.rate_hz))


def _check_sound(request: pb.AudioEncodeRequest) -> None:
    channels = request.channels or 1
    if channels not in (1, 2):
        raise InvalidRequest(f"'channels' must be 1 or 2, not {channels}.", param="channels")
    if request.sample_rate and not SLOWEST_HZ <= request.sample_rate <= FASTEST_HZ:
        message = f"'sample_rate' must be {SLOWEST_HZ} to {FASTEST_HZ}, or 0, not {request.sample_rate}."
        raise InvalidRequest(message, param="sample_rate")
    if len(request.pcm_data) % (2 * channels):
        message = f"'pcm_data' must hold whole samples: 2 bytes for each of {channels} channels."
        raise InvalidRequest(message, param="pcm_data")


def _sound(request: pb.AudioEncodeRequest) -> Pcm:
    """One channel of what is to be encoded. Blocks."""
    pcm = Pcm16().decoder().decode(request.pcm_data)
    return pcm.reshape(-1, 2).mean(axis=1, dtype=np.float32) if request.channels == 2 else pcm


def _encoder(options: EncodeOptions) -> Encoder:
    if options.codec == "opus":
        return OpusEncoder(options.bitrate, options.application)
    return G711Encoder(_LAWS[options.codec])


def _encoded(encoding: Encoding, request: pb.AudioEncodeRequest, *, drain: bool) -> pb.AudioEncodeResult:
    """Blocks."""
    frames = encoding.push(_sound(request), request.sample_rate or encoding.encoder.rate_hz) if request.pcm_data else []
    return _frames(encoding.encoder, frames + encoding.drain() if drain else frames)


def _frames(encoder: Encoder, frames: Iterable[bytes] = ()) -> pb.AudioEncodeResult:
    return pb.AudioEncodeResult(frames=frames, sample_rate=encoder.rate_hz, samples_per_frame=encoder.frame_samples)


def _decoded(decode: Callable[[bytes], Pcm], frames: list[bytes], rate_hz: int) -> pb.AudioDecodeResult:
    """Blocks. The length of a frame is that of the first; where there is none, the usual one."""
    sounds: list[Pcm] = []
    for number, frame in enumerate(frames):
        try:
            sounds.append(decode(frame))
        except InvalidRequest as problem:
            field = f"frames[{number}]"
            raise InvalidRequest(f"'{field}': {problem.message}", param=field) from problem
    return pb.AudioDecodeResult(
        pcm_data=b"".join(Pcm16().encode(sound) for sound in sounds),
        sample_rate=rate_hz,
        samples_per_frame=len(sounds[0]) if sounds else rate_hz // FRAMES_PER_SECOND,
    )
