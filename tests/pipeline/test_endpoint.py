"""Where turns begin and end, told from probabilities alone."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.pipeline.endpoint import (
    Bar,
    Began,
    Boundary,
    Ended,
    Endpointer,
    Hushed,
    Knobs,
    Paused,
    Resumed,
    Verdict,
    Wording,
)
from tests.protocol.effort import examples

RATE_HZ = 16_000
WINDOW = 512
"""Silero's: 32 ms."""


class Line:
    """A stream of windows of one length, given by their probabilities."""

    def __init__(self, knobs: Knobs | None = None, window_samples: int = WINDOW) -> None:
        self.endpointer = Endpointer(RATE_HZ, knobs or Knobs())
        self.end = 0
        self._window = window_samples

    def hear(self, *probabilities: float) -> list[Boundary]:
        """The boundaries that these windows make."""
        return [boundary for probability in probabilities for boundary in self._hear(probability)]

    def push(self, *probabilities: float) -> list[Boundary]:
        """The same without what is told of a silence whether or not it ends a turn."""
        return [boundary for boundary in self.hear(*probabilities) if not isinstance(boundary, Hushed | Resumed)]

    def _hear(self, probability: float) -> list[Boundary]:
        start, self.end = self.end, self.end + self._window
        return self.endpointer.push(probability, start, self.end)


def test_speech_begins_with_64_ms_of_it() -> None:
    """At its first window, which is known with its second."""
    line = Line()
    assert line.push(0, 0, 1) == []
    assert line.push(1) == [Began(2 * WINDOW)]
    assert line.endpointer.speaking


def test_a_click_is_not_speech() -> None:
    """However often it comes, one window by itself begins nothing."""
    assert Line().push(*[1, 0] * 50) == []


@pytest.mark.parametrize(("window", "needed"), [(160, 7), (512, 2), (1024, 1), (1600, 1)])
def test_windows_may_have_any_length(window: int, needed: int) -> None:
    """64 ms are 1,024 samples: as many windows as hold them, and the turn begins with the first of the run."""
    line = Line(window_samples=window)
    assert line.push(0, *[1] * (needed - 1)) == []
    assert line.push(1) == [Began(window)]


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.9, 1.0])
def test_the_threshold_itself_is_speech(threshold: float) -> None:
    """And anything less is not."""
    assert Line(Knobs(threshold=threshold)).push(*[threshold - 0.001] * 10) == []
    assert Line(Knobs(threshold=threshold)).push(threshold, threshold) == [Began(0)]


@pytest.mark.parametrize(("threshold", "release"), [(0.5, 0.35), (0.9, 0.75), (0.15, 0.01), (0.0, 0.01)])
def test_speech_lasts_until_it_is_well_below_the_threshold(threshold: float, release: float) -> None:
    """0.15 below, and never below 0.01: with a threshold near zero, silence must still end a turn."""
    line = Line(Knobs(threshold=threshold, silence_ms=200))
    assert line.push(1, 1, *[release + 0.001] * 100) == [Began(0)]
    assert line.push(*[release - 0.001] * 7) == [Ended(109 * WINDOW)]


@pytest.mark.parametrize(("silence_ms", "windows"), [(0, 1), (32, 1), (33, 2), (200, 7), (500, 16), (512, 16)])
def test_a_turn_ends_after_its_silence(silence_ms: int, windows: int) -> None:
    """In the first window that completes it; with no silence asked for, in the first silent one."""
    line = Line(Knobs(silence_ms=silence_ms))
    assert line.push(1, 1, 1, *[0] * (windows - 1)) == [Began(0)]
    assert line.push(0) == [Ended((3 + windows) * WINDOW)]
    assert not line.endpointer.speaking


def test_a_pause_shorter_than_the_silence_does_not_end_the_turn() -> None:
    """And the next pause is counted from its own beginning."""
    line = Line(Knobs(silence_ms=200))
    assert line.push(1, 1, *[0, 0, 0, 0, 0, 0, 1] * 20) == [Began(0)]
    assert line.push(*[0] * 6) == []
    assert line.push(0) == [Ended(line.end)]


def test_the_next_turn_begins_from_nothing() -> None:
    """No window of the turn before counts for it."""
    line = Line(Knobs(silence_ms=32))
    assert line.push(1, 1, 0) == [Began(0), Ended(3 * WINDOW)]
    assert line.push(1) == []
    assert line.push(1) == [Began(3 * WINDOW)]


