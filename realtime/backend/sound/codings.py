"""Streams of sound that are encoded or decoded over several calls, which name them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Generic, Protocol, TypeVar

import numpy as np

from realtime.audio import Framer, Pcm
from realtime.codecs.g711 import G711
from realtime.codecs.resample import Resampler
from realtime.errors import EngineBusy, InvalidRequest

FRAMES_PER_SECOND = 50
"""What telephones and browsers send."""

IDLE_S = 60.0
"""A stream that nobody has named for so long is forgotten, as LocalAI does it."""

LIMIT = 1024
"""Streams at once that are encoded, each 80 kB whatever waits in it, and as many, of 35 kB, that are decoded; one more
is refused."""

LONGEST_NAME = 128
"""Characters of what a stream is called."""


class Encoder(Protocol):
    """Makes frames of one format."""

    @property
    def rate_hz(self) -> int: ...

    @property
    def frame_samples(self) -> int: ...

    def push(self, pcm: Pcm) -> list[bytes]:
        """The frames that are now complete."""
        ...

    def flush(self) -> list[bytes]:
        """The rest, filled up with silence to a whole frame."""
        ...

    def drop(self) -> None:
        """Forget what no frame holds yet."""
        ...


class G711Encoder:
    """G.711 in frames of 20 ms, as telephones send it."""

    def __init__(self, law: G711) -> None:
        self._law = law
        self.rate_hz = law.rate_hz
        self.frame_samples = law.rate_hz // FRAMES_PER_SECOND
        self._framer = Framer(self.frame_samples)

    def push(self, pcm: Pcm) -> list[bytes]:
        """The frames that are now complete."""
        return [self._law.encode(frame) for frame in self._framer.push(pcm)]

    def flush(self) -> list[bytes]:
        """The rest, filled up with silence to a whole frame."""
        rest = self._framer.flush()
        return [self._law.encode(np.pad(rest, (0, self.frame_samples - len(rest))))] if len(rest) else []

    def drop(self) -> None:
        """Forget what no frame holds yet."""
        self._framer.flush()


def resampler(from_hz: int, to_hz: int, field: str) -> Resampler:
    """A stream from one rate to another. Raises `InvalidRequest`, naming the field, for rates no filter can join."""
    try:
        return Resampler(from_hz, to_hz)
    except InvalidRequest as problem:
        raise InvalidRequest(f"'{field}': {problem.message}", param=field) from problem


class Encoding:
    """One stream being encoded, from any rate that stays the same until the stream is drained."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self._from_hz = 0
        self._resampler: Resampler | None = None

    def push(self, pcm: Pcm, rate_hz: int) -> list[bytes]:
        """The frames that `pcm` completes; raises `InvalidRequest` for another rate than before."""
        if self._resampler is None:
            self._resampler = resampler(rate_hz, self.encoder.rate_hz, "sample_rate")
            self._from_hz = rate_hz
        elif rate_hz != self._from_hz:
            message = f"'sample_rate' was {self._from_hz} before; another needs a new stream, or the old one drained."
            raise InvalidRequest(message, param="sample_rate")
        return self.encoder.push(self._resampler.push(pcm))

    def drain(self) -> list[bytes]:
        """The rest, filled up with silence to a whole frame. The stream goes on, at any rate."""
        rest = self.encoder.push(self._resampler.flush()) if self._resampler else []
        self._resampler = None
        return rest + self.encoder.flush()

    def abort(self) -> None:
        """Forget what no frame holds yet. The stream goes on, at any rate."""
        self._resampler = None
        self.encoder.drop()


T = TypeVar("T")


@dataclass(slots=True)
class _Kept(Generic[T]):
    stream: T
    used_s: float
    """When it was last needed, by the shelf's clock."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Shelf(Generic[T]):
    """Streams by their names. `now_s` is any clock that only goes forward. Belongs to one event loop."""

    def __init__(self, limit: int = LIMIT, now_s: Callable[[], float] = monotonic, idle_s: float = IDLE_S) -> None:
        self._limit = limit
        self._now_s = now_s
        self._idle_s = idle_s
        self._kept: dict[str, _Kept[T]] = {}
        self._clearing: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._kept)

    @asynccontextmanager
    async def take(self, name: str, make: Callable[[], T]) -> AsyncGenerator[T, None]:
        """The stream called `name`, made if there is none; nobody else has it meanwhile.

        Raises `EngineBusy` if there is room for no other. It is forgotten when nobody has named it for `idle_s`, at the
        latest as long again later, whether or not anybody names another.
        """
        if (name not in self._kept and len(self._kept) >= self._limit) or self._is_idle(name):
            self._forget_idle()
        if name not in self._kept:
            if len(self._kept) >= self._limit:
                raise EngineBusy(f"{self._limit} streams are being coded already; close one, or try again later.")
            self._kept[name] = _Kept(make(), self._now_s())
        kept = self._kept[name]
        kept.used_s = self._now_s()
        self._clear_later()
        async with kept.lock:
            try:
                yield kept.stream
            finally:
                kept.used_s = self._now_s()

    def forget(self, name: str) -> None:
        """Let the stream called `name` go, if there is one."""
        self._kept.pop(name, None)

    def _is_idle(self, name: str) -> bool:
        kept = self._kept.get(name)
        return kept is not None and not kept.lock.locked() and self._now_s() - kept.used_s > self._idle_s

    def _forget_idle(self) -> None:
        for name in [name for name in self._kept if self._is_idle(name)]:
            del self._kept[name]

    def _clear_later(self) -> None:
        if self._clearing is None:
            self._clearing = asyncio.get_running_loop().call_later(self._idle_s, self._clear)

    def _clear(self) -> None:
        self._clearing = None
        self._forget_idle()
        if self._kept:
            self._clear_later()
