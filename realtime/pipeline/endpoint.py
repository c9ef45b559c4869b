"""From speech probabilities to the beginning and end of a turn. Time is counted in samples; there is no clock.

    quiet ──enough speech──▶ speaking ──enough silence──▶ quiet
                                └─ a pause, and a verdict ─▶ quiet

As soon as the speaker falls silent (`Hushed`) an answer may be got ready, unheard; it is for nothing if they go on
(`Resumed`).

Speech begins with `BEGIN_MS` of windows above the threshold and lasts until windows have stayed below a lower
threshold for the whole silence duration. That is shorter for a turn that sounds complete: somebody is asked during
the silence (`Paused`) and answers while it goes on, or too late (`Verdict`). How complete it has to sound depends on
what its words say, if they are known by then (`Wording`).

The distance between the two thresholds is Silero's own (`utils_vad.py`, `neg_threshold = threshold - 0.15`): without
it, a voice near the threshold would begin and end at every window.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from realtime.audio import ms_to_samples
from realtime.pipeline.wording import Sense, sense_of

BEGIN_MS = 64
"""Two windows of Silero. One alone may be a click; a third would delay every barge-in by another 32 ms."""

HUSH_MS = 64
"""Two windows. One alone may be the closure of a consonant: at each an answer would be begun for nothing."""

HYSTERESIS = 0.15
MIN_RELEASE_PROBABILITY = 0.01


@dataclass(frozen=True, slots=True)
class Bar:
    """How complete a turn must sound to be over once a silence has lasted so long."""

    silence_ms: int
    sure_from: float
    """0 to 1."""
    sense: Sense | None = None
    """What its words must say; None is for turns of which they say nothing, or are not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Knobs:
    """How turns are told apart: with `looks_ms` as `semantic_vad` does it, without as `server_vad`."""

    threshold: float = 0.5
    """Probability from which a window counts as speech, 0 to 1."""
    silence_ms: int = 500
    """Silence that ends a turn."""
    prefix_ms: int = 300
    """Audio kept from before the speech began."""
    hush_ms: int = HUSH_MS
    """Silence after which what was said may be all of it; 0 if nobody wants to know."""
    looks_ms: tuple[int, ...] = ()
    """Moments of a silence at which the turn is to be listened to; the least complete that it has sounded counts.

    Of looks that overtake one another, the last has to be answered."""
    bars: tuple[Bar, ...] = ()
    """Of one sense, the longer the silence, the lower; none of them is longer than `silence_ms`."""
    blind_silence_ms: int = 500
    """Silence that ends a turn nobody could judge."""


@dataclass(frozen=True, slots=True)
class Began:
    """Speech began at this sample of the stream."""

    at_sample: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The turn is over; its audio ends at this sample of the stream, silence included."""

    at_sample: int


@dataclass(frozen=True, slots=True)
class Hushed:
    """The speaker has fallen silent: what was said up to this sample of the stream may be all."""

    at_sample: int
    since_sample: int
    """Where the silence began, by which it is known from any other of the stream."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """The speaker has gone on after a `Hushed`, at this sample of the stream: it was not all."""

    at_sample: int


@dataclass(frozen=True, slots=True)
class Paused:
    """The turn may be over: does its audio up to this sample of the stream sound complete?"""

    at_sample: int
    since_sample: int
    """Where the silence began, by which this pause is known from any other of the stream."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a `Paused`."""

    pause: Paused
    completeness: float | None
    """How complete the turn sounded, 0 to 1; None when nobody could tell."""


@dataclass(frozen=True, slots=True)
class Wording:
    """What was said up to a `Hushed`, in words."""

    hush: Hushed
    text: str
    language: str | None = None
    """ISO-639-1 code of what was spoken, where the transcriber can tell; without it words say nothing."""


Boundary: TypeAlias = Began | Hushed | Resumed | Paused | Ended


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
        self._hushed = False
        """Whether this silence has been told of."""
        self._verdicts: list[float | None] = []
        """On this silence."""
        self._asked: Paused | None = None
        """The last look at this silence, while it has not been answered."""
        self._sense: Sense | None = None
        """Of the words before this silence."""

    def push(self, probability: float, start: int, end: int) -> list[Boundary]:
        """Weigh the window from sample `start` to `end` of the stream, with the probability that it is speech."""
        weigh = self._while_speaking if self.speaking else self._while_quiet
        return weigh(probability, start, end)

    def is_over(self, verdict: Verdict | Wording, end: int) -> bool:
        """Take a verdict in. Whether it ends the turn at once, now that the stream has come to sample `end`.

        Not if the silence it is about is over: the speaker has gone on, or the turn has ended by other means.
        """
        silence = verdict.hush if isinstance(verdict, Wording) else verdict.pause
        if not self.speaking or silence.since_sample != end - self._silent_samples:
            return False
        if isinstance(verdict, Verdict):
            self._verdicts.append(verdict.completeness)
            if verdict.pause == self._asked:
                self._asked = None
        else:
            self._sense = sense_of(verdict.text, verdict.language)
        return self._silent_samples >= self._longest_samples()

    def stop(self) -> None:
        """Nobody is speaking, whatever the windows said: the turn was ended or dropped by other means."""
        self.speaking = False
        self._voiced_samples = 0
        self._break_silence()

    def _break_silence(self) -> None:
        self._silent_samples = 0
        self._hushed = False
        self._verdicts.clear()
        self._asked = self._sense = None

    def _while_quiet(self, probability: float, start: int, end: int) -> list[Boundary]:
        self._voiced_samples = self._voiced_samples + end - start if probability >= self.knobs.threshold else 0
        if self._voiced_samples < ms_to_samples(BEGIN_MS, self._rate_hz):
            return []
        began = Began(end - self._voiced_samples)
        self.stop()
        self.speaking = True
        return [began]

    def _while_speaking(self, probability: float, start: int, end: int) -> list[Boundary]:
        release = max(self.knobs.threshold - HYSTERESIS, MIN_RELEASE_PROBABILITY)
        if probability >= release:
            was_hushed = self._hushed
            self._break_silence()
            return [Resumed(start)] if was_hushed else []
        before = self._silent_samples
        self._silent_samples += end - start
        if self._silent_samples >= self._longest_samples():
            self.stop()
            return [Ended(end)]
        since = end - self._silent_samples
        reached: list[Boundary] = []
        if not self._hushed and 0 < self._samples(self.knobs.hush_ms) <= self._silent_samples:
            self._hushed = True
            reached.append(Hushed(end, since))
        if any(before < self._samples(look_ms) <= self._silent_samples for look_ms in self.knobs.looks_ms):
            self._asked = Paused(end, since)
            reached.append(self._asked)
        return reached

    def _longest_samples(self) -> int:
        """The silence that ends the turn, by what is known of it; an answer that is still to come is waited for."""
        longest_ms = self.knobs.silence_ms
        if self._asked:
            return self._samples(longest_ms)
        heard = [verdict for verdict in self._verdicts if verdict is not None]
        if heard:
            bars = (bar for bar in self.knobs.bars if bar.sense == self._sense)
            met = (bar.silence_ms for bar in bars if min(heard) >= bar.sure_from)
            longest_ms = min(met, default=longest_ms)
        elif self._verdicts:
            longest_ms = min(longest_ms, self.knobs.blind_silence_ms)
        return self._samples(longest_ms)

    def _samples(self, ms: float) -> int:
        return ms_to_samples(ms, self._rate_hz)
