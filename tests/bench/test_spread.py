from __future__ import annotations

from math import inf

import pytest

from realtime.bench.spread import percentile, shown_ms, shown_share, spread, steps


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([300], 95, 300),
        ([100, 200], 50, 150),
        ([200, 100, 300], 50, 200),
        ([float(value) for value in range(101)], 95, 95),
        ([100, inf], 50, inf),
        ([100, 200, inf], 50, 200),
        ([inf, inf], 50, inf),
        ([inf, 100], 0, 100),
    ],
)
def test_percentiles_know_infinity(values: list[float], percent: float, expected: float) -> None:
    assert percentile(values, percent) == pytest.approx(expected)


def test_what_was_missed_lasts_for_ever() -> None:
    found = spread([400, 500, inf, 450])
    assert (found.count, found.missed, found.worst_ms) == (4, 1, inf)
    assert found.p50_ms == pytest.approx(475)
    assert found.p95_ms == inf


def test_a_line_never_reaches_what_never_came() -> None:
    assert steps([300, inf, 100, 200]) == [(100, 25), (200, 50), (300, 75)]


def test_how_figures_look() -> None:
    assert [shown_ms(value) for value in (None, 12.6, inf)] == ["–", "13", "∞"]
    assert [shown_share(1, 3), shown_share(0, 0)] == ["33 % of 3", "–"]