def test_stopping_in_speech_makes_it_quiet() -> None:
    """The turn was ended by other means: no `Ended` comes for it, and speech that goes on is a new turn."""
    line = Line(Knobs(silence_ms=64))
    line.push(1, 1, 0)
    line.endpointer.stop()
    assert not line.endpointer.speaking
    assert line.push(0, 0, 0, 1) == []
    assert line.push(1) == [Began(6 * WINDOW)]


def test_stopping_forgets_speech_and_silence_counted_so_far() -> None:
    """Half a beginning before the stop is not half a beginning after it, nor half an end."""
    line = Line(Knobs(silence_ms=64))
    line.push(1)
    line.endpointer.stop()
    assert line.push(1) == []
    assert line.push(1) == [Began(WINDOW)]
    line.push(0)
    line.endpointer.stop()
    assert line.push(1, 1, 0) == [Began(4 * WINDOW)]


def test_knobs_can_be_turned_in_the_middle_of_a_turn() -> None:
    """They hold from the next window."""
    line = Line(Knobs(silence_ms=500))
    assert line.push(1, 1, 0, 0, 0) == [Began(0)]
    line.endpointer.knobs = Knobs(silence_ms=128)
    assert line.push(0) == [Ended(6 * WINDOW)]


LOOKS = Knobs(silence_ms=640, looks_ms=(64, 192), bars=(Bar(128, 0.9), Bar(320, 0.6)), blind_silence_ms=384)


def first_look(line: Line) -> Paused:
    """Two windows of speech, two of silence, and the question they raise."""
    [_, pause] = line.push(1, 1, 0, 0)
    assert isinstance(pause, Paused)
    return pause


def test_a_silence_is_looked_at_when_it_has_lasted_so_long() -> None:
    """Once each time, and for as long as it lasts; the longest wait ends it when nobody answers."""
    line = Line(LOOKS)
    assert line.push(1, 1, 1, 0) == [Began(0)]
    assert line.push(0) == [Paused(5 * WINDOW, 3 * WINDOW)]
    assert line.push(*[0] * 4) == [Paused(9 * WINDOW, 3 * WINDOW)]
    assert line.push(*[0] * 13) == []
    assert line.push(0) == [Ended(23 * WINDOW)]


def test_the_next_silence_is_looked_at_from_its_own_beginning() -> None:
    """Speech in between makes it another."""
    line = Line(LOOKS)
    looks = line.push(1, 1, 0, 0, 1, 0, 0)[1:]
    assert looks == [Paused(4 * WINDOW, 2 * WINDOW), Paused(7 * WINDOW, 5 * WINDOW)]


def test_looks_that_fall_into_one_window_are_one() -> None:
    """Nobody is asked twice about the same sound."""
    line = Line(LOOKS, window_samples=4096)
    assert line.push(1, 0)[1:] == [Paused(8192, 4096)]


def silent(line: Line, windows: int, second: float | None) -> list[Boundary]:
    """What ends in the silence after `first_look`, when the second look at it is answered at once."""
    ends = list[Boundary]()
    for _ in range(windows):
        for boundary in line.push(0):
            if isinstance(boundary, Paused):
                assert not line.endpointer.is_over(Verdict(boundary, second), line.end)
            else:
                ends.append(boundary)
    return ends


@pytest.mark.parametrize(
    ("completeness", "windows"), [(1.0, 4), (0.9, 4), (0.89, 10), (0.6, 10), (0.59, 20), (0.0, 20), (None, 12)]
)
def test_the_silence_that_ends_a_turn_is_shorter_the_more_complete_it_sounds(
    completeness: float | None, windows: int
) -> None:
    """To the window: the first bar it reaches, or the longest wait. Between them is what a blind one waits for."""
    line = Line(LOOKS)
    assert not line.endpointer.is_over(Verdict(first_look(line), completeness), line.end)
    assert silent(line, windows - 3, completeness) == []
    assert line.push(0) == [Ended((2 + windows) * WINDOW)]


