from __future__ import annotations

from math import inf

import pytest

from realtime.bench.turn_figures import Setting, charts, grid, pause_grid, remarks, setting, trade_grid, trades
from realtime.bench.turns import PAUSES_MS, Case, How


def case(how: How, stop_ms: float, *, own: tuple[int, int] = (0, 0), problem: str = "", slip_ms: float = 0) -> Case:
    return Case(
        clip=f"clip {stop_ms:g}",
        how=how,
        at_ms=1000,
        heard=True,
        stop_ms=stop_ms,
        own_pauses=own[0],
        own_cuts=own[1],
        problem=problem,
        slip_ms=slip_ms,
    )


CAREFUL = setting(
    "server_vad:800",
    [
        case("whole", 900, own=(2, 1)),
        case("whole", 800),
        case("plain", 900),
        case("plain", inf),
        case("drawn out", inf),
    ],
)
QUICK = setting("server_vad:200", [case("whole", 200), case("plain", 200), case("plain", 650), case("drawn out", 700)])


def test_a_pause_is_cut_into_when_it_is_as_long_as_the_server_waits() -> None:
    drawn_out, plain = QUICK.summary.cuts
    assert (drawn_out.breaks, drawn_out.cut) == (1, {400: 0, 700: 1, 1000: 1, 1500: 1})
    assert (plain.breaks, plain.cut) == (2, {400: 1, 700: 2, 1000: 2, 1500: 2})
    assert QUICK.summary.cut_share == pytest.approx(10 / 3 / len(PAUSES_MS))
    assert (CAREFUL.summary.own_pauses, CAREFUL.summary.own_cuts) == (2, 1)


def test_an_end_that_was_missed_is_infinitely_late_and_a_broken_call_cuts_into_nothing() -> None:
    found = setting("x", [case("whole", 300), case("whole", inf), case("plain", inf, problem="lost"), case("plain", 1)])
    assert (found.summary.delay.missed, found.summary.delay.p50_ms) == (1, inf)
    assert found.summary.cuts[1].breaks == 1


def test_settings_of_one_family_are_the_ends_of_a_line() -> None:
    [trade] = trades([CAREFUL, QUICK])
    assert trade.family == "server_vad"
    fast, slow = QUICK.summary.cut_share, CAREFUL.summary.cut_share
    assert trade.cut_share_at_300_ms == pytest.approx(fast + (slow - fast) * 100 / 650)
    assert trade.delay_ms_at_5_percent is None
    assert trades([CAREFUL]) == []


def test_the_tables() -> None:
    table = grid([CAREFUL, QUICK])
    assert table.rows == [
        ["server_vad:800", "850", "895", "0 of 2", "0", "25", "50 % of 2"],
        ["server_vad:200", "200", "200", "0 of 1", "75", "88", "–"],
    ]
    assert pause_grid([QUICK]).rows == [["server_vad:200", "0 / 50", "100 / 100", "100 / 100", "100 / 100"]]
    assert trade_grid(trades([CAREFUL, QUICK])).rows == [["server_vad", "73", "–"]]
    assert all(len(row) == len(table.columns) for row in table.rows)


def test_the_charts_show_delay_against_cut_ins() -> None:
    curve, pauses = charts([CAREFUL, QUICK])
    assert [(series.name, series.labels) for series in curve.series] == [
        ("server_vad", ["server_vad:200", "server_vad:800"])
    ]
    assert curve.series[0].points[0] == (200.0, 100 * QUICK.summary.cut_share)
    # Three breaks each: one of the careful setting's was cut into, after 900 ms.
    assert [series.points[-1] for series in pauses.series] == [(900, 100 * 1 / 3), (700, 100)]


def test_a_reader_is_told_what_was_wrong_with_a_run() -> None:
    assert remarks([CAREFUL, QUICK]) == []
    wrong = setting("x", [case("whole", inf), case("plain", inf, problem="it broke off"), case("plain", 1, slip_ms=33)])
    assert remarks([wrong]) == [
        "x: the end was missed of clip inf",
        "x: 1 calls broke off: it broke off",
        "x: the caller itself was late in 1 calls, by up to 33 ms",
    ]


def test_a_run_of_whole_clips_alone_has_no_share() -> None:
    only: Setting = setting("x", [case("whole", 300)])
    assert only.summary.cut_share == 0
    assert grid([only]).rows == [["x", "300", "300", "0 of 1", "–", "–", "–"]]
