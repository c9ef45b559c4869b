"""Voices drawn around some people's own are put together again."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from realtime.engines import clustering
from realtime.engines.clustering import Grouping, group
from realtime.engines.speaker import Voiceprint, direction


def voices(*counts: int, apart: float = 0.25) -> list[Voiceprint]:
    """So many voiceprints of each of some people, each off by noise; people are at right angles, distance 1."""
    draw = np.random.default_rng(5)
    return [
        direction((np.eye(16)[person] + draw.normal(0, apart / 4, 16)).astype(np.float32))
        for person, count in enumerate(counts)
        for _ in range(count)
    ]


def parts(*counts: int) -> list[tuple[int, int]]:
    """Where the voiceprints of each person lie."""
    ends = np.cumsum(counts).tolist()
    return list(zip([0, *ends], ends, strict=False))


def check(groups: list[int], *counts: int) -> None:
    """Each person is one group, and no two are the same."""
    found = [set(groups[start:end]) for start, end in parts(*counts)]
    assert all(len(one) == 1 for one in found)
    assert len(set().union(*found)) == len(counts)


@pytest.mark.parametrize("counts", [(5,), (1, 1), (9, 4), (3, 1, 20, 7)])
def test_each_person_is_a_group(counts: tuple[int, ...]) -> None:
    check(group(voices(*counts), Grouping(same_below=0.5)), *counts)


def test_a_low_threshold_makes_many_groups_and_a_high_one_few() -> None:
    points = voices(6, 6, 6)
    found = [len(set(group(points, Grouping(same_below=below)))) for below in (0, 0.5, 1.5)]
    assert found == [18, 3, 1]


@pytest.mark.parametrize(("least", "most", "expected"), [(1, None, 3), (5, None, 5), (1, 2, 2), (2, 4, 3), (2, 2, 2)])
def test_the_number_of_groups_can_be_bounded(least: int, most: int | None, expected: int) -> None:
    found = group(voices(6, 6, 6), Grouping(same_below=0.5, least=least, most=most))
    assert len(set(found)) == expected


def test_there_are_no_more_groups_than_voiceprints() -> None:
    assert sorted(group(voices(2), Grouping(same_below=0.5, least=9))) == [0, 1]
    assert group(voices(1), Grouping(same_below=0.5, least=3)) == [0]
    assert group([], Grouping(same_below=0.5)) == []


def test_the_same_point_twice_is_one_person() -> None:
    assert len(set(group(voices(1) * 4, Grouping(same_below=0.1)))) == 1


def test_of_many_some_are_compared_and_all_are_grouped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clustering, "MOST_COMPARED", 50)
    counts = (400, 120, 35)
    groups = group(voices(*counts), Grouping(same_below=0.5))
    check(groups, *counts)
    assert sorted(Counter(groups).values()) == sorted(counts)
