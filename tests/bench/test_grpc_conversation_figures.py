from __future__ import annotations

from realtime.bench.grpc_conversation import Figure, Round, Visit
from realtime.bench.grpc_conversation_figures import chart, grids, remarks
from realtime.bench.latency import Asked
from realtime.caller.turn import STAGES, Stage

NAMES: dict[str, Figure] = {
    "stopped": "speech stopped",
    "token": "first token",
    "audio": "first audio",
    "way": "on the way",
    "cpu": "processor time",
}


def visit(said: str = "Well.", slip_ms: float = 0, **figures: float) -> Visit:
    known: dict[Figure, float] = {NAMES[name]: value for name, value in figures.items()}
    times: dict[Stage, float] = {stage: known[stage] for stage in STAGES if stage in known}
    asked = Asked(question="q", text="Well?", said=said, slip_ms=slip_ms, latencies_ms=times)
    return Visit(asked=asked, figures_ms=known)


def between(there: Visit, here: Visit) -> Round:
    return Round(visits={"A": there, "B": here})


ROUNDS = [
    between(visit(stopped=500, token=550, audio=800, way=70, cpu=100), visit(stopped=501, audio=803, way=71, cpu=104)),
    between(visit(stopped=520, token=560, audio=900, way=80, cpu=200), visit(stopped=519, audio=905, way=83, cpu=206)),
]


def test_a_stage_stands_beside_the_same_over_the_other_door() -> None:
    [grid] = grids(ROUNDS)
    assert grid.columns == ["stage", "A, p50", "A, p95", "B, p50", "B, p95", "added, p50", "p25", "p75"]
    assert grid.rows == [
        ["speech stopped", "510", "519", "510", "518", "+0.0", "-0.5", "+0.5"],
        ["first token", "555", "560", "–", "–", "–", "–", "–"],
        ["first audio", "850", "895", "854", "900", "+4.0", "+3.5", "+4.5"],
        ["first audio, less the server's own time", "75", "80", "77", "82", "+2.0", "+1.5", "+2.5"],
        ["processor time of a turn", "150", "195", "155", "201", "+5.0", "+4.5", "+5.5"],
    ]


def test_what_is_not_known_has_no_row() -> None:
    [grid] = grids([between(visit(stopped=500), visit(stopped=501))])
    assert [row[0] for row in grid.rows] == ["speech stopped"]


def test_an_answer_that_never_came_is_infinitely_late_and_adds_nothing() -> None:
    [grid] = grids([*ROUNDS, between(visit(stopped=500, audio=800), visit())])
    audio = grid.rows[2]
    assert audio == ["first audio", "800", "890", "905", "∞", "+4.0", "+3.5", "+4.5"]


def test_every_door_is_drawn() -> None:
    lines = {series.name: series.points for series in chart(ROUNDS).series}
    assert lines["speech stopped, A"] == [(500, 50), (520, 100)]
    assert lines["first audio, B"] == [(803, 50), (905, 100)]
    assert len(lines) == 4


def test_a_reader_is_told_what_was_wrong_over_which_door() -> None:
    assert remarks(ROUNDS) == []
    wrong = [between(visit(audio=800, slip_ms=45), visit("Bell.", audio=900)), between(visit(audio=1), visit())]
    assert remarks(wrong) == [
        "A: the caller itself was late in 1 turns, by up to 45 ms: they are doubtful",
        "B: 1 of 2 turns had no spoken answer: no words",
        "in 1 of 2 rounds the answers were not the same: so are not their lengths",
    ]
