"""Sound as `TTSStream` gives it: 16-bit samples of one channel, in pieces of any length.

LocalAI's backends tell the rate first, in a message with the JSON `{"sample_rate": …}`. Some begin the sound with the
header of a WAV file instead, and some say nothing at all.
"""

from __future__ import annotations

import struct

import msgspec
import numpy as np

from realtime.audio import Audio, Pcm
from realtime.backend.pb import backend_pb2 as pb
from realtime.codecs.pcm16 import Pcm16Decoder
from realtime.codecs.resample import Resampler
from realtime.errors import EngineFailed, InvalidRequest
from realtime.structs import Frozen

LONGEST_HEADER_BYTES = 1 << 16

_SLOWEST_HZ, _FASTEST_HZ = 1_000, 384_000


class _Told(Frozen):
    sample_rate: int = 0


class SoundStream:
    """One spoken text, brought to `rate_hz`. A rate that is not told is taken for that."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._resampler = Resampler(rate_hz, rate_hz)
        self._decoder = Pcm16Decoder()
        self._header = b""
        self._begun = False
        """Whether what comes now is samples."""

    def push(self, reply: pb.Reply) -> Audio:
        """What `reply` adds, which may be nothing. Raises `EngineFailed` for a header or a rate that cannot be."""
        if reply.message and not self._begun:
            self._hear_rate(reply.message)
        samples = reply.audio if self._begun else self._after_header(reply.audio)
        return self._audio(self._resampler.push(self._decoder.decode(samples)))

    def flush(self) -> Audio:
        """The end of it."""
        rest = b"" if self._begun else self._header  # shorter than any header
        pushed = self._resampler.push(self._decoder.decode(rest))
        return self._audio(np.concatenate((pushed, self._resampler.flush())))

    def _hear_rate(self, message: bytes) -> None:
        try:
            told = msgspec.json.decode(message, type=_Told)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return  # it says something else
        if told.sample_rate:
            self._set_rate(told.sample_rate)

    def _set_rate(self, rate_hz: int) -> None:
        if not _SLOWEST_HZ <= rate_hz <= _FASTEST_HZ:
            raise EngineFailed(f"the backend speaks at {rate_hz} Hz, which nobody hears")
        try:
            self._resampler = Resampler(rate_hz, self._rate_hz)
        except InvalidRequest as problem:
            raise EngineFailed(f"the backend speaks at {rate_hz} Hz: {problem}") from problem

    def _after_header(self, data: bytes) -> bytes:
        """The samples after a WAV header, once it is there; all of it where there is none."""
        self._header += data
        held = self._header
        if len(held) >= 4 and not held.startswith(b"RIFF"):
            self._begun, self._header = True, b""
            return held
        place = 12
        while len(held) >= place + 8:
            name, size = struct.unpack_from("<4sI", held, place)
            if name == b"data":
                self._begun, self._header = True, b""
                return held[place + 8 :]
            if name == b"fmt " and len(held) >= place + 24:
                self._read_format(held[place + 8 : place + 24])
            place += 8 + size + size % 2
        if len(held) > LONGEST_HEADER_BYTES:
            raise EngineFailed("the backend speaks in a WAV file whose header has no end")
        return b""

    def _read_format(self, chunk: bytes) -> None:
        form, channels, rate_hz, _, _, bits = struct.unpack("<HHIIHH", chunk)
        if form not in (1, 0xFFFE) or channels != 1 or bits != 16:
            raise EngineFailed(
                f"the backend speaks in {channels} channels of {bits} bits (format {form}), not in one of 16"
            )
        self._set_rate(rate_hz)

    def _audio(self, pcm: Pcm) -> Audio:
        return Audio(pcm, self._rate_hz)
