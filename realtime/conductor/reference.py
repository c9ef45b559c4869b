"""What the client's loudspeaker plays while its microphone hears: the reference of an echo canceller.

Both are laid on one line of time, the server's clock counted in samples. The sound that is sent is played one piece
after another from when it is sent (`Playback`), the microphone's is heard until it comes. Everything that is left out
by this (the network both ways, the client's buffers, the air) makes the echo late by a time that changes little while
an answer is played; the canceller finds it. An echo that comes before its reference could not be cancelled: so the
microphone is never taken to be later than it is.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from realtime.audio import SPEECH_RATE_HZ, Audio, Pcm, ms_to_samples
from realtime.codecs.resample import Resampler
from realtime.pipeline.clock import Clock

KEPT_SAMPLES = 2 * SPEECH_RATE_HZ
"""Sound that is kept for a microphone that is this late."""


class Reference:
    """Gives the sound that was played beside each piece of the microphone's. Costs nothing while nobody wants it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._delay_samples: int | None = None
        self._sound = PlayedSound()
        self._resampler: Resampler | None = None
        self._rate_hz = 0
        """Of the sound that is being played."""
        self._played_until_s = 0.0
        self._microphone = MicrophoneTime()

    def follow(self, delay_ms: int | None) -> None:
        """From now on sound is kept, to be given `delay_ms` after it is sent; or, for None, it is not kept."""
        self._delay_samples = None if delay_ms is None else ms_to_samples(delay_ms, SPEECH_RATE_HZ)
        if delay_ms is None:
            self._sound = PlayedSound()

    def play(self, sound: Audio, at_s: float) -> None:
        """The client plays `sound` from `at_s` on, by the clock; what is played later comes later."""
        if self._delay_samples is None:
            return
        goes_on = sound.rate_hz == self._rate_hz and abs(at_s - self._played_until_s) < 0.001
        if self._resampler is None or not goes_on:
            goes_on, self._rate_hz = False, sound.rate_hz
            self._resampler = Resampler(sound.rate_hz, SPEECH_RATE_HZ)
        pcm = self._resampler.push(sound.pcm)
        self._sound.add(pcm, None if goes_on else _samples(at_s))
        self._played_until_s = at_s + len(sound.pcm) / sound.rate_hz
        self._sound.forget_before(self._now - self._delay_samples - KEPT_SAMPLES)

    def stop(self) -> None:
        """The client plays no more."""
        self._sound.cut(self._now)
        self._resampler = None

    def beside(self, samples: int) -> Pcm:
        """What was played beside the next `samples` of the microphone's, which have just come; shape (samples,)."""
        start = self._microphone.hear(samples, self._now) - (self._delay_samples or 0)
        self._sound.forget_before(start - KEPT_SAMPLES)
        return self._sound.between(start, start + samples)

    @property
    def _now(self) -> int:
        return _samples(self._clock.now_s())


class PlayedSound:
    """Pieces of sound on a line of time, with silence between them. What is asked for has a price, not what is kept."""

    def __init__(self) -> None:
        self._pieces: deque[tuple[int, Pcm]] = deque()
        """Each with the sample at which it begins, in their order."""
        self._end = 0

    def add(self, pcm: Pcm, at_sample: int | None) -> None:
        """`pcm` is played from `at_sample` on, or right after the last; never before its end."""
        start = self._end if at_sample is None else max(at_sample, self._end)
        self._pieces.append((start, pcm))
        self._end = start + len(pcm)

    def cut(self, sample: int) -> None:
        """From `sample` on nothing is played."""
        while self._pieces and self._pieces[-1][0] >= sample:
            self._pieces.pop()
        if self._pieces:
            start, pcm = self._pieces.pop()
            self._pieces.append((start, pcm[: sample - start]))
        self._end = min(self._end, sample)

    def forget_before(self, sample: int) -> None:
        """Nothing before `sample` is needed any more. Whole pieces go."""
        while self._pieces and self._pieces[0][0] + len(self._pieces[0][1]) <= sample:
            self._pieces.popleft()

    def between(self, start: int, end: int) -> Pcm:
        """The sound from sample `start` up to `end`, shape (end - start,)."""
        sound = np.zeros(end - start, np.float32)
        for begin, pcm in self._pieces:
            first, last = max(begin, start), min(begin + len(pcm), end)
            if first < last:
                sound[first - start : last - start] = pcm[first - begin : last - begin]
        return sound


class MicrophoneTime:
    """When the microphone heard what has come.

    Its sound was recorded evenly and comes unevenly: late by what the network takes at least, and sometimes by more. So
    it is laid end to end, and moved only where it cannot be there: back when a piece comes before it could have been
    heard, forward when everything has come too late for a while, or one piece by much. Then the client had stopped
    sending, or its clock runs slower than ours.
    """

    SLACK = SPEECH_RATE_HZ // 100
    WINDOW = 2 * SPEECH_RATE_HZ
    GAP = SPEECH_RATE_HZ
    """By so much one piece may be late: a network that stalls for longer makes the canceller start anew."""

    def __init__(self) -> None:
        self._end: int | None = None
        """Where what has come ends; None before there is any."""
        self._least_late = self.GAP
        """In this stretch of `WINDOW`."""
        self._since = 0

    def hear(self, samples: int, now: int) -> int:
        """The sample of the clock at which the `samples` that come at `now` begin."""
        late = self.GAP + 1 if self._end is None else now - self._end - samples
        if self._end is None or not 0 <= late <= self.GAP:
            self._end = now - samples
            self._watch(now)
        elif now - self._since >= self.WINDOW:
            least = min(late, self._least_late)
            self._end += least if least > self.SLACK else 0
            self._watch(now)
        else:
            self._least_late = min(late, self._least_late)
        start = self._end
        self._end += samples
        return start

    def _watch(self, now: int) -> None:
        self._since, self._least_late = now, self.GAP


def _samples(seconds: float) -> int:
    return round(seconds * SPEECH_RATE_HZ)
