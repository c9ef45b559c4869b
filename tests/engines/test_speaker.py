"""Points of length 1, and how far they lie apart."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.engines.speaker import direction, distance


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [((3, 0), (2, 0), 0), ((1, 0), (0, 5), 1), ((1, 1), (-2, -2), 2), ((1, 0), (1, 1), 0.293)],
)
def test_distance_is_that_of_their_directions(
    one: tuple[float, float], other: tuple[float, float], apart: float
) -> None:
    points = [direction(np.array(point, np.float32)) for point in (one, other)]
    assert distance(*points) == pytest.approx(apart, abs=1e-3)
    assert distance(*points) >= 0


def test_a_direction_has_length_one() -> None:
    assert np.linalg.norm(direction(np.array([3, 4, 12], np.float32))) == pytest.approx(1)
