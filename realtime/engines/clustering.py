"""Which of some voiceprints are one person's.

Voices are joined two by two, the nearest first, where near is the mean cosine distance of all the pairs that two groups
have (average linkage): one odd window neither joins two people nor makes a third.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import linkage

from realtime.engines.speaker import Points, Voiceprint, direction

MOST_COMPARED = 1000
"""Voiceprints that are compared with one another, twelve minutes of speech: scipy lets no other thread go on for the
30-100 ms that it joins them in, nine times as long for three times as many. Of more, as many in even steps are
compared, and the others go to the group they lie nearest to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """How many groups there may be, and when two are one."""

    same_below: float
    """Cosine distance, 0 to 2, below which two groups are joined."""
    least: int = 1
    most: int | None = None
    """Bounds on the number of groups, as far as there are so many voiceprints; they go before `same_below`."""


def group(voiceprints: Sequence[Voiceprint], grouping: Grouping) -> list[int]:
    """The group of each voiceprint, counted from 0. Blocks for up to 0.2 s."""
    if not voiceprints:
        return []
    points = np.stack(voiceprints)
    chosen = points[:: -(-len(points) // MOST_COMPARED)]
    groups = _joined(chosen, grouping)
    if len(chosen) == len(points):
        return [int(number) for number in groups]
    middles = np.stack([direction(chosen[groups == number].mean(axis=0)) for number in range(groups.max() + 1)])
    return [int(number) for number in np.argmax(points @ middles.T, axis=1)]


def _joined(points: Points, grouping: Grouping) -> NDArray[np.int64]:
    """The group of each point."""
    if len(points) == 1:
        return np.zeros(1, np.int64)
    distances = np.maximum(0, 1 - points @ points.T)[np.triu_indices(len(points), 1)]
    joins = linkage(distances.astype(np.float64), method="average")
    count = len(points) - int((joins[:, 2] < grouping.same_below).sum())
    count = min(count, len(points) if grouping.most is None else grouping.most)
    count = min(max(count, grouping.least), len(points))
    return _parted(joins[:, :2].astype(np.int64), count)


def _parted(joins: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The group of each point when the last joins, all that make fewer than `count` groups, are taken back.

    Points are numbered from 0, and each join's group after them. (scipy's `cut_tree` does the same in a hundred times
    the time, and lets no other thread go on.)
    """
    points = len(joins) + 1
    made = points - count
    inside = np.arange(points + made)
    for number, pair in enumerate(joins[:made], start=points):
        inside[pair] = number
    for number in range(points + made - 1, -1, -1):
        inside[number] = inside[inside[number]]
    _, groups = np.unique(inside[:points], return_inverse=True)
    return groups.astype(np.int64)
