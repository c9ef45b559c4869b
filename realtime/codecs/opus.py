"""Opus (RFC 6716), the codec of WebRTC: float32 mono at 48 kHz ⇄ packets of 20 ms.

An encoder and a decoder are one stream each, for a packet means something only after those before it. libopus comes in
the `av` wheel, which faster-whisper brings along, under FFmpeg's name for it. What is encoded comes out of a decoder
`delay_samples` later: the encoder looks so far ahead.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame

from realtime.audio import Framer, Pcm
from realtime.codecs.pcm16 import quantize
from realtime.errors import InvalidRequest

RATE_HZ = 48_000
FRAME_SAMPLES = 960
"""20 ms, what WebRTC sends."""

BITRATE = 64_000
LOWEST_BITRATE, HIGHEST_BITRATE = 6_000, 256_000
"""The least that is speech, and the most that one channel may have."""

Application: TypeAlias = Literal["voip", "audio", "lowdelay"]
"""What libopus is to be good at: speech that is understood, sound as it was, or little delay."""

_PRE_SKIP = slice(10, 12)
"""Where the header that libopus is described by says how far it looks ahead (RFC 7845, 5.1)."""


class OpusEncoder:
    """One stream of packets."""

    rate_hz = RATE_HZ
    frame_samples = FRAME_SAMPLES

    def __init__(self, bitrate: int = BITRATE, application: Application = "audio") -> None:
        """`bitrate` in bits a second, `LOWEST_BITRATE` to `HIGHEST_BITRATE`."""
        self._bitrate = bitrate
        self._application = application
        self.reset()

    @property
    def delay_samples(self) -> int:
        """How much later what is encoded comes out of a decoder: 312, or 120 with `lowdelay`."""
        return int.from_bytes((self._context.extradata or b"")[_PRE_SKIP], "little")

    def push(self, pcm: Pcm) -> list[bytes]:
        """The packets that are now complete, one for each `frame_samples`. Beyond [-1, 1] is clipped, NaN is silence.

        However the sound is cut into pieces, the packets are the same.
        """
        return [packet for frame in self._framer.push(pcm) for packet in self._packets(frame)]

    def flush(self) -> list[bytes]:
        """The rest, filled up with silence to a whole packet; more may be pushed afterwards.

        The last `delay_samples` come out of a decoder with the packet after these.
        """
        rest = self._framer.flush()
        return self._packets(np.pad(rest, (0, FRAME_SAMPLES - len(rest)))) if len(rest) else []

    def drop(self) -> None:
        """Forget what no packet holds yet; the stream goes on."""
        self._framer.flush()

    def reset(self) -> None:
        """Begin a new stream; what was on its way is lost."""
        self._framer = Framer(FRAME_SAMPLES)
        self._context = _context("w")
        self._context.bit_rate = self._bitrate
        self._context.options = {"application": self._application, "frame_duration": "20"}
        self._context.open()

    def _packets(self, pcm: Pcm) -> list[bytes]:
        frame = AudioFrame.from_ndarray(quantize(pcm)[None], format="s16", layout="mono")
        frame.sample_rate = RATE_HZ
        return [bytes(packet) for packet in self._context.encode(frame)]


class OpusDecoder:
    """One stream of packets, whatever their length, and whether they hold one channel or two: two become one."""

    rate_hz = RATE_HZ

    def __init__(self) -> None:
        self.reset()

    def decode(self, packet: bytes) -> Pcm:
        """The sound of the next packet, shape (n,), in [-1, 1): 2.5 to 120 ms of it.

        Raises `InvalidRequest` for what is no packet; the stream then goes on as if it had not come.
        """
        if not packet:
            raise InvalidRequest("An Opus packet is not empty.")
        try:
            frames = self._context.decode(av.Packet(packet))
        except av.FFmpegError as problem:
            raise InvalidRequest("This is no Opus packet.") from problem
        return np.concatenate([_sound(frame) for frame in frames]) if frames else np.zeros(0, np.float32)

    def reset(self) -> None:
        """Begin a new stream."""
        self._context = _context("r")


def _context(mode: Literal["r", "w"]) -> AudioCodecContext:
    context: Any = av.CodecContext.create("libopus", mode)
    context.sample_rate = RATE_HZ
    context.layout = "mono"
    context.format = "s16"
    assert isinstance(context, AudioCodecContext)
    return context


def _sound(frame: AudioFrame) -> Pcm:
    samples: Pcm = frame.to_ndarray().reshape(-1).astype(np.float32) / np.float32(32768)
    return samples