@pytest.mark.parametrize(("completeness", "over"), [(0.9, True), (0.7, False), (0.0, False), (None, False)])
def test_a_verdict_that_comes_after_its_bar_ends_the_turn_at_once(completeness: float | None, over: bool) -> None:
    """Not before."""
    line = Line(LOOKS)
    pause = first_look(line)
    line.push(0, 0, 0)
    assert line.endpointer.is_over(Verdict(pause, completeness), line.end) is over


@pytest.mark.parametrize(
    ("first", "second", "windows"), [(0.7, 1.0, 10), (0.89, 0.7, 10), (None, 0.7, 10), (0.7, None, 10), (0.0, 0.7, 20)]
)
def test_the_least_complete_that_it_sounded_counts(first: float | None, second: float | None, windows: int) -> None:
    """Whichever look that was; one without an answer says nothing beside one with."""
    line = Line(LOOKS)
    assert not line.endpointer.is_over(Verdict(first_look(line), first), line.end)
    assert silent(line, windows - 3, second) == []
    assert line.push(0) == [Ended((2 + windows) * WINDOW)]


def test_a_look_that_has_not_been_answered_is_waited_for() -> None:
    """Though an earlier one would do: it may sound less complete to the later."""
    line = Line(LOOKS)
    first = first_look(line)
    [second] = line.push(*[0] * 4)
    assert isinstance(second, Paused)
    assert not line.endpointer.is_over(Verdict(first, 1.0), line.end)
    assert line.push(0, 0, 0) == []
    assert line.endpointer.is_over(Verdict(second, 0.95), line.end)


def test_a_look_that_was_overtaken_need_not_be_answered() -> None:
    """Only the newest is."""
    line = Line(LOOKS)
    first_look(line)
    [second] = line.push(*[0] * 4)
    assert isinstance(second, Paused)
    assert line.endpointer.is_over(Verdict(second, 0.95), line.end)


WORDED = Knobs(
    silence_ms=640,
    looks_ms=(64,),
    bars=(Bar(96, 0.5, "whole"), Bar(192, 0.9, "brief"), Bar(320, 0.8), Bar(480, 0.8, "open"), Bar(576, 0, "whole")),
)


def hush(line: Line) -> tuple[Hushed, Paused]:
    """Two windows of speech, two of silence, and what is to be found out about them."""
    [_, hushed, pause] = line.hear(1, 1, 0, 0)
    assert isinstance(hushed, Hushed)
    assert isinstance(pause, Paused)
    return hushed, pause


WHOLE, BRIEF, OPEN = "Do I need an umbrella this afternoon?", "What is it?", "I went to the"


@pytest.mark.parametrize(
    ("text", "language", "completeness", "windows"),
    [
        *((WHOLE, "en", 0.95, 3), (WHOLE, "en", 0.5, 3), (WHOLE, "en", 0.49, 18)),
        *((BRIEF, "en", 0.95, 6), (BRIEF, "en", 0.85, 20)),
        *((OPEN, "en", 0.95, 15), (OPEN, "en", 0.5, 20)),
        *((WHOLE, None, 0.95, 10), (OPEN, "de", 0.95, 10), ("", "en", 0.95, 10), (WHOLE, "xx", 0.5, 20)),
    ],
)
@pytest.mark.parametrize("words_first", [False, True])
def test_what_the_words_say_decides_how_complete_the_turn_must_sound(
    text: str, language: str | None, completeness: float, windows: int, words_first: bool
) -> None:
    """To the window, whichever is known first; words that say nothing leave it to the sound."""
    line = Line(WORDED)
    hushed, pause = hush(line)
    found: list[Verdict | Wording] = [Verdict(pause, completeness), Wording(hushed, text, language)]
    for each in reversed(found) if words_first else found:
        assert not line.endpointer.is_over(each, line.end)
    assert line.push(*[0] * (windows - 3)) == []
    assert line.push(0) == [Ended((2 + windows) * WINDOW)]


def test_words_that_come_late_end_the_turn_at_once() -> None:
    """If it has sounded complete enough for them."""
    line = Line(WORDED)
    hushed, pause = hush(line)
    assert not line.endpointer.is_over(Verdict(pause, 0.7), line.end)
    line.push(*[0] * 7)
    assert line.endpointer.is_over(Wording(hushed, WHOLE, "en"), line.end)


