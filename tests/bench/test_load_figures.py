from __future__ import annotations

from math import inf

from realtime.bench.load import Asked, Phase
from realtime.bench.load_figures import chart, grid, remarks, summary


def asked(latency_ms: float, *, turns: int = 1) -> Asked:
    latencies = {"first audio": latency_ms} if latency_ms < inf else {}
    return Asked(caller=0, question="q", latencies_ms=latencies, turns=turns, problem="" if latencies else "it is ill")  # type: ignore[arg-type]


FEW = Phase(
    callers=1,
    refused=0,
    dropped=0,
    asked=[asked(400), asked(600)],
    slip_ms=3,
    load_average=0.5,
    cpu_ms_per_session_s=41.25,
    rss_mib=700.4,
    lag={"worst_ms": 7.6},
)
MANY = Phase(
    callers=16, refused=2, dropped=1, asked=[asked(700), asked(900, turns=2), asked(inf)], slip_ms=31, load_average=2
)
NOBODY = Phase(callers=4, refused=4, dropped=0, asked=[], slip_ms=0, load_average=0)


def test_what_was_not_answered_waited_for_ever() -> None:
    found = summary(MANY)
    assert (found.refused, found.dropped, found.cut_into) == (2, 1, 1)
    assert found.voice_to_voice is not None
    assert (found.voice_to_voice.p50_ms, found.voice_to_voice.p95_ms) == (900, inf)
    assert summary(NOBODY).voice_to_voice is None


def test_the_table() -> None:
    table = grid([FEW, MANY, NOBODY])
    assert table.rows == [
        ["1", "0", "0", "500", "590", "600", "0 % of 2", "0 % of 2", "41.2", "700", "8"],
        ["16", "2", "1", "900", "∞", "∞", "33 % of 3", "33 % of 3", "–", "–", "–"],
        ["4", "4", "0", *["–"] * 8],
    ]
    assert all(len(row) == len(table.columns) for row in table.rows)


def test_the_chart() -> None:
    p50, p95 = chart([FEW, MANY, NOBODY]).series
    assert p50.points == [(1, 500), (16, 900)]
    assert p95.points == [(1, 590), (16, inf)]


def test_a_reader_is_told_what_was_wrong_with_a_run() -> None:
    assert remarks([FEW, NOBODY]) == []
    assert remarks([MANY]) == [
        "16 callers: 1 of 3 questions were not answered in time: it is ill",
        "16 callers: they were up to 31 ms late themselves: doubtful figures",
    ]
