"""The listening side of a conversation: sound in, turns out.

Detection runs inline, a tenth of a millisecond for each 32 ms of sound, and not in a task of its own: what is reported
then depends on the sound alone and never on how the event loop was scheduled, and a `commit` from the client has
always been preceded by all audio that came before it. `Listener.push` is a generator so that the caller can act on a
boundary (take the turn's audio) before sound from after that boundary is looked at. Whether a pause is the end of a
turn takes too long to be found out inline: it is asked (`Paused`) and answered (`decide`), and the sound goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from realtime.audio import Framer, Pcm, ms_to_samples
from realtime.engines.base import Detector
from realtime.pipeline.endpoint import BEGIN_MS, Began, Boundary, Ended, Endpointer, Hushed, Knobs, Verdict, Wording
from realtime.pipeline.recording import Recording


class Listener:
    """Hears one stream of sound at the detector's rate and keeps the audio of the turn in progress.

    In silence only the padding that a turn might need is kept, so listening costs the same after an hour as at first.
    """

    def __init__(self, detector: Detector, max_turn_ms: int) -> None:
        self.rate_hz = detector.rate_hz
        self._max_turn_samples = ms_to_samples(max_turn_ms, self.rate_hz)
        self._ears = detector.stream()
        self._framer = Framer(detector.window_samples)
        self._recording = Recording()
        self._endpointer: Endpointer | None = None
        self._turn_start = 0
        self._turn_over = False
        """Whether the turn ended by itself and its audio has not been taken yet."""
        self._shown = 0
        """The sample up to which `new_sound` has given the turn."""

    def tune(self, knobs: Knobs | None) -> None:
        """Turns are found with `knobs` from now on, or not at all: then audio is kept until it is taken or dropped."""
        if knobs is None:
            self._endpointer = None
        elif self._endpointer is None:
            self._endpointer = Endpointer(self.rate_hz, knobs)
        else:
            self._endpointer.knobs = knobs

    def push(self, pcm: Pcm) -> Iterator[Boundary]:
        """The boundaries in the next samples, `Began` already with its padding; run it to the end."""
        for window in self._framer.push(pcm):
            probability = self._ears.probability(window) if self._endpointer else 0.0
            start = self._recording.end
            self._recording.add(window)
            if self._endpointer is None:
                continue
            boundaries = self._endpointer.push(probability, start, self._recording.end)
            for boundary in boundaries:
                match boundary:
                    case Began():
                        yield self._begin(boundary, self._endpointer.knobs)
                    case Ended():
                        yield self._end(self._endpointer)
                    case _ if self._endpointer.speaking:  # and the caller has not taken the turn since the one before
                        yield boundary
            if self._turn_is_too_long(self._endpointer):
                yield self._end(self._endpointer)
            elif not boundaries and not self._endpointer.speaking:
                self._forget_silence(self._endpointer.knobs)

    def newest(self, ms: float) -> Pcm:
        """The last `ms` of the turn in progress, shape (n,), or all of it."""
        return self._recording.since(self._recording.end - ms_to_samples(ms, self.rate_hz))

    def so_far(self) -> Pcm:
        """The turn in progress, shape (n,), with its padding."""
        return self._recording.since(self._turn_start)

    def until(self, hush: Hushed) -> Pcm:
        """The turn up to a hush in it, shape (n,), with its padding; it must not have been taken."""
        return self.so_far()[: hush.at_sample - self._turn_start]

    def decide(self, verdict: Verdict | Wording) -> Ended | None:
        """The end of the turn, if that is what follows from a verdict; None while it goes on, or is another turn.

        The turn ends where the stream has come to, not where the pause was: what was heard meanwhile is part of it.
        """
        if self._endpointer is None or not self._endpointer.is_over(verdict, self._recording.end):
            return None
        return self._end(self._endpointer)

    def new_sound(self) -> Pcm:
        """The audio of the turn in progress that has not been given by this before, shape (n,); none in silence.

        All of it together, from the padding on, is the beginning of what `take` will give.
        """
        if self._endpointer and not self._endpointer.speaking and not self._turn_over:
            return np.zeros(0, np.float32)
        new = self._recording.since(self._shown)
        self._shown = self._recording.end
        return new

    def take(self, flush: Callable[[], Pcm]) -> Pcm:
        """The audio of the turn, shape (n,); what comes next belongs to another.

        After `Ended` that is the sound up to the boundary. Otherwise somebody else has ended the turn, and it is all
        sound there is, with the last samples that are still on their way here: `flush` gives them.
        """
        if not self._turn_over:
            self._recording.add(self._framer.flush())
            self._recording.add(flush())
        self._turn_over = False
        if self._endpointer:
            self._endpointer.stop()
        self._shown = self._recording.end
        return self._recording.take()

    def _begin(self, began: Began, knobs: Knobs) -> Began:
        padded = began.at_sample - ms_to_samples(knobs.prefix_ms, self.rate_hz)
        self._recording.cut(padded)
        self._turn_start = self._recording.start
        return Began(self._turn_start)

    def _end(self, endpointer: Endpointer) -> Ended:
        endpointer.stop()
        self._turn_over = True
        return Ended(self._recording.end)

    def _turn_is_too_long(self, endpointer: Endpointer) -> bool:
        return endpointer.speaking and self._recording.end - self._turn_start >= self._max_turn_samples

    def _forget_silence(self, knobs: Knobs) -> None:
        needed = ms_to_samples(knobs.prefix_ms + BEGIN_MS, self.rate_hz)
        self._recording.forget_before(self._recording.end - needed)