def test_words_alone_end_nothing() -> None:
    """Before it is known how the turn sounds, or when nobody could tell, they say nothing."""
    line = Line(WORDED)
    hushed, pause = hush(line)
    assert not line.endpointer.is_over(Wording(hushed, WHOLE, "en"), line.end)
    assert line.push(*[0] * 4) == []
    assert not line.endpointer.is_over(Verdict(pause, None), line.end)
    assert line.push(*[0] * 9) == []
    assert line.push(0) == [Ended(line.end)]


@pytest.mark.parametrize("again", [False, True])
def test_the_newest_words_of_a_silence_count(again: bool) -> None:
    """A second hearing may have understood more."""
    line = Line(WORDED)
    hushed, pause = hush(line)
    for text in (OPEN, WHOLE) if again else (WHOLE, OPEN):
        assert not line.endpointer.is_over(Wording(hushed, text, "en"), line.end)
    assert not line.endpointer.is_over(Verdict(pause, 0.7), line.end)
    assert (line.push(0) == [Ended(line.end)]) is again


@pytest.mark.parametrize("since", [[1.0, 0.0, 0.0], [*[0.0] * 18, 1.0, 1.0, 0.0, 0.0]])
def test_words_of_another_silence_are_stale(since: list[float]) -> None:
    """The speaker has gone on, or it is another turn."""
    line = Line(WORDED)
    hushed, _ = hush(line)
    pause = line.push(*since)[-1]
    assert isinstance(pause, Paused)
    assert not line.endpointer.is_over(Wording(hushed, WHOLE, "en"), line.end)
    assert not line.endpointer.is_over(Verdict(pause, 0.7), line.end)
    assert line.push(0, 0) == []


def test_words_are_forgotten_with_their_silence() -> None:
    """Speech that goes on makes them the beginning of others."""
    line = Line(WORDED)
    hushed, _ = hush(line)
    assert not line.endpointer.is_over(Wording(hushed, WHOLE, "en"), line.end)
    [pause] = line.push(1, 0, 0)
    assert isinstance(pause, Paused)
    assert not line.endpointer.is_over(Verdict(pause, 0.85), line.end)
    assert line.push(*[0] * 7) == []
    assert line.push(0) == [Ended(line.end)]


@pytest.mark.parametrize("since", [[1.0], [1.0, 0.0], [1.0, 0.0, 0.0], [*[0.0] * 18, 1.0, 1.0, 0.0, 0.0]])
@pytest.mark.parametrize("completeness", [1.0, None])
def test_a_verdict_on_another_silence_is_stale(since: list[float], completeness: float | None) -> None:
    """The speaker has gone on, or the turn is over and another has begun: it waits as if nobody had answered."""
    line = Line(LOOKS)
    pause = first_look(line)
    line.push(*since)
    assert not line.endpointer.is_over(Verdict(pause, completeness), line.end)
    ends = [found for found in line.push(1, *[0] * 20) if isinstance(found, Ended)]
    assert ends == [Ended(line.end)]


def test_a_verdict_on_a_turn_that_was_ended_otherwise_is_stale() -> None:
    """There is nothing left to end."""
    line = Line(LOOKS)
    pause = first_look(line)
    line.endpointer.stop()
    assert not line.endpointer.is_over(Verdict(pause, 1.0), line.end)
    assert not line.endpointer.speaking


def test_a_verdict_is_forgotten_with_its_silence() -> None:
    """Speech that goes on is a new question."""
    line = Line(LOOKS)
    line.endpointer.is_over(Verdict(first_look(line), 1.0), line.end)
    line.push(1)
    assert [found for found in line.push(*[0] * 19) if isinstance(found, Ended)] == []
    assert line.push(0) == [Ended(line.end)]


def test_a_silence_is_told_of_once_and_so_is_its_end() -> None:
    """After two windows of it, and with the first window of speech."""
    line = Line()
    assert line.hear(1, 1, 1, 0) == [Began(0)]
    assert line.hear(0) == [Hushed(5 * WINDOW, 3 * WINDOW)]
    assert line.hear(*[0] * 9) == []
    assert line.hear(1) == [Resumed(14 * WINDOW)]
    assert line.hear(1, 1) == []


def test_a_shorter_silence_is_not_told_of() -> None:
    """Nobody learns of the closure of a consonant, nor that it is over."""
    assert Line().hear(1, *[1, 0] * 50) == [Began(0)]


