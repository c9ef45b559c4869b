"""Silences that end a turn and silences that do not, with all that the server could know of each.

The models are heard once; what they said is kept, and any way of deciding can then be tried on it in no time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from realtime.audio import SPEECH_RATE_HZ, Pcm, ms_to_samples
from realtime.bench.breaks import broken_off
from realtime.engines.base import Detector, Listening, Word
from realtime.engines.faster_whisper import FasterWhisper
from realtime.engines.smart_turn import SmartTurn
from realtime.pipeline.endpoint import Ended, Endpointer, Hushed, Knobs, Paused, Verdict, Wording

LOOKS_MS = (64, 128, 192, 256)
"""Moments of a silence at which Smart Turn is asked: knobs may use any of them."""
HEARD_MS = 64
"""Moment of a silence at which Whisper is asked."""
ANSWER_MS = 64
"""How long Smart Turn takes, and a little more: two windows of the voice detector."""
WORDS_MS = 128
"""How long Whisper takes, and a little more."""
LEAST_PAUSE_MS = 96
"""By the voice detector, whose silences begin later than those of the sound: 100 ms and more of that."""
LEAD_MS, LONGEST_MS = 300, 9000
BREAKS_EVERY = 3
"""Of the gaps between words, one in so many is broken off at."""
LEAST_WORDS = 2
"""Before a break."""
ROOM_DB = -60
"""Noise of the room, against full scale."""
RELEASE = 0.35
"""Probability below which a window is silent: what the endpointer makes of the standard threshold."""

Form = Literal["end", "drawn out", "plain", "natural", "between sentences"]


@dataclass(frozen=True, slots=True)
class Silence:
    """What is known of one."""

    clip: str
    form: Form
    late_ms: float
    """How long after the last voiced sample the voice detector's silence begins."""
    pause_ms: float | None
    """How long the voice detector's silence lasts; None if nobody ever speaks again."""
    completeness: Mapping[int, float]
    """By the look, in ms of silence, how complete the turn sounded."""
    text: str
    """Its words."""

    def end_ms(self, knobs: Knobs) -> float:
        """After how much of the silence the turn is over; infinite if the speaker goes on before."""
        endpointer, step = Endpointer(SPEECH_RATE_HZ, knobs), 512
        at = 4 * step
        for start in range(0, at, step):
            endpointer.push(1.0, start, start + step)
        waiting: list[tuple[int, Verdict | Wording]] = []
        longest_ms = LONGEST_MS if self.pause_ms is None else self.pause_ms
        for start in range(at, at + ms_to_samples(longest_ms, SPEECH_RATE_HZ), step):
            for boundary in endpointer.push(0.0, start, start + step):
                silent_ms = (start + step - at) * 1000 // SPEECH_RATE_HZ
                match boundary:
                    case Ended():
                        return silent_ms
                    case Paused() if silent_ms in self.completeness:
                        verdict = Verdict(boundary, self.completeness[silent_ms])
                        waiting.append((silent_ms + ANSWER_MS, verdict))
                    case Hushed():
                        waiting.append((silent_ms + WORDS_MS, Wording(boundary, self.text, "en")))
            for _, found in [answer for answer in waiting if answer[0] <= (start + step - at) * 1000 // SPEECH_RATE_HZ]:
                if endpointer.is_over(found, start + step):
                    return (start + step - at) * 1000 // SPEECH_RATE_HZ
            waiting = [answer for answer in waiting if answer[0] > (start + step - at) * 1000 // SPEECH_RATE_HZ]
        return float("inf")

    def delay_ms(self, knobs: Knobs) -> float:
        """After how much time without voice the turn is over."""
        return self.late_ms + self.end_ms(knobs)


@dataclass
class Listeners:
    """The real models."""

    detector: Detector
    smart_turn: SmartTurn
    whisper: FasterWhisper

    def end_of(self, name: str, clip: Pcm) -> Silence | None:
        """The silence after a clip that is whole."""
        return self._after(name, "end", clip[: last_voiced(clip)])

    def breaks_of(self, name: str, clip: Pcm) -> Iterator[Silence]:
        """Silences after its words, where nobody made one."""
        words = self._words(clip)
        for index in range(LEAST_WORDS, len(words), BREAKS_EVERY):
            at_ms = (words[index - 1].end_s + words[index].start_s) * 1000 / 2
            plain, drawn = (broken_off(clip, at_ms, drawn_out=drawn, rate_hz=SPEECH_RATE_HZ) for drawn in (False, True))
            yield from filter(None, (self._after(name, "plain", plain), self._after(name, "drawn out", drawn)))

    def pauses_of(self, name: str, clip: Pcm) -> Iterator[Silence]:
        """Silences that the speaker made, each heard as in a turn that began with its sentence.

        Where a sentence ends is taken from what is heard of the whole clip, of what follows the pause too.
        """
        words, sound = self._words(clip), clip + room(len(clip))
        for since, end in self._silences(sound):
            second = since / SPEECH_RATE_HZ
            before = [word for word in words if (word.start_s + word.end_s) / 2 < second + 0.1]
            if not before or len(before) == len(words):
                continue
            ends = [word.end_s for word in before[:-1] if word.text.rstrip().endswith((".", "?", "!"))]
            start = ms_to_samples(max(0, 1000 * max(ends, default=0) - 100), SPEECH_RATE_HZ)
            over = before[-1].text.rstrip().endswith((".", "?", "!"))
            pause_ms = (end - since) * 1000 / SPEECH_RATE_HZ
            form: Form = "between sentences" if over else "natural"
            yield self._heard(name, form, sound[start:end], since - start, 0.0, pause_ms)

    def _after(self, name: str, form: Form, said: Pcm) -> Silence | None:
        """A silence without end; None if the voice detector has not heard that anybody spoke."""
        sound = np.concatenate((np.zeros(ms_to_samples(LEAD_MS, SPEECH_RATE_HZ), np.float32), said, room(16_000) * 0))
        sound = sound + room(len(sound))
        spoken = ms_to_samples(LEAD_MS, SPEECH_RATE_HZ) + len(said)
        silences = [since for since, end in self._silences(sound) if end >= len(sound) - 512]
        if not silences:
            return None
        late_ms = (silences[0] - spoken) * 1000 / SPEECH_RATE_HZ
        return self._heard(name, form, sound, silences[0], late_ms, None)

    def _heard(self, name: str, form: Form, sound: Pcm, since: int, late_ms: float, pause_ms: float | None) -> Silence:
        looks = {look: since + ms_to_samples(look, SPEECH_RATE_HZ) for look in LOOKS_MS}
        completeness = {look: self.smart_turn.listen(sound[:at]) for look, at in looks.items() if at <= len(sound)}
        turn = sound[: since + ms_to_samples(HEARD_MS, SPEECH_RATE_HZ)]
        text = "".join(segment.text for segment in self.whisper.hear_turn(turn, Listening()))
        return Silence(name, form, late_ms, pause_ms, completeness, text.strip())

    def _silences(self, sound: Pcm) -> list[tuple[int, int]]:
        """Where the voice detector hears nobody, after it has heard somebody."""
        ears, found, since = self.detector.stream(), list[tuple[int, int]](), None
        spoken = False
        end = len(sound) // 512 * 512
        for start in range(0, end, 512):
            voiced = ears.probability(sound[start : start + 512]) >= RELEASE
            if not voiced and since is None and spoken:
                since = start
            elif voiced and since is not None:
                found.append((since, start))
                since = None
            spoken = spoken or voiced
        if since is not None:
            found.append((since, end))
        least = ms_to_samples(LEAST_PAUSE_MS, SPEECH_RATE_HZ)
        return [(begin, over) for begin, over in found if over - begin >= least]

    def _words(self, clip: Pcm) -> list[Word]:
        return [word for segment in self.whisper.hear_turn(clip, Listening(words=True)) for word in segment.words]


def room(samples: int) -> Pcm:
    """Nobody speaks."""
    noise = np.random.default_rng(samples).normal(size=samples)
    return (noise * 10 ** (ROOM_DB / 20)).astype(np.float32)


def last_voiced(clip: Pcm) -> int:
    """The end of the last 10 ms within 35 dB of the loudest, by which the latency benchmark counts as well."""
    frames = clip[: len(clip) // 160 * 160].reshape(-1, 160)
    power = (frames**2).mean(axis=1)
    return int(np.flatnonzero(power > power.max() * 10**-3.5)[-1] + 1) * 160
