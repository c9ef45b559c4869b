"""Sound between the rate of a stream and that of its conversation."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

from realtime.codecs.pcm16 import Pcm16
from realtime.codecs.resample import Resampler

SESSION_HZ: Final = 24_000
"""The rate at which conversations are held."""

_PIECE_S: Final = 1
"""So much is turned at a time: other conversations go on in between."""


async def open_resampler(from_hz: int, to_hz: int) -> StreamResampler:
    """One for these rates. Raises `InvalidRequest` if there can be none. Cancelling changes nothing."""
    return await asyncio.to_thread(StreamResampler, from_hz, to_hz)


class StreamResampler:
    """Turns one stream of 16-bit little-endian samples into another, however it is cut into pieces."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        """Raises `InvalidRequest` for rates that no filter can join. Blocks: odd rates take 0.2 s."""
        self.to_hz = to_hz
        self._codec = Pcm16()
        self._decoder = self._codec.decoder()
        self._resampler = Resampler(from_hz, to_hz)
        self._piece_bytes = 2 * from_hz * _PIECE_S

    def push(self, sound: bytes) -> Iterator[bytes]:
        """What of the stream can be told by now, in pieces; a few ms wait for what follows."""
        for start in range(0, len(sound), self._piece_bytes):
            piece = self._decoder.decode(sound[start : start + self._piece_bytes])
            if turned := self._codec.encode(self._resampler.push(piece)):
                yield turned

    def flush(self) -> bytes:
        """The end of the stream, which may be nothing; then a new one begins."""
        self._decoder.reset()
        return self._codec.encode(self._resampler.flush())
