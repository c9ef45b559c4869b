"""Sound that comes in pieces and is wanted whole, at another rate perhaps, without ever being in memory twice."""

from __future__ import annotations

import numpy as np

from realtime.audio import Audio, Pcm
from realtime.codecs.resample import resample

_GROWTH_SAMPLES = 1 << 24
"""By which at most the sound that is kept grows: twice as much each time would be twice the memory in the end."""
_STEP_S = 4
"""Turned at a time: at 384 kHz that takes 20 MB."""
_MARGIN_S = 1
"""Looked at on either side of it, more than the filter reaches. A whole second is a whole number of samples at any two
rates, so what is turned lies where it would lie if all were turned at once."""


class Kept:
    """All samples so far."""

    def __init__(self) -> None:
        self._samples: Pcm = np.zeros(0, np.float32)
        self._count = 0

    def push(self, pcm: Pcm) -> None:
        """Some more."""
        start, self._count = self._count, self._count + len(pcm)
        if self._count > len(self._samples):
            # In place, or moved by the system, where there is room: two arrays would be twice the memory.
            room = len(self._samples) + min(len(self._samples), _GROWTH_SAMPLES)
            self._samples.resize(max(self._count, room), refcheck=False)
        self._samples[start : self._count] = pcm

    def take(self) -> Pcm:
        """All of them. There are none afterwards."""
        samples, self._samples = self._samples, np.zeros(0, np.float32)
        samples.resize(self._count, refcheck=False)
        self._count = 0
        return samples


class PiecewiseResampler:
    """`resample`, of sound that comes in pieces: what comes out is what it would make of the whole, to 100 dB below
    full scale. For files: it holds back some seconds.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self._from_hz, self._to_hz = from_hz, to_hz
        self._held: list[Pcm] = []
        self._held_samples = 0
        self._turned_s = 0
        """Of what is held: the margin before what comes next, once there is any."""

    def push(self, pcm: Pcm) -> Pcm:
        """What of the sound can be told by now."""
        if self._from_hz == self._to_hz:
            return pcm
        self._held.append(pcm)
        self._held_samples += len(pcm)
        made: list[Pcm] = [pcm[:0]]
        while self._held_samples >= (self._turned_s + _STEP_S + _MARGIN_S) * self._from_hz:
            made.append(self._step())
        return np.concatenate(made)

    def flush(self) -> Pcm:
        """The end of the sound: nothing comes after it."""
        held = np.concatenate([np.zeros(0, np.float32), *self._held])
        return self._turn(held)[self._turned_s * self._to_hz :]

    def _step(self) -> Pcm:
        held = np.concatenate(self._held)
        end_s = self._turned_s + _STEP_S
        turned = self._turn(held[: (end_s + _MARGIN_S) * self._from_hz])
        made = turned[self._turned_s * self._to_hz : end_s * self._to_hz].copy()  # A view keeps the margins alive.
        rest = held[(end_s - _MARGIN_S) * self._from_hz :].copy()
        self._held, self._held_samples, self._turned_s = [rest], len(rest), _MARGIN_S
        return made

    def _turn(self, pcm: Pcm) -> Pcm:
        return resample(Audio(pcm, self._from_hz), self._to_hz).pcm
