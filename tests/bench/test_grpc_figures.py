"""What is shown of `realtime bench grpc`."""

from __future__ import annotations

from math import inf

from realtime.bench.grpc_figures import chart, latency_grid, remarks, stream_grid, summary
from realtime.bench.grpc_transforms import Case, Measured, Run

CASE = Case(transform="webrtc", rate_hz=16_000, frame_ms=10)


def run(streams: int, p99_ms: float, slip_ms: float = 0.0, problem: str = "") -> Run:
    return Run(
        streams=streams,
        p50_ms=1.25,
        p99_ms=p99_ms,
        worst_ms=p99_ms + 1,
        slip_ms=slip_ms,
        cpu_ms_per_stream_s=42.4,
        problem=problem,
    )


HELD = Measured(case=CASE, runs=[run(1, 2), run(2, 4, slip_ms=25), run(4, 30), run(3, inf, problem="it broke off")])
NEVER = Measured(case=CASE, runs=[run(1, 12), run(1, 11)])


def test_one_stream_has_its_row() -> None:
    assert latency_grid([HELD]).rows == [["webrtc, 16 kHz, 10 ms", "1.2", "2.0", "3.0", "42"]]


def test_the_most_that_held_stand_beside_the_fewest_that_did_not() -> None:
    assert stream_grid([HELD, NEVER], most=64).rows == [
        ["webrtc, 16 kHz, 10 ms", "2", "1.2", "4.0", "5.0", "42", "∞ (3)"],
        ["webrtc, 16 kHz, 10 ms", "0", "–", "–", "–", "–", "11.0 (1)"],
    ]
    assert stream_grid([Measured(case=CASE, runs=[run(1, 2)])], most=1).rows[0][1:] == [
        "1 or more",
        "1.2",
        "2.0",
        "3.0",
        "42",
        "not tried",
    ]


def test_it_comes_to_a_summary() -> None:
    found = summary(HELD, most=64)
    assert (found.p50_ms, found.p99_ms, found.streams, found.limited) == (1.25, 2, 2, False)
    assert summary(HELD, most=2).limited


def test_the_curve_goes_up_to_where_it_breaks() -> None:
    (series,) = chart([HELD]).series
    assert series.points == [(1, 2), (2, 4), (4, 30)]


def test_what_is_doubtful_is_said() -> None:
    assert remarks([HELD]) == [
        "webrtc, 16 kHz, 10 ms, 3 streams: it broke off",
        "webrtc, 16 kHz, 10 ms, 2 streams: the client was up to 25 ms late itself",
    ]
    assert remarks([NEVER]) == []