def test_a_turn_that_ends_in_silence_is_not_resumed() -> None:
    """What follows is another turn."""
    line = Line(Knobs(silence_ms=96))
    assert line.hear(1, 1, 0, 0, 0) == [Began(0), Hushed(4 * WINDOW, 2 * WINDOW), Ended(5 * WINDOW)]
    assert line.hear(1, 1) == [Began(5 * WINDOW)]


@pytest.mark.parametrize("silence_ms", [0, 32, 64])
def test_a_turn_that_ends_no_later_than_its_silence_is_told_of_is_just_over(silence_ms: int) -> None:
    """There is no time left to get anything ready."""
    line = Line(Knobs(silence_ms=silence_ms))
    silent = [0.0] * max(1, silence_ms // 32)
    assert line.hear(1, 1, *silent) == [Began(0), Ended((2 + len(silent)) * WINDOW)]


def test_a_window_can_begin_a_silence_and_be_looked_at() -> None:
    """The words are wanted before the verdict: they take longer."""
    line = Line(Knobs(looks_ms=(64,)))
    assert line.hear(1, 1, 0, 0)[1:] == [Hushed(4 * WINDOW, 2 * WINDOW), Paused(4 * WINDOW, 2 * WINDOW)]


def test_a_silence_need_not_be_told_of() -> None:
    """Then neither is its end."""
    assert Line(Knobs(hush_ms=0)).hear(1, 1, 0, 0, 0, 1, 0, 0, 0) == [Began(0)]


def test_a_silence_that_was_told_of_is_resumed_whatever_the_knobs_are_by_then() -> None:
    """Every `Hushed` is followed by one `Resumed` or `Ended`."""
    line = Line()
    assert line.hear(1, 1, 0, 0)[1:] == [Hushed(4 * WINDOW, 2 * WINDOW)]
    line.endpointer.knobs = Knobs(hush_ms=320)
    assert line.hear(0, 1) == [Resumed(5 * WINDOW)]


def test_a_silence_that_was_not_told_of_is_when_the_knobs_allow_it() -> None:
    """With the next window, and once."""
    line = Line(Knobs(hush_ms=320))
    assert line.hear(1, 1, 0, 0, 0) == [Began(0)]
    line.endpointer.knobs = Knobs()
    assert line.hear(0, 0) == [Hushed(6 * WINDOW, 2 * WINDOW)]


def test_stopping_in_a_silence_forgets_it() -> None:
    """The turn is gone: nothing is resumed."""
    line = Line()
    line.hear(1, 1, 0, 0)
    line.endpointer.stop()
    assert line.hear(1, 1) == [Began(4 * WINDOW)]


@examples
@given(st.lists(st.sampled_from([0.0, 0.34, 0.36, 0.5, 1.0]), max_size=200), st.sampled_from([0, 32, 64, 500]))
def test_boundaries_alternate_and_only_go_forward(probabilities: Iterable[float], silence_ms: int) -> None:
    """Began, ended, began, …: no turn shorter than its beginning and its silence, and none overlaps the next."""
    boundaries = Line(Knobs(silence_ms=silence_ms)).push(*probabilities)
    assert all(isinstance(boundary, Began) for boundary in boundaries[::2])
    assert all(isinstance(boundary, Ended) for boundary in boundaries[1::2])
    for before, after in pairwise(boundaries):
        shortest = 2 * WINDOW + max(silence_ms * 16, WINDOW) if isinstance(before, Began) else 0
        assert after.at_sample - before.at_sample >= shortest


@examples
@given(
    st.lists(st.sampled_from([0.0, 0.36, 1.0]), max_size=200),
    st.sampled_from([0, 32, 96, 500]),
    st.sampled_from([0, 32, 64, 200]),
)
def test_every_silence_that_is_told_of_is_resumed_or_ends_the_turn(
    probabilities: Iterable[float], silence_ms: int, hush_ms: int
) -> None:
    """At once, and nothing else is told in between."""
    boundaries = Line(Knobs(silence_ms=silence_ms, hush_ms=hush_ms)).hear(*probabilities)
    for before, after in pairwise(boundaries):
        assert isinstance(before, Hushed) == isinstance(after, Resumed) or isinstance(after, Ended)
        if isinstance(before, Hushed):
            assert before.since_sample < before.at_sample <= after.at_sample
