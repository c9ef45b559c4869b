"""A frame out for every frame in, whatever what works inside wants: another rate, pieces of another length.

What works inside (a `Maker`) takes 10 ms at a time, at a rate of its own. On the way in sound is brought to that rate
and cut into such pieces, on the way out it is brought to the stream's rate; each of the three steps holds something
back. So that there is always a whole frame to give out, the stream begins with as much silence as they ever hold back
together: `lead_samples`, the price of other rates and lengths. A frame of 10 ms at the maker's own rate costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from math import floor, gcd
from typing import Protocol

import numpy as np

from realtime.audio import Framer, Pcm
from realtime.codecs.resample import Resampler
from realtime.engines.scheduler import Scheduler
from realtime.engines.transform import Frames


class Maker(Protocol):
    """Makes sound anew, a piece at a time. It has the state of one stream."""

    rate_hz: int
    piece_samples: int
    delay_samples: int
    """How far what it gives lies behind what it is given."""
    heeds_reference: bool

    def make(self, piece: Pcm, reference: Pcm) -> Pcm:
        """The next piece, shape (piece_samples,), made anew; `reference` is silence if it is not heeded. Blocks."""
        ...


class Cadence:
    """Gives out as much as is put in, and as evenly.

    After n samples at rate f, n · t / f samples at rate t are out, rounded down: nothing drifts.
    """

    def __init__(self, frames: Frames, maker: Maker | None = None, to_hz: int | None = None) -> None:
        """Without a `maker` only the rate changes. Raises `InvalidRequest` for rates that no filter can join."""
        self.rate_hz = to_hz or frames.rate_hz
        self._frames = frames
        self._maker = maker
        inner_hz = maker.rate_hz if maker else self.rate_hz
        self._into, self._out_of = Resampler(frames.rate_hz, inner_hz), Resampler(inner_hz, self.rate_hz)
        self._near = Framer(maker.piece_samples) if maker else None
        self._far = _Reference(frames.rate_hz, maker) if maker and maker.heeds_reference else None
        arrivals = _Arrivals(frames.samples)
        arrivals = arrivals.through(self._into, frames.rate_hz, inner_hz)
        if maker:
            arrivals = arrivals.cut(maker.piece_samples, inner_hz)
        arrivals = arrivals.through(self._out_of, inner_hz, self.rate_hz)
        self.lead_samples = floor(arrivals.held_s * self.rate_hz)
        """How much silence comes out first."""
        self._ready: Pcm = np.zeros(self.lead_samples, np.float32)
        self._pushed = self._given = 0

    @property
    def delay_samples(self) -> int:
        """How far what comes out lies behind what went in, in samples of what comes out."""
        made = round(self._maker.delay_samples * self.rate_hz / self._maker.rate_hz) if self._maker else 0
        return self.lead_samples + made

    def push(self, pcm: Pcm, reference: Pcm | None) -> Pcm:
        """The frame that is due for this one, which has as many samples as every frame. Blocks."""
        if len(pcm) != self._frames.samples:
            raise ValueError(f"a frame has {self._frames.samples} samples, not {len(pcm)}")
        self._ready = np.concatenate((self._ready, self._out_of.push(self._make(self._into.push(pcm), reference))))
        self._pushed += len(pcm)
        due = self._pushed * self.rate_hz // self._frames.rate_hz - self._given
        frame, self._ready = self._ready[:due], self._ready[due:]
        self._given += due
        return frame

    def _make(self, pcm: Pcm, reference: Pcm | None) -> Pcm:
        if self._maker is None or self._near is None:
            return pcm
        pieces = self._near.push(pcm)
        played = self._far.push(reference, self._frames.samples) if self._far else [_NOTHING] * len(pieces)
        made = [self._maker.make(piece, far) for piece, far in zip(pieces, played, strict=True)]
        return np.concatenate(made) if made else _NOTHING


class _Reference:
    """What goes with the sound, cut the same way."""

    def __init__(self, rate_hz: int, maker: Maker) -> None:
        self._into = Resampler(rate_hz, maker.rate_hz)
        self._framer = Framer(maker.piece_samples)

    def push(self, reference: Pcm | None, samples: int) -> list[Pcm]:
        played = np.zeros(samples, np.float32) if reference is None else reference
        return self._framer.push(self._into.push(played))


_NOTHING: Pcm = np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True)
class _Arrivals:
    """How many samples may have come to some place: `offset`, and every multiple of `step` more."""

    step: int
    offset: int = 0
    held_s: Fraction = Fraction()
    """How much sound has been held back on the way there, at most."""

    def through(self, resampler: Resampler, from_hz: int, to_hz: int) -> _Arrivals:
        """What comes out of `resampler`."""
        block = resampler.block_samples
        late = resampler.latency_samples - (block - 1)
        cut = _Arrivals(self.step, self.offset - late, self.held_s + Fraction(late, from_hz)).cut(block, from_hz)
        made = block * to_hz // from_hz
        return _Arrivals(cut.step // block * made, cut.offset // block * made, cut.held_s)

    def cut(self, block: int, rate_hz: int) -> _Arrivals:
        """Only whole blocks go on."""
        common = gcd(self.step, block)
        rest = block - common + self.offset % common
        held_s = self.held_s + Fraction(rest, rate_hz)
        if self.step % block == 0:
            return _Arrivals(self.step, self.offset // block * block, held_s)
        return _Arrivals(block, 0, held_s)


class EvenStream:
    """A `Cadence` as a stream: short frames are made at once, on the event loop, long ones in the engines' threads."""

    def __init__(self, cadence: Cadence, frames: Frames, scheduler: Scheduler, inline_ms: float) -> None:
        """Frames longer than `inline_ms` cost the event loop too much."""
        self._cadence = cadence
        self._inline = frames.samples * 1000 <= inline_ms * frames.rate_hz
        self._scheduler = scheduler
        self._urgency = frames.urgency

    @property
    def rate_hz(self) -> int:
        """Of what comes out."""
        return self._cadence.rate_hz

    @property
    def delay_samples(self) -> int:
        """How far what comes out lies behind what went in, in samples of what comes out."""
        return self._cadence.delay_samples

    async def push(self, pcm: Pcm, reference: Pcm | None = None) -> Pcm:
        """The next frame made anew. Raises `EngineBusy` when there is too much to do.

        Cancelling leaves the stream useless; what a thread has begun it ends.
        """
        work = partial(self._cadence.push, pcm, reference)
        return work() if self._inline else await self._scheduler.run(work, self._urgency)
