"""When an answer would be heard, if a player played each piece as it came.

A piece that comes while another plays waits for it; one that comes too late leaves a gap before it. When the listener
talks over the answer, the player falls silent at once and forgets what it had not played yet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from realtime.audio import Audio, Pcm


@dataclass(frozen=True, slots=True, eq=False)
class _Placed:
    start: int
    """In samples from the first sound."""
    pcm: Pcm


class Player:
    """Sound on a timeline. Times are seconds of the caller's clock and never go back."""

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self._began_s: float | None = None
        self._placed: list[_Placed] = []

    @property
    def ends_at_s(self) -> float:
        """When the last sample will have been played; minus infinity before there is any sound."""
        if self._began_s is None:
            return float("-inf")
        return self._began_s + self._end / self.rate_hz

    @property
    def gaps_samples(self) -> int:
        """Silence inside the sound, where a piece came too late: a listener hears it as stuttering, or as a pause."""
        return self._end - sum(len(placed.pcm) for placed in self._placed)

    def play(self, pcm: Pcm, at_s: float) -> None:
        """`pcm`, shape (n,), came at `at_s`."""
        if self._began_s is None:
            self._began_s = at_s
        self._placed.append(_Placed(max(self._at(at_s), self._end), pcm))

    def stop(self, at_s: float) -> int:
        """Fall silent at `at_s`. Returns how many samples were thrown away unheard, 0 when all was played already."""
        if self._began_s is None or at_s >= self.ends_at_s:
            return 0
        silent_from, before = max(self._at(at_s), 0), self._end
        self._placed = [
            _Placed(placed.start, placed.pcm[: silent_from - placed.start])
            for placed in self._placed
            if placed.start < silent_from
        ]
        return before - silent_from

    def recording(self) -> Audio:
        """What was heard, from the first sample to the last, gaps included."""
        pcm = np.zeros(self._end, np.float32)
        for placed in self._placed:
            pcm[placed.start : placed.start + len(placed.pcm)] = placed.pcm
        return Audio(pcm, self.rate_hz)

    def heard(self, from_s: float, samples: int) -> Pcm:
        """What came out of it from that moment on, for so many samples; silence where nothing did."""
        pcm = np.zeros(samples, np.float32)
        if self._began_s is None:
            return pcm
        start = self._at(from_s)
        for placed in reversed(self._placed):
            skipped = start - placed.start
            if skipped >= len(placed.pcm):
                break
            piece = placed.pcm[max(skipped, 0) : max(skipped + samples, 0)]
            pcm[max(-skipped, 0) : max(-skipped, 0) + len(piece)] = piece
        return pcm

    @property
    def _end(self) -> int:
        return self._placed[-1].start + len(self._placed[-1].pcm) if self._placed else 0

    def _at(self, at_s: float) -> int:
        assert self._began_s is not None
        return round((at_s - self._began_s) * self.rate_hz)
