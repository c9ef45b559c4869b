"""Sound in, turns out: where they begin and end, and that each has exactly its own audio."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.audio import Pcm
from realtime.pipeline.endpoint import Bar, Began, Boundary, Ended, Hushed, Knobs, Paused, Resumed, Verdict, Wording
from realtime.pipeline.listen import Listener
from tests.fakes import FakeDetector
from tests.protocol.effort import examples

RATE_HZ = 16_000
WINDOW = 512
KNOBS = Knobs(silence_ms=320, prefix_ms=96)
SILENCE = 5120
PREFIX = 1536


def no_tail() -> Pcm:
    """Nothing is on its way."""
    return np.zeros(0, np.float32)


def sound(*runs: int) -> Pcm:
    """Speech of the first length in samples, then quiet of the second, and so on; no two samples are alike."""
    loudness = np.concatenate([np.full(samples, (index + 1) % 2) for index, samples in enumerate(runs)])
    return (loudness * 0.5 + np.linspace(0, 0.1, len(loudness))).astype(np.float32)


@dataclass
class Hearing:
    """A listener, everything it was given, and what it made of it."""

    knobs: Knobs | None = KNOBS
    max_turn_ms: int = 60_000
    boundaries: list[Boundary] = field(default_factory=list)
    silences: list[Hushed | Resumed] = field(default_factory=list)
    turns: list[Pcm] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.listener = Listener(FakeDetector(), self.max_turn_ms)
        self.listener.tune(self.knobs)

    def push(self, pcm: Pcm) -> list[Boundary]:
        """Hear `pcm` and take each turn when it ends, as a conversation does. The boundaries in it.

        What is told of a silence whether or not it ends a turn is kept by itself.
        """
        heard = list[Boundary]()
        for boundary in self._heard(pcm):
            if isinstance(boundary, Hushed | Resumed):
                self.silences.append(boundary)
            else:
                heard.append(boundary)
        self.boundaries += heard
        return heard

    def _heard(self, pcm: Pcm) -> Iterator[Boundary]:
        for boundary in self.listener.push(pcm):
            yield boundary
            if isinstance(boundary, Ended):
                self.turns.append(self.listener.take(no_tail))


def test_a_turn_is_the_speech_its_padding_and_its_silence() -> None:
    """To the sample: 96 ms before it, 320 ms after it."""
    said = sound(0, 20 * WINDOW, 10 * WINDOW, 30 * WINDOW)
    hearing = Hearing()
    assert hearing.push(said) == [Began(20 * WINDOW - PREFIX), Ended(30 * WINDOW + SILENCE)]
    assert np.array_equal(hearing.turns[0], said[20 * WINDOW - PREFIX : 30 * WINDOW + SILENCE])


def test_there_is_no_padding_before_the_stream_began() -> None:
    """Who speaks at once has less of it."""
    said = sound(0, WINDOW, 10 * WINDOW, SILENCE)
    hearing = Hearing()
    assert hearing.push(said) == [Began(0), Ended(len(said))]
    assert np.array_equal(hearing.turns[0], said)


def test_padding_is_not_taken_from_the_turn_before() -> None:
    """A sample belongs to one turn at most."""
    said = sound(4 * WINDOW, SILENCE + WINDOW, 4 * WINDOW, SILENCE)
    hearing = Hearing()
    first_end = 4 * WINDOW + SILENCE
    assert hearing.push(said) == [Began(0), Ended(first_end), Began(first_end), Ended(len(said))]
    assert np.array_equal(np.concatenate(hearing.turns), said)


def test_padding_can_be_left_out() -> None:
    """Then a turn begins where the speech does."""
    hearing = Hearing(Knobs(silence_ms=32, prefix_ms=0))
    assert hearing.push(sound(0, 9 * WINDOW, 3 * WINDOW, WINDOW)) == [Began(9 * WINDOW), Ended(13 * WINDOW)]
    assert len(hearing.turns[0]) == 4 * WINDOW


def test_an_hour_of_silence_leaves_only_the_padding() -> None:
    """What a turn might need, and a window at most: listening costs the same after an hour as at first."""
    hearing = Hearing(Knobs(prefix_ms=300))
    minute = sound(0, 60 * RATE_HZ)
    for _ in range(60):
        assert hearing.push(minute) == []
    assert len(hearing.listener.take(no_tail)) <= 364 * 16 + 2 * WINDOW


def test_push_to_talk_keeps_everything() -> None:
    """Speech or not, until it is taken; no boundary is told."""
    hearing = Hearing(knobs=None)
    said = sound(0, 60 * RATE_HZ, 60 * RATE_HZ, 60 * RATE_HZ + 7)
    for start in range(0, len(said), 4_801):
        assert hearing.push(said[start : start + 4_801]) == []
    assert np.array_equal(hearing.listener.take(no_tail), said)
    assert len(hearing.listener.take(no_tail)) == 0


def test_a_turn_taken_by_hand_has_the_last_samples_too() -> None:
    """Those that fill no window yet, and those still on their way here; the next turn begins without them."""
    said, tail = sound(0, 20 * WINDOW, 10 * WINDOW + 100), np.full(33, 0.7, np.float32)
    hearing = Hearing()
    assert hearing.push(said) == [Began(20 * WINDOW - PREFIX)]
    taken = hearing.listener.take(lambda: tail)
    assert np.array_equal(taken, np.concatenate((said[20 * WINDOW - PREFIX :], tail)))
    assert hearing.push(sound(WINDOW)) == []
    assert hearing.push(sound(WINDOW)) == [Began(30 * WINDOW + 133)]


def test_taking_after_the_end_leaves_later_sound_for_the_next_turn() -> None:
    """Also when one push holds several turns, and the last of them is not over."""
    said = sound(*[5 * WINDOW, SILENCE + 4 * WINDOW] * 4, 3 * WINDOW, 100)
    hearing = Hearing()
    hearing.push(said)
    began, ended = hearing.boundaries[0::2], hearing.boundaries[1::2]
    assert (len(began), len(ended)) == (5, 4)
    for first, last, turn in zip(began, ended, hearing.turns, strict=False):
        assert np.array_equal(turn, said[first.at_sample : last.at_sample])
    assert np.array_equal(hearing.listener.take(no_tail), said[began[-1].at_sample :])


def test_the_tail_is_left_where_it_is_when_a_turn_has_ended_by_itself() -> None:
    """It comes after the boundary."""
    hearing = Hearing()
    for boundary in hearing.listener.push(sound(4 * WINDOW, SILENCE + WINDOW)):
        if isinstance(boundary, Ended):
            assert len(hearing.listener.take(lambda: pytest.fail("the tail was asked for"))) == boundary.at_sample


def test_the_longest_turn_is_cut_and_what_follows_is_the_next() -> None:
    """Nothing is lost between the two."""
    said = sound(100 * WINDOW)
    hearing = Hearing(max_turn_ms=960)
    hearing.push(said)
    assert [boundary.at_sample for boundary in hearing.boundaries[:5]] == [
        *(0, 30 * WINDOW),
        *(30 * WINDOW, 60 * WINDOW),
        60 * WINDOW,
    ]
    assert np.array_equal(np.concatenate([*hearing.turns, hearing.listener.take(no_tail)]), said)


def test_an_end_is_told_once_whether_or_not_its_audio_is_taken() -> None:
    """Nobody need take a turn for the next to be found."""
    listener = Listener(FakeDetector(), max_turn_ms=960)
    listener.tune(KNOBS)
    told = list(listener.push(sound(100 * WINDOW)))
    assert [type(boundary) for boundary in told] == [Began, Ended] * 3 + [Began]


def test_padding_counts_for_the_length_of_a_turn() -> None:
    """The audio that is transcribed is never longer than asked for, by more than a window."""
    hearing = Hearing(Knobs(prefix_ms=640), max_turn_ms=1280)
    hearing.push(sound(0, 40 * WINDOW, 100 * WINDOW))
    assert hearing.boundaries[:2] == [Began(20 * WINDOW), Ended(60 * WINDOW)]


def test_turns_are_no_longer_found_once_push_to_talk_is_chosen() -> None:
    """What was kept so far is part of what the hand takes."""
    said = sound(4 * WINDOW, 2 * SILENCE)
    hearing = Hearing()
    hearing.push(said[: 4 * WINDOW])
    hearing.listener.tune(None)
    assert hearing.push(said[4 * WINDOW :]) == []
    assert np.array_equal(hearing.listener.take(no_tail), said)


def test_turns_are_found_anew_once_detection_is_chosen_again() -> None:
    """Positions go on from all that was heard; what push-to-talk had left over is not padding without end."""
    hearing = Hearing(knobs=None)
    hearing.push(sound(100 * WINDOW))
    hearing.listener.tune(KNOBS)
    assert hearing.push(sound(0, 20 * WINDOW, 4 * WINDOW)) == [Began(120 * WINDOW - PREFIX)]
    assert len(hearing.listener.take(no_tail)) == PREFIX + 4 * WINDOW


def test_knobs_turned_in_the_middle_of_a_turn_do_not_end_it() -> None:
    """They hold from the next sound."""
    hearing = Hearing(Knobs(silence_ms=10_000))
    assert hearing.push(sound(4 * WINDOW, SILENCE)) == [Began(0)]
    hearing.listener.tune(Knobs(silence_ms=352))
    assert hearing.push(sound(0, WINDOW)) == [Ended(4 * WINDOW + SILENCE + WINDOW)]


PATIENT = Knobs(silence_ms=1280, prefix_ms=96, looks_ms=(160, 480), bars=(Bar(160, 0.9), Bar(800, 0.5)))


def paused(hearing: Hearing) -> Paused:
    """The last boundary, which is a pause."""
    pause = hearing.boundaries[-1]
    assert isinstance(pause, Paused)
    return pause


def test_a_pause_can_be_listened_to() -> None:
    """What it is about is the end of the turn, padding and silence included; what comes later is not heard in it."""
    hearing, said = Hearing(PATIENT), sound(0, 20 * WINDOW, 10 * WINDOW, 5 * WINDOW + 100)
    assert hearing.push(said)[1:] == [Paused(35 * WINDOW, 30 * WINDOW)]
    assert np.array_equal(hearing.listener.newest(1000), said[20 * WINDOW - PREFIX : 35 * WINDOW])
    assert np.array_equal(hearing.listener.newest(192), said[29 * WINDOW : 35 * WINDOW])


@pytest.mark.parametrize("late", [0, 7, WINDOW, 9 * WINDOW + 1])
def test_a_late_verdict_ends_the_turn_where_the_sound_has_come_to(late: int) -> None:
    """Never in the past: every sample is in this turn or the next, and in one of them only."""
    hearing, said = Hearing(PATIENT), sound(10 * WINDOW, 30 * WINDOW, 10 * WINDOW, 40 * WINDOW)
    hearing.push(said[: 15 * WINDOW])
    verdict = Verdict(paused(hearing), 0.95)
    hearing.push(said[15 * WINDOW : 15 * WINDOW + late])
    ended = hearing.listener.decide(verdict)
    assert ended == Ended((15 * WINDOW + late) // WINDOW * WINDOW)
    first = hearing.listener.take(lambda: pytest.fail("the tail was asked for"))
    assert np.array_equal(first, said[: ended.at_sample])
    assert hearing.listener.decide(verdict) is None
    hearing.push(said[15 * WINDOW + late :])
    assert hearing.boundaries[-1] == Ended(len(said))
    assert np.array_equal(hearing.turns[0], said[40 * WINDOW - PREFIX : len(said)])


@pytest.mark.parametrize("late", [0, WINDOW, 9 * WINDOW + 1])
def test_late_words_end_the_turn_where_the_sound_has_come_to(late: int) -> None:
    """When it sounds too little complete for any others."""
    hearing = Hearing(Knobs(silence_ms=1280, looks_ms=(64,), bars=(Bar(96, 0.3, "whole"), Bar(128, 0.9))))
    said = sound(10 * WINDOW, 30 * WINDOW)
    hearing.push(said[: 13 * WINDOW])
    assert hearing.listener.decide(Verdict(paused(hearing), 0.4)) is None
    hearing.push(said[13 * WINDOW : 13 * WINDOW + late])
    [hushed] = hearing.silences
    assert isinstance(hushed, Hushed)
    assert hearing.listener.decide(Wording(hushed, "I went to the", "en")) is None
    ended = hearing.listener.decide(Wording(hushed, "I went to the shop and bought it.", "en"))
    assert ended == Ended((13 * WINDOW + late) // WINDOW * WINDOW)
    assert np.array_equal(hearing.listener.take(no_tail), said[: ended.at_sample])


def test_a_verdict_on_speech_that_goes_on_changes_nothing() -> None:
    """The turn is what it would have been without."""
    hearing, said = Hearing(PATIENT), sound(10 * WINDOW, 8 * WINDOW, 10 * WINDOW, 40 * WINDOW)
    hearing.push(said[: 15 * WINDOW])
    verdict = Verdict(paused(hearing), 1.0)
    hearing.push(said[15 * WINDOW : 20 * WINDOW])
    assert hearing.listener.decide(verdict) is None
    hearing.push(said[20 * WINDOW :])
    assert hearing.boundaries[-1] == Ended(68 * WINDOW)
    assert np.array_equal(hearing.turns[0], said)


@pytest.mark.parametrize("knobs", [None, KNOBS])
def test_a_verdict_means_nothing_to_a_turn_that_is_taken_by_hand(knobs: Knobs | None) -> None:
    """Or that has been."""
    hearing = Hearing(PATIENT)
    hearing.push(sound(10 * WINDOW, 5 * WINDOW))
    verdict = Verdict(paused(hearing), 1.0)
    hearing.listener.tune(knobs)
    if knobs:
        hearing.listener.take(no_tail)
    assert hearing.listener.decide(verdict) is None


@examples
@given(
    st.lists(st.integers(1, 40 * WINDOW), min_size=1, max_size=8),
    st.lists(st.integers(1, 4000), min_size=1, max_size=20),
    st.lists(st.sampled_from([None, 0.0, 0.6, 1.0]), min_size=1, max_size=10),
    st.integers(0, 8),
)
def test_whatever_the_verdicts_and_however_late_no_sample_is_lost(
    runs: list[int], sizes: list[int], verdicts: list[float | None], late: int
) -> None:
    """Turns follow one another, and each is exactly its own stretch of the stream."""
    hearing, said, pending = Hearing(PATIENT), sound(*runs), list[tuple[int, Verdict]]()
    for index, piece in enumerate(np.split(said, np.cumsum(sizes))):
        for boundary in hearing.push(piece):
            if isinstance(boundary, Paused):
                pending.append((index + late, Verdict(boundary, verdicts[len(pending) % len(verdicts)])))
        while pending and pending[0][0] <= index:
            if ended := hearing.listener.decide(pending.pop(0)[1]):
                hearing.boundaries.append(ended)
                hearing.turns.append(hearing.listener.take(no_tail))
    marks = [boundary.at_sample for boundary in hearing.boundaries if not isinstance(boundary, Paused)]
    assert marks == sorted(marks)
    for start, end, turn in zip(marks[::2], marks[1::2], hearing.turns, strict=False):
        assert np.array_equal(turn, said[start:end])
    if len(marks) % 2:
        assert np.array_equal(hearing.listener.take(no_tail), said[marks[-1] :])


def test_a_silence_is_told_of_before_it_ends_the_turn() -> None:
    """What is heard up to then is the whole turn, but for the rest of the silence."""
    said = sound(10 * WINDOW, 2 * WINDOW, WINDOW, SILENCE)
    hearing = Hearing()
    hearing.push(said)
    assert hearing.silences == [
        Hushed(12 * WINDOW, 10 * WINDOW),
        Resumed(12 * WINDOW),
        Hushed(15 * WINDOW, 13 * WINDOW),
    ]
    assert hearing.boundaries == [Began(0), Ended(len(said))]


def test_the_longest_turn_can_end_in_the_window_that_tells_of_a_silence() -> None:
    """First the one, then the other."""
    listener = Listener(FakeDetector(), max_turn_ms=960)
    listener.tune(KNOBS)
    told = list(listener.push(sound(28 * WINDOW, 2 * WINDOW)))
    assert told == [Began(0), Hushed(30 * WINDOW, 28 * WINDOW), Ended(30 * WINDOW)]


def test_a_turn_that_is_taken_in_a_silence_is_not_resumed() -> None:
    """Nor is a silence looked at that was told of in the same window."""
    listener = Listener(FakeDetector(), max_turn_ms=60_000)
    listener.tune(Knobs(looks_ms=(64,)))
    told = list[Boundary]()
    for boundary in listener.push(sound(4 * WINDOW, 5 * WINDOW, 4 * WINDOW, 5 * WINDOW)):
        told.append(boundary)
        if told[-1] == Hushed(6 * WINDOW, 4 * WINDOW):
            assert len(listener.take(no_tail)) == 6 * WINDOW
    assert told[:2] == [Began(0), Hushed(6 * WINDOW, 4 * WINDOW)]
    assert told[2:] == [
        Began(6 * WINDOW),
        Hushed(15 * WINDOW, 13 * WINDOW),
        Paused(15 * WINDOW, 13 * WINDOW),
    ]


def test_what_is_new_of_a_turn_is_shown_once() -> None:
    """From its padding to its end, which is the boundary though more sound has come; nothing in the silence between."""
    listener = Listener(FakeDetector(), max_turn_ms=60_000)
    listener.tune(KNOBS)
    said = sound(0, 20 * WINDOW, 5 * WINDOW, SILENCE + 20 * WINDOW, 5 * WINDOW, SILENCE + 3 * WINDOW)
    shown: list[Pcm] = []
    turns: list[Pcm] = []
    for piece in np.split(said, range(0, len(said), 700)):
        for boundary in listener.push(piece):
            shown.append(listener.new_sound())
            if isinstance(boundary, Ended):
                turns.append(listener.take(no_tail))
                assert np.array_equal(np.concatenate(shown), turns[-1])
                shown.clear()
        shown.append(listener.new_sound())
    assert len(turns) == 2
    assert sum(map(len, shown)) == 0


def test_a_turn_that_is_dropped_is_not_shown_again() -> None:
    """Nor is what is left of it."""
    listener = Listener(FakeDetector(), max_turn_ms=60_000)
    said = sound(9 * WINDOW)
    list(listener.push(said))
    assert np.array_equal(listener.new_sound(), said)
    list(listener.push(said))
    listener.take(no_tail)
    assert len(listener.new_sound()) == 0
    list(listener.push(said))
    assert np.array_equal(listener.new_sound(), said)


@examples
@given(
    st.lists(st.integers(0, 12 * WINDOW), min_size=1, max_size=8),
    st.lists(st.integers(0, 30 * WINDOW), max_size=12),
)
def test_ragged_pushes_give_what_one_push_gives(runs: list[int], cuts: list[int]) -> None:
    """The same boundaries and the same audio, however the sound is cut."""
    said = sound(*runs)
    whole, ragged = Hearing(), Hearing()
    whole.push(said)
    for piece in np.split(said, sorted(min(cut, len(said)) for cut in cuts)):
        ragged.push(piece)
    assert ragged.boundaries == whole.boundaries
    turns = [*whole.turns, whole.listener.take(no_tail)]
    again = [*ragged.turns, ragged.listener.take(no_tail)]
    assert len(again) == len(turns)
    assert all(np.array_equal(*pair) for pair in zip(again[:-1], turns[:-1], strict=True))
