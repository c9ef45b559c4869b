from __future__ import annotations

from math import inf

import pytest

from realtime.bench.interruption_figures import charts, remarks, summary, summary_grid, trial_grid
from realtime.bench.interruptions import Kind, Outcome, Trial


def trial(
    kind: Kind, outcome: Outcome, stop_ms: float | None = None, *, slip_ms: float = 0, ducked_ms: float | None = None
) -> Trial:
    by = "input_audio_buffer.speech_started" if outcome.startswith("stopped") else ""
    problem = "it is ill" if outcome == "no answer" else ""
    return Trial(
        sound=f"a {kind}",
        kind=kind,
        outcome=outcome,
        stop_ms=stop_ms,
        stopped_by=by,
        problem=problem,
        slip_ms=slip_ms,
        ducked_ms=ducked_ms,
    )


TRIALS = [
    trial("interruption", "stopped", 100),
    trial("interruption", "stopped", 200, ducked_ms=90),
    trial("interruption", "went on", ducked_ms=150),
    trial("interruption over echo", "stopped too early"),
    trial("backchannel", "stopped", 90),
    trial("backchannel", "went on"),
    trial("own echo", "went on"),
    trial("noise", "answer too short"),
    trial("noise", "no answer"),
]


def test_precision_is_of_stops_and_recall_of_interruptions() -> None:
    found = summary(TRIALS)
    assert found.precision == pytest.approx(2 / 4)
    assert found.recall == pytest.approx(2 / 3)
    assert (found.false_stops, found.too_early, found.not_tried) == (2, 1, 2)
    assert found.stop is not None
    assert (found.stop.count, found.stop.missed, found.stop.p50_ms, found.stop.p95_ms) == (3, 1, 200, inf)
    assert found.quiet is not None
    assert (found.quiet.missed, found.quiet.p50_ms, found.quiet.worst_ms) == (0, 100, 150)
    assert [(share.kind, share.stopped, share.trials) for share in found.kinds] == [
        ("interruption", 2, 3),
        ("backchannel", 1, 2),
        ("own echo", 0, 1),
    ]


def test_without_stops_or_interruptions_there_is_no_share() -> None:
    found = summary([trial("noise", "went on")])
    assert (found.precision, found.recall, found.stop) == (None, None, None)
    assert [row[1] for row in summary_grid([trial("noise", "went on")]).rows] == ["0 % of 1", "0 % of 1", *"––––"]


def test_the_tables() -> None:
    assert trial_grid(TRIALS).rows[0] == ["a interruption", "interruption", "stopped", "–", "100", "speech_started"]
    assert summary_grid(TRIALS).rows == [
        ["interruption: stopped", "67 % of 3"],
        ["backchannel: falsely stopped", "50 % of 2"],
        ["own echo: falsely stopped", "0 % of 1"],
        ["stopped before the sound began", "14 % of 7"],
        ["precision: of the stops, those that were meant", "50 %"],
        ["recall: of those that were meant, the stops", "67 %"],
        ["onset of a real interruption to the stop, ms, p50 / p95", "200 / ∞"],
        ["the same to the voice lowered or stopped", "100 / 145"],
    ]


def test_the_charts() -> None:
    kinds, soon = charts(TRIALS)
    assert kinds.series[0].points == [("interruption", 200 / 3), ("backchannel", 50), ("own echo", 0)]
    assert soon.series[0].points == [(100, 100 / 3), (200, 200 / 3)]


def test_a_reader_is_told_what_was_wrong_with_a_run() -> None:
    assert remarks([trial("noise", "went on")]) == []
    assert remarks([*TRIALS, trial("noise", "went on", slip_ms=40)]) == [
        "1 of 10 trials had no answer to talk into: it is ill",
        "the answer was over before anything could stop it: a noise",
        "the answer was stopped before anything was said: a interruption over echo",
        "the caller itself was late in 1 trials, by up to 40 ms: they are doubtful",
    ]
