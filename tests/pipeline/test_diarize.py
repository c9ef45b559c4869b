"""Who spoke when, from windows that somebody else has listened to. A millisecond is a sample here."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.pipeline.diarize import HOP_MS, SHORTEST_MS, WINDOW_MS, Tidiness, Turn, clips_of, turns, windows
from realtime.pipeline.stretches import Stretch

RATE_HZ = 1000
EVERYTHING = Tidiness(shortest_ms=0, pause_ms=0)


def turn(start: int, end: int, speaker: int) -> Turn:
    return Turn(start=start, end=end, speaker=speaker)


def told(stretches: list[Stretch], speakers: list[int], tidiness: Tidiness = EVERYTHING) -> list[Turn]:
    return turns(stretches, windows(stretches, RATE_HZ), speakers, RATE_HZ, tidiness)


def test_windows_overlap_by_half_and_the_last_ends_with_the_speech() -> None:
    assert windows([Stretch(100, 3500)], RATE_HZ) == [
        Stretch(100, 1600),
        Stretch(850, 2350),
        Stretch(1600, 3100),
        Stretch(2000, 3500),
    ]


def test_what_is_shorter_than_a_window_is_one_and_what_is_too_short_is_none() -> None:
    assert windows([Stretch(0, SHORTEST_MS), Stretch(900, 900 + SHORTEST_MS - 1), Stretch(2000, 3500)], RATE_HZ) == [
        Stretch(0, SHORTEST_MS),
        Stretch(2000, 3500),
    ]


@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(1, 9000)), max_size=8))
def test_every_moment_of_speech_is_listened_to(lengths: list[tuple[int, int]]) -> None:
    """Except where it is too short; no window is longer than it should be, and none leaves its stretch."""
    stretches, at = [], 0
    for pause, length in lengths:
        stretches.append(Stretch(at + pause, at + pause + length))
        at += pause + length
    listened = windows(stretches, RATE_HZ)
    for stretch in stretches:
        inside = [window for window in listened if stretch.start <= window.start and window.end <= stretch.end]
        if stretch.end - stretch.start >= SHORTEST_MS:
            assert (inside[0].start, inside[-1].end) == (stretch.start, stretch.end)
            assert all(following.start - window.start <= HOP_MS for window, following in pairwise(inside))
            assert all(window.end - window.start <= WINDOW_MS for window in inside)
        else:
            assert inside == []
    assert sum(stretch.end - stretch.start for stretch in stretches) == sum(
        one.end - one.start for one in turns(stretches, listened, [0] * len(listened), RATE_HZ, EVERYTHING)
    )


def test_voices_change_in_the_pause_between_them() -> None:
    assert told([Stretch(0, 1500), Stretch(1800, 3000)], [0, 1]) == [turn(0, 1500, 0), turn(1800, 3000, 1)]


def test_without_a_pause_they_change_halfway_between_the_middles_of_two_windows() -> None:
    """0-1500 and 750-2250: 750 and 1500 are their middles."""
    assert told([Stretch(0, 2250)], [0, 1]) == [turn(0, 1125, 0), turn(1125, 2250, 1)]


def test_speakers_are_numbered_as_they_are_first_heard() -> None:
    """Whatever their groups are called."""
    stretches = [Stretch(0, 1000), Stretch(2000, 3000), Stretch(4000, 5000), Stretch(6000, 7000)]
    assert [one.speaker for one in told(stretches, [7, 2, 7, 0])] == [0, 1, 0, 2]


@pytest.mark.parametrize(("pause_ms", "parts"), [(500, 1), (501, 1), (499, 2), (0, 2)])
def test_a_short_pause_does_not_part_the_turns_of_one_speaker(pause_ms: float, parts: int) -> None:
    found = told([Stretch(0, 1000), Stretch(1499, 2500)], [0, 0], Tidiness(shortest_ms=0, pause_ms=pause_ms))
    assert len(found) == parts
    assert (found[0].start, found[-1].end) == (0, 2500)


def test_the_turn_of_another_does() -> None:
    stretches = [Stretch(0, 1000), Stretch(1010, 1900), Stretch(1910, 2900)]
    found = told(stretches, [0, 1, 0], Tidiness(shortest_ms=0, pause_ms=60_000))
    assert [one.speaker for one in found] == [0, 1, 0]


def test_short_turns_are_left_out_once_they_are_joined() -> None:
    """Two of 450 ms and a short pause are a long one; one that stays alone goes, and its number goes to the next."""
    stretches = [Stretch(0, 450), Stretch(2000, 2450), Stretch(2500, 2950), Stretch(5000, 5600)]
    assert told(stretches, [3, 1, 1, 2], Tidiness(shortest_ms=600, pause_ms=100)) == [
        turn(2000, 2950, 0),
        turn(5000, 5600, 1),
    ]


@pytest.mark.parametrize(("start", "speaker"), [(1600, 0), (2700, 1)])
def test_speech_too_short_to_be_told_is_that_of_the_nearest(start: int, speaker: int) -> None:
    stretches = [Stretch(0, 1500), Stretch(start, start + 200), Stretch(3000, 4500)]
    assert told(stretches, [0, 1])[1] == turn(start, start + 200, speaker)


def test_if_all_of_it_is_too_short_it_is_one_speakers() -> None:
    assert told([Stretch(0, 300), Stretch(900, 1100)], []) == [turn(0, 300, 0), turn(900, 1100, 0)]


def test_where_nobody_speaks_there_is_no_turn() -> None:
    assert told([], []) == []


def test_a_turn_is_transcribed_without_its_pauses_in_clips_that_are_not_too_long() -> None:
    stretches = [Stretch(0, 400), Stretch(500, 900), Stretch(1000, 1900), Stretch(2000, 2500), Stretch(2600, 2700)]
    assert clips_of(turn(500, 2500, 0), stretches, 1000) == [
        Stretch(500, 900),
        Stretch(1000, 1900),
        Stretch(2000, 2500),
    ]
    assert clips_of(turn(500, 2500, 0), stretches, 1500) == [Stretch(500, 1900), Stretch(2000, 2500)]
    assert clips_of(turn(600, 1800, 0), stretches, 2000) == [Stretch(600, 1800)]


def test_speech_without_a_pause_is_parted_where_it_must() -> None:
    assert clips_of(turn(100, 2600, 0), [Stretch(0, 3000)], 1000) == [
        Stretch(100, 1100),
        Stretch(1100, 2100),
        Stretch(2100, 2600),
    ]
