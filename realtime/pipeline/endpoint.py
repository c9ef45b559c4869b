"""From speech probabilities to the beginning and end of a turn. Time is counted in samples; there is no clock.

    quiet ──enough speech──▶ speaking ──enough silence──▶ quiet

Speech begins with `BEGIN_MS` of windows above the threshold and lasts until windows have stayed below a lower
threshold for the whole silence duration. The distance between the two is Silero's own (`utils_vad.py`,
`neg_threshold = threshold - 0.15`): without it, a voice near the threshold would begin and end at every window.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from realtime.audio import ms_to_samples

BEGIN_MS = 64
"""Two windows of Silero. One alone may be a click; a third would delay every barge-in by another 32 ms."""

HYSTERESIS = 0.15
MIN_RELEASE_PROBABILITY = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Knobs:
    """How turns are told apart (`server_vad`)."""

    threshold: float = 0.5
    """Probability from which a window counts as speech, 0 to 1."""
    silence_ms: int = 500
    """Silence that ends a turn."""
    prefix_ms: int = 300
    """Audio kept from before the speech began."""


@dataclass(frozen=True, slots=True)
class Began:
    """Speech began at this sample of the stream."""

    at_sample: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The turn is over; its audio ends at this sample of the stream, silence included."""

    at_sample: int


Boundary: TypeAlias = Began | Ended


class Endpointer:
    """Finds the turns of one stream, window by window."""

    def __init__(self, rate_hz: int, knobs: Knobs) -> None:
        self._rate_hz = rate_hz
        self.knobs = knobs
        self.speaking = False
        self._voiced_samples = 0
        """Length of the run of speech that may become a turn, in silence; unused while speaking."""
        self._silent_samples = 0
        """Length of the run of silence that may end the turn; unused in silence."""

    def push(self, probability: float, start: int, end: int) -> Boundary | None:
        """Weigh the window from sample `start` to `end` of the stream, with the probability that it is speech."""
        weigh = self._while_speaking if self.speaking else self._while_quiet
        return weigh(probability, start, end)

    def stop(self) -> None:
        """Nobody is speaking, whatever the windows said: the turn was ended or dropped by other means."""
        self.speaking = False
        self._voiced_samples = self._silent_samples = 0

    def _while_quiet(self, probability: float, start: int, end: int) -> Began | None:
        self._voiced_samples = self._voiced_samples + end - start if probability >= self.knobs.threshold else 0
        if self._voiced_samples < ms_to_samples(BEGIN_MS, self._rate_hz):
            return None
        began = Began(end - self._voiced_samples)
        self.stop()
        self.speaking = True
        return began

    def _while_speaking(self, probability: float, start: int, end: int) -> Ended | None:
        release = max(self.knobs.threshold - HYSTERESIS, MIN_RELEASE_PROBABILITY)
        if probability >= release:
            self._silent_samples = 0
            return None
        self._silent_samples += end - start
        if self._silent_samples < ms_to_samples(self.knobs.silence_ms, self._rate_hz):
            return None
        self.stop()
        return Ended(end)
