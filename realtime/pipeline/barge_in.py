"""Does somebody who makes a sound over an answer mean to interrupt it? Decided in samples of that sound, with no clock.

    suspected ──words that ask for the floor, twice or last──▶ an interruption
        ├────silence, and "mm-hmm", a hum, nothing───────────▶ none
        └────sound that lasts longer than any "mm-hmm"───────▶ an interruption, if anything was heard in it

Whoever listens to an answer says "mm-hmm", coughs, types, plays music, and lets the answer be heard by its own
microphone. So the sound is put into words, twice or three times while it lasts (`Look`) and once when it is over, and
what is known by then decides. Nothing here waits: words that come too late are decided without.

Words cut off after a third of a second are often misheard ("uh-huh" as "it has"), so while a sound goes on it takes two
looks that find words; when it is over, one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from realtime.audio import Pcm, ms_to_samples
from realtime.pipeline.recording import Recording

LOOKS_MS = (300, 520, 760)
"""Sound after which it is put into words while it goes on. Of less than 300 ms Whisper makes nothing, or nonsense."""
SETTLED_MS = 128
"""Silence after which it is put into words as a whole: cut off sooner, the last consonant is missing."""
PATIENCE_MS = 352
"""Silence after which nobody waits for the words any longer."""
LONGEST_MS = 960
"""Sound after which it is decided in any case: no "oh, I see" lasts so long."""

SHORTEST_MS = 128
"""Of voice. The shortest "no" has 250."""
WORDLESS_MS = 500
"""Of voice, from which it is taken for words that nobody had the time to find."""
SALIENT_DB = 6.0
"""By how much the loudest of a voice stands out of the quietest of what was before it."""
FRAME_MS = 32

HUM_HZ = 800.0
HUM_SHARE = 0.016
"""With closed lips ("mm", "hmm") next to nothing sounds above that: 0.008-0.012 of the power. Of words it was 0.025 at
least ("Thank you, that's enough") and mostly 0.1; Whisper makes "Mama" and "Hello" of a hum."""

Meaning: TypeAlias = Literal["words", "backchannel", "own", "nothing"]
"""What was heard: words of the user's; words of somebody who listens; the answer itself; no words at all."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """Put this sound into words, and tell what they mean by `learn`."""

    sound: Pcm
    """What was before it included."""
    samples: int
    """How much of it came after the beginning, by which the look is known."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What it was."""

    interrupts: bool
    why: Meaning | Literal["too short", "too soft", "hum", "long"]


Step: TypeAlias = Look | Decision


class Suspicion:
    """One sound, from its beginning to the decision. What is told to it afterwards changes nothing."""

    def __init__(self, rate_hz: int, sound: Pcm, began: int) -> None:
        """`sound` at `rate_hz`, shape (n,), as far as it has come; it began at sample `began` of it."""
        self._rate_hz = rate_hz
        self._sound = Recording()
        self._sound.add(sound)
        self._began = began
        self._silent_from: int | None = None
        """Where the silence began that lasts; None while there is voice."""
        self._looked = began
        self._final_look: int | None = None
        """The look at all of it, while it stays silent."""
        self._means: Meaning | None = None
        """What the last words meant."""
        self.decision: Decision | None = None

    def hear(self, sound: Pcm) -> Step | None:
        """More of the sound, whose voice goes on, or whose silence."""
        self._sound.add(sound)
        if self.decision:
            return None
        if self._silent_from is not None:
            return self._in_silence(self._silent_from)
        if self._length >= self._samples(LONGEST_MS):
            return self._decide_long()
        due = [at for at in LOOKS_MS if self._looked - self._began < self._samples(at) <= self._length]
        return self._look() if due else None

    def hush(self, since: int) -> None:
        """Silence, which has begun at sample `since` of the sound."""
        self._silent_from = since

    def resume(self) -> None:
        """The silence is over."""
        self._silent_from = self._final_look = None

    def learn(self, samples: int, means: Meaning | None) -> Decision | None:
        """What the words of the look at the first `samples` meant; None if nobody could tell."""
        if self.decision or means is None:
            return None
        if means == "words" and self._is_hum:
            means = "backchannel"
        before, self._means = self._means, means
        if self._final_look == samples or means == before == "words":
            return self._decide(means == "words" and not self._is_soft, "too soft" if self._is_soft else means)
        return self._decide(False, "own") if means == "own" and samples >= self._samples(LOOKS_MS[1]) else None

    def end(self) -> Decision:
        """Nothing more will be heard or learned: what it was, by what is known."""
        if self._means:
            return self._decide(self._means == "words" and not self._is_soft, self._means)
        return self._decide(self._voiced >= self._samples(WORDLESS_MS) and not self._is_soft, "long")

    def _in_silence(self, since: int) -> Step | None:
        silent = self._sound.end - since
        if self._voiced < self._samples(SHORTEST_MS):
            return self._decide(False, "too short")
        if silent >= self._samples(PATIENCE_MS):
            return self.end()
        if self._final_look is None and silent >= self._samples(SETTLED_MS):
            if self._is_hum:
                return self._decide(False, "hum")
            look = self._look()
            self._final_look = look.samples
            return look
        return None

    def _decide_long(self) -> Decision:
        if self._is_soft:
            return self._decide(False, "too soft")
        if self._means in ("own", "nothing"):
            return self._decide(False, self._means)
        return self._decide(True, "long")

    def _decide(self, interrupts: bool, why: Meaning | Literal["too short", "too soft", "hum", "long"]) -> Decision:
        self.decision = Decision(interrupts, why)
        return self.decision

    def _look(self) -> Look:
        self._looked = self._sound.end
        return Look(self._sound.since(0), self._length)

    @property
    def _length(self) -> int:
        """Since it began, silence included."""
        return self._sound.end - self._began

    @property
    def _voiced(self) -> int:
        """Since it began, without the silence that lasts."""
        return (self._sound.end if self._silent_from is None else self._silent_from) - self._began

    @property
    def _is_soft(self) -> bool:
        before, voice = self._sound.since(0)[: self._began], self._sound.since(self._began)
        floor = _levels_db(before, self._samples(FRAME_MS))
        return len(floor) > 0 and _levels_db(voice, self._samples(FRAME_MS)).max() < floor.min() + SALIENT_DB

    @property
    def _is_hum(self) -> bool:
        voice = self._sound.since(self._began)[: self._voiced]
        power = np.abs(np.fft.rfft(voice * np.hanning(len(voice)))) ** 2
        above = power[np.fft.rfftfreq(len(voice), 1 / self._rate_hz) > HUM_HZ]
        return bool(above.sum() < HUM_SHARE * power.sum())

    def _samples(self, ms: float) -> int:
        return ms_to_samples(ms, self._rate_hz)


@dataclass(frozen=True, slots=True, eq=False)
class Overheard:
    """What came of a look."""

    suspicion: Suspicion
    samples: int | None
    """Those of the look; None when nothing more will come of the sound."""
    text: str | None
    """The words; None when they could not be found."""


def _levels_db(pcm: Pcm, frame: int) -> np.ndarray:
    """Of each whole frame, in dB of full scale."""
    frames = pcm[: len(pcm) // frame * frame].reshape(-1, frame)
    power: np.ndarray = 10 * np.log10((frames.astype(np.float64) ** 2).mean(axis=1) + 1e-10)
    return power
