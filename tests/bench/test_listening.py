from __future__ import annotations

import pytest

from realtime.bench.listening import cost, cost_grid, growth, phase_grid, remarks
from realtime.bench.process import Reading, cpu_ms_per_s
from realtime.bench.room import Phase

LAG = {"worst_ms": 12.0, "worst_own_ms": 3.4, "over_10_ms": 1, "over_50_ms": 0}


def phase(conversations: int, cpu_s: list[float], rss_mib: list[float], slip_ms: float = 0) -> Phase:
    """One that was read every second."""
    readings = [
        Reading(at_s=50.0 + second, cpu_s=cpu, rss_mib=rss)
        for second, (cpu, rss) in enumerate(zip(cpu_s, rss_mib, strict=True))
    ]
    return Phase(
        conversations=conversations, readings=readings, false_starts=0, slip_ms=slip_ms, lag=LAG, load_average=0.5
    )


IDLE = phase(0, [1.0, 1.002, 1.004, 1.006], [500] * 4)
ONE = phase(1, [2.0, 2.006, 2.012, 2.018], [501] * 4)
MANY = phase(11, [3.0, 3.1, 3.2, 3.3, 3.4, 3.5, 3.62], [510, 510, 510, 511, 511, 511, 512])


def test_processor_time_is_told_per_second() -> None:
    assert cpu_ms_per_s(IDLE.readings) == pytest.approx(2)
    assert ONE.cpu_ms_per_s == pytest.approx(6)


def test_one_more_costs_the_slope_between_few_and_many() -> None:
    one_more = cost([IDLE, ONE, MANY])
    assert one_more.cpu_ms_per_s == pytest.approx((620 / 6 - 6) / 10)
    assert one_more.rss_mib == pytest.approx(1.1)


def test_the_end_of_a_phase_is_compared_with_its_beginning() -> None:
    grown = growth(MANY)
    assert grown.first_cpu_ms_per_s == pytest.approx(100)
    assert grown.last_cpu_ms_per_s == pytest.approx(110)
    assert grown.rss_mib == 2


def test_the_tables() -> None:
    assert phase_grid([IDLE, ONE]).rows == [
        ["0", "2.0", "500.0", "12", "3", "1", "0", "0"],
        ["1", "6.0", "501.0", "12", "3", "1", "0", "0"],
    ]
    assert [row[1] for row in cost_grid([IDLE, ONE, MANY]).rows] == ["9.73", "1.10", "2.0", "100.0", "110.0", "2.00"]


def test_callers_that_were_late_are_told() -> None:
    assert remarks([IDLE, ONE]) == []
    assert remarks([IDLE, phase(1, [0, 1], [1, 1], slip_ms=33)]) == [
        "the callers themselves were up to 33 ms late: the machine was too busy for them"
    ]
