"""Where somebody speaks in sound that is there already, and how it is best cut for a transcriber.

A transcriber that is given half an hour hears it through a window that it moves by its own time stamps, invents words
in long silences, and needs memory for all of it. Cut at pauses, every piece is like a turn of a conversation, and what
is no speech is not listened to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from realtime.audio import Pcm, ms_to_samples
from realtime.engines.base import Detector
from realtime.pipeline.endpoint import Began, Ended, Endpointer, Hushed, Knobs

Probabilities: TypeAlias = NDArray[np.float32]
"""How likely each window of a detector's is speech, 0 to 1, shape (windows,)."""

STEP_S = 30
"""Sound that is looked at in one go: some 80 ms of a processor."""

CLIP_S = 28.0
"""The longest piece: what Whisper hears at once, less some room. Of 24 sentences that were read, in 132 s, 2.6 % of the
words were wrong in clips of up to this length and 5.3 % in clips of a sentence. Whisper alone, which moves its window
itself, had 2.3 % wrong there, and where the pauses were 3 s long, which no clip holds, 5.7 % against 5.0 %."""

CLIP_PAUSE_MS = 1000
"""A longer pause is no part of a clip."""

PAUSE_MS = 500
"""A shorter pause does not part what is said."""

PADDING_MS = 250
"""Kept around what is said: a detector misses the first and the last sound of a word."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some of the sound, by its first sample and the one after its last."""

    start: int
    end: int
    is_open: bool = False
    """Whether the sound ended before the pause after it was long enough to be one."""


def probabilities(sound: Pcm, detector: Detector) -> Iterator[Probabilities]:
    """How likely each window of `sound`, shape (n,) at the detector's rate, is speech; `STEP_S` at a time.

    What is left over at the end is filled up with silence. Blocks.
    """
    ears = detector.stream()
    size = detector.window_samples
    step = max(1, STEP_S * detector.rate_hz // size) * size
    for start in range(0, len(sound), step):
        part = sound[start : start + step]
        part = np.pad(part, (0, -len(part) % size))
        yield np.fromiter((ears.probability(window) for window in part.reshape(-1, size)), np.float32)


def stretches(
    likely: Probabilities,
    samples: int,
    detector: Detector,
    silence_ms: int = PAUSE_MS,
    padding_ms: int = PADDING_MS,
) -> list[Stretch]:
    """Where somebody speaks in so many samples, by what `probabilities` gave.

    Pauses shorter than `silence_ms` do not part them, and each is `padding_ms` longer on both sides where there is
    room: half of a pause at most.
    """
    size, padding = detector.window_samples, ms_to_samples(padding_ms, detector.rate_hz)
    endpointer = Endpointer(detector.rate_hz, Knobs(silence_ms=silence_ms, hush_ms=1))
    spoken: list[Stretch] = []
    began: int | None = None
    hushed = samples
    for index, probability in enumerate(likely):
        for boundary in endpointer.push(float(probability), index * size, (index + 1) * size):
            match boundary:
                case Began(at):
                    began, hushed = at, samples
                case Hushed(_, since):
                    hushed = since
                case Ended() if began is not None:
                    spoken.append(Stretch(began, hushed))
                    began = None
                case _:
                    hushed = samples
    if began is not None:
        spoken.append(Stretch(began, min(hushed, samples), is_open=True))
    return [_padded(spoken, index, samples, padding) for index in range(len(spoken))]


def clips(spoken: Sequence[Stretch], likely: Probabilities, detector: Detector) -> list[Stretch]:
    """The stretches as a transcriber is to hear them: several in one clip, of up to `CLIP_S`, where the pauses between
    them are short, and those that are longer than that parted in the quietest place of their second half.
    """
    longest, pause = round(CLIP_S * detector.rate_hz), ms_to_samples(CLIP_PAUSE_MS, detector.rate_hz)
    joined: list[Stretch] = []
    for stretch in spoken:
        for part in _parted(stretch, likely, detector.window_samples, longest):
            if joined and part.start - joined[-1].end <= pause and part.end - joined[-1].start <= longest:
                part = Stretch(joined.pop().start, part.end, part.is_open)
            joined.append(part)
    return joined


def _padded(spoken: Sequence[Stretch], index: int, samples: int, padding: int) -> Stretch:
    this = spoken[index]
    before = spoken[index - 1].end if index else -this.start
    after = spoken[index + 1].start if index + 1 < len(spoken) else 2 * samples - this.end
    return Stretch(
        this.start - min(padding, (this.start - before) // 2),
        this.end + min(padding, (after - this.end) // 2),
        this.is_open,
    )


def _parted(stretch: Stretch, likely: Probabilities, size: int, longest: int) -> Iterator[Stretch]:
    start = stretch.start
    while stretch.end - start > longest:
        first, last = (start + longest // 2) // size + 1, (start + longest) // size
        quietest = first + int(np.argmin(likely[first:last]))
        yield Stretch(start, quietest * size)
        start = quietest * size
    yield Stretch(start, stretch.end, stretch.is_open)
