"""Who spoke when, from where somebody speaks and whose voice each window of that is.

Speech is cut into windows that overlap by half. A voice changes where two windows of different people meet: halfway
between their middles, or in the pause between them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from realtime.audio import ms_to_samples
from realtime.pipeline.stretches import Stretch

WINDOW_MS = 1500
"""Long enough to tell a voice, short enough to be one person's."""

HOP_MS = 750

SHORTEST_MS = 400
"""What is shorter is not listened to; it is taken for the voice beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Somebody speaks, from one sample to the one before another."""

    start: int
    end: int
    speaker: int
    """Counted from 0 in the order in which they are first heard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tidiness:
    """What is too short to be told, in milliseconds."""

    shortest_ms: float = 300
    """Shorter turns are left out."""
    pause_ms: float = 500
    """Shorter pauses of one speaker's do not part two turns."""


def windows(stretches: Sequence[Stretch], rate_hz: int) -> list[Stretch]:
    """What is to be listened to: every stretch that is long enough, in windows of which the last ends with it."""
    return [window for stretch in stretches for window in _windows(stretch, rate_hz)]


def turns(
    stretches: Sequence[Stretch], listened: Sequence[Stretch], speakers: Sequence[int], rate_hz: int, tidiness: Tidiness
) -> list[Turn]:
    """Who speaks in `stretches`, in order: `speakers` says whose voice each of their windows is, `listened`."""
    spoken = [turn for stretch in stretches for turn in _spoken(stretch, listened, speakers)]
    joined = _joined(spoken, ms_to_samples(tidiness.pause_ms, rate_hz))
    shortest = ms_to_samples(tidiness.shortest_ms, rate_hz)
    return _in_order_of_appearance([turn for turn in joined if turn.end - turn.start >= shortest])


def clips_of(turn: Turn, stretches: Sequence[Stretch], longest: int) -> list[Stretch]:
    """The turn without its pauses, as a transcriber is to hear it: in clips of so many samples at most, parted in
    pauses where there are any."""
    first, after = bisect_right(stretches, turn.start, key=_end), bisect_left(stretches, turn.end, key=_start)
    clips: list[Stretch] = []
    for stretch in stretches[first:after]:
        start, end = max(stretch.start, turn.start), min(stretch.end, turn.end)
        if clips and end - clips[-1].start <= longest:
            start = clips.pop().start
        clips += [Stretch(cut, min(cut + longest, end)) for cut in range(start, end, longest)]
    return clips


def _windows(stretch: Stretch, rate_hz: int) -> Iterator[Stretch]:
    length, hop = ms_to_samples(WINDOW_MS, rate_hz), ms_to_samples(HOP_MS, rate_hz)
    if stretch.end - stretch.start < ms_to_samples(SHORTEST_MS, rate_hz):
        return
    last = max(stretch.start, stretch.end - length)
    for start in range(stretch.start, last, hop):
        yield Stretch(start, start + length)
    yield Stretch(last, stretch.end)


def _spoken(stretch: Stretch, listened: Sequence[Stretch], speakers: Sequence[int]) -> Iterator[Turn]:
    """One turn for each change of voice in a stretch; one for a stretch that is too short to be listened to."""
    first = bisect_left(listened, stretch.start, key=_start)
    after = bisect_left(listened, stretch.end, key=_start)
    if first == after:
        beside = [index for index in (first - 1, first) if 0 <= index < len(listened)]
        nearest = min(beside, key=lambda index: _gap(listened[index], stretch), default=None)
        who = 0 if nearest is None else speakers[nearest]
        yield Turn(start=stretch.start, end=stretch.end, speaker=who)
        return
    start = stretch.start
    for index in range(first, after - 1):
        if speakers[index] != speakers[index + 1]:
            window, following = listened[index], listened[index + 1]
            middle = (window.start + window.end + following.start + following.end) // 4
            yield Turn(start=start, end=middle, speaker=speakers[index])
            start = middle
    yield Turn(start=start, end=stretch.end, speaker=speakers[after - 1])


def _start(stretch: Stretch) -> int:
    return stretch.start


def _end(stretch: Stretch) -> int:
    return stretch.end


def _gap(one: Stretch, other: Stretch) -> int:
    return max(one.start - other.end, other.start - one.end)


def _joined(spoken: Sequence[Turn], pause: int) -> list[Turn]:
    """Turns of one speaker's that only a pause shorter than that parts are one."""
    joined: list[Turn] = []
    for turn in spoken:
        if joined and joined[-1].speaker == turn.speaker and turn.start - joined[-1].end < pause:
            joined[-1] = replace(joined[-1], end=turn.end)
        else:
            joined.append(turn)
    return joined


def _in_order_of_appearance(spoken: Sequence[Turn]) -> list[Turn]:
    numbers: dict[int, int] = {}
    for turn in spoken:
        numbers.setdefault(turn.speaker, len(numbers))
    return [replace(turn, speaker=numbers[turn.speaker]) for turn in spoken]
