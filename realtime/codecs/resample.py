"""From one sample rate to another: a stream that waits for as little as it can, and whole pieces at once.

`Resampler` is a windowed-sinc interpolator (J. O. Smith, "Digital Audio Resampling") under a Kaiser window, worked as
one matrix product per push: a block of input samples, with the filter's reach on both sides, times a bank with one
column per output sample. It is linear-phase and centred: output sample i is the sound at input sample
i · from_hz / to_hz exactly, so positions need no correction; the filter only has to wait for its right half.

soxr, which `resample` uses, is the finer filter but no stream for a conversation: it works in blocks of an FFT and,
fed 20 ms at a time, holds back up to this many ms (soxr 1.1; `vr` is its variable-rate mode):

    rates           QQ    LQ    MQ    HQ   VHQ    vr    Resampler
    24k → 16k      0.1    20    38    37    76    10            2
     8k → 16k      0.2    61   118   115   111    30            4
    24k →  8k        0    40    75    73   153    25            4
    16k → 24k      0.1    20    38    37    76    15            2
    stop band, dB    0   104   108   130   150    63           81
    pass band        0  0.71  0.92  0.92  0.92  0.90         0.85

The stop band is the loudest alias or image of a tone; the pass band is the part of the lower Nyquist frequency that
stays within 0.02 dB. With HQ a caller on the telephone would be answered a tenth of a second late; both take 5 to 10
µs for 20 ms. 0.85 is where the telephone's band ends (3.4 of 4 kHz). Rates without a common millisecond cost more:
44.1k → 16k holds 10 ms (soxr HQ 40).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, gcd, pi

import numpy as np
import soxr

from realtime.audio import Audio, Pcm
from realtime.errors import InvalidRequest

_REACH = 32
"""How far the filter looks to each side, in samples of the lower rate: 4 ms at 8 kHz, 2 ms at 16 kHz."""
_STOP_DB = 81.0
"""Nothing above the lower Nyquist frequency comes through louder than this below its level."""
_BANK_LIMIT = 1_000_000
"""Numbers in one filter bank: room for every pair of usual rates, not for 15,999 → 16,000 Hz and its 16,000 filters."""


@dataclass(frozen=True, slots=True, eq=False)
class _Bank:
    """The filters between two rates: `reach + block + reach` samples times `taps` is what becomes of the block."""

    taps: Pcm
    """Shape (reach + block + reach, output samples per block)."""
    block: int
    """Input samples turned at a time: a whole number of output samples long, near 1 ms if the rates allow."""
    reach: int
    """Input samples looked at on either side of an output sample."""


class Resampler:
    """One stream from `from_hz` to `to_hz`; however the input is cut, the output is the same to float rounding.

    Output overshoots [-1, 1], by up to a sixth, where the input is clipped; encoders clip. A NaN is gone after
    `latency_samples`. Raises `InvalidRequest` for rates no filter can join.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self._from_hz, self._to_hz = from_hz, to_hz
        self._bank = _bank(from_hz, to_hz) if from_hz != to_hz else None
        self.reset()

    @property
    def latency_samples(self) -> int:
        """The most input samples ever held back: the filter's reach and the rest of a block. 0 between equal rates."""
        return self._bank.reach + self._bank.block - 1 if self._bank else 0

    @property
    def block_samples(self) -> int:
        """Input samples that come out together. 1 between equal rates."""
        return self._bank.block if self._bank else 1

    @property
    def held_samples(self) -> int:
        """Input samples pushed whose sound has not come out yet."""
        return len(self._recent) - self._bank.reach if self._bank else 0

    def push(self, pcm: Pcm) -> Pcm:
        """What of the stream can be told by now, at `to_hz`; between equal rates `pcm` itself."""
        if self._bank is None:
            return pcm
        self._pushed += len(pcm)
        return self._turn(self._bank, pcm)

    def flush(self) -> Pcm:
        """The end of the stream, as if silence followed; afterwards a new stream begins.

        All output together is `pushed · to_hz / from_hz` samples long, rounded to the nearest.
        """
        if self._bank is None:
            return np.zeros(0, np.float32)
        total = (self._pushed * self._to_hz + self._from_hz // 2) // self._from_hz
        made = (self._pushed - self.held_samples) * self._to_hz // self._from_hz
        silence = np.zeros(self._bank.reach + self._bank.block, np.float32)
        rest = self._turn(self._bank, silence)[: total - made]
        self.reset()
        return rest

    def reset(self) -> None:
        """Forget the stream; what was held back is lost."""
        self._pushed = 0
        self._recent: Pcm = np.zeros(self._bank.reach if self._bank else 0, np.float32)

    def _turn(self, bank: _Bank, pcm: Pcm) -> Pcm:
        recent = np.concatenate((self._recent, pcm), dtype=np.float32)
        window, made = bank.taps.shape
        blocks = max((len(recent) - window) // bank.block + 1, 0)
        # Overlapping windows of `recent`; 15 times cheaper than sliding_window_view, and as well checked.
        windows = np.ndarray((blocks, window), np.float32, recent, strides=(4 * bank.block, 4))
        self._recent = recent[blocks * bank.block :].copy()  # A view would keep all of `recent` alive.
        turned: Pcm = np.dot(windows, bank.taps).reshape(blocks * made)
        return turned


def resample(audio: Audio, rate_hz: int) -> Audio:
    """All of `audio` at `rate_hz`, by soxr HQ: for files, where nobody waits for the next sample."""
    if audio.rate_hz == rate_hz:
        return audio
    pcm: Pcm = soxr.resample(audio.pcm, audio.rate_hz, rate_hz, quality="HQ")
    return Audio(pcm, rate_hz)


async def resampled(audio: Audio, rate_hz: int) -> Audio:
    """`resample`, off the event loop. Cancelling lets go of what the thread goes on to finish."""
    return audio if audio.rate_hz == rate_hz else await asyncio.to_thread(resample, audio, rate_hz)


@lru_cache(maxsize=16)  # Filters are like weights: made once, shared by every stream between the same rates.
def _bank(from_hz: int, to_hz: int) -> _Bank:
    """Kaiser's design: J. F. Kaiser, 1974; Oppenheim & Schafer, "Discrete-Time Signal Processing", eq. 7.75, 7.76."""
    if min(from_hz, to_hz) <= 0:
        raise InvalidRequest(f"Sample rates are positive, not {min(from_hz, to_hz)} Hz.")
    common = gcd(from_hz, to_hz)
    periods = max(1, from_hz // 1000 // (from_hz // common))
    block, made = from_hz // common * periods, to_hz // common * periods
    lower = min(from_hz, to_hz)
    reach = ceil(_REACH * from_hz / lower)
    if (2 * reach + block) * made > _BANK_LIMIT:
        raise InvalidRequest(f"Cannot stream from {from_hz} Hz to {to_hz} Hz: choose a usual rate such as 16000.")

    beta = 0.1102 * (_STOP_DB - 8.7)
    transition = (_STOP_DB - 7.95) / (2.285 * 2 * _REACH * pi)  # as a part of the lower Nyquist frequency
    cutoff = (1 - transition / 2) * lower / from_hz
    away = np.arange(-reach, block + reach)[:, None] - np.arange(made) * (from_hz / to_hz)
    near = np.abs(away) <= reach
    taps = np.zeros(away.shape)
    taps[near] = np.sinc(cutoff * away[near]) * np.i0(beta * np.sqrt(1 - (away[near] / reach) ** 2))
    taps /= taps.sum(axis=0)  # A constant stays that constant, to the last bit of float32, at every output sample.
    bank = _Bank(taps.astype(np.float32), block, reach)
    bank.taps.setflags(write=False)
    return bank
