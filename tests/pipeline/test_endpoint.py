"""Where turns begin and end, told from probabilities alone."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.pipeline.endpoint import Began, Boundary, Ended, Endpointer, Knobs
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

    def push(self, *probabilities: float) -> list[Boundary]:
        """The boundaries that these windows make."""
        return [boundary for probability in probabilities if (boundary := self._push(probability))]

    def _push(self, probability: float) -> Boundary | None:
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
