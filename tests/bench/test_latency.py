from __future__ import annotations

from itertools import count
from math import inf

import numpy as np
import pytest
from starlette.websockets import WebSocket

from realtime.audio import Audio
from realtime.bench.errors import BenchFailed
from realtime.bench.latency import Asked, chart, measure, remarks, summary, summary_grid, turn_grid
from realtime.bench.questions import Question
from realtime.bench.target import Target
from realtime.caller.errors import Unreachable
from realtime.caller.turn import STAGES
from realtime.errors import EngineFailed
from tests.caller.clocks import Hurried
from tests.caller.server import fake_app, scripted_app, serving
from tests.fakes import FakeChat, FakeTranscriber, fake_engines, quiet, voice


def asked(*times_ms: float, heard: str = "well", turns: int = 1, gaps_ms: int = 0, slip_ms: float = 0) -> Asked:
    return Asked(
        question="q",
        text="Well?",
        heard=heard,
        latencies_ms=dict(zip(STAGES, times_ms, strict=False)),
        turns=turns,
        gaps_ms=gaps_ms,
        slip_ms=slip_ms,
    )


ANSWER = (
    {"type": "input_audio_buffer.speech_started", "item_id": "a", "audio_start_ms": 0},
    {"type": "input_audio_buffer.speech_stopped", "item_id": "a", "audio_end_ms": 400},
    {"type": "response.created", "response": {"id": "r", "status": "in_progress"}},
    {"type": "response.output_audio_transcript.delta", "response_id": "r", "delta": "Hello."},
    {"type": "response.output_audio.delta", "response_id": "r", "delta": "AAAA"},
    {"type": "response.done", "response": {"id": "r", "status": "completed"}},
)


def question(name: str) -> Question:
    return Question(name, f"{name}?", Audio(np.concatenate((voice(300), quiet(100))), 24_000))


def test_percentiles_lie_between_the_turns() -> None:
    stages = summary([asked(500 + 10 * turn, 600, 700) for turn in range(11)]).stages
    stopped = stages["speech stopped"]
    assert (stopped.count, stopped.p50_ms, stopped.p95_ms, stopped.worst_ms) == (11, 550, 595, 600)
    assert set(stages) == {"speech stopped", "transcript", "first token"}


def test_a_turn_that_did_not_reach_a_stage_waits_for_ever() -> None:
    found = summary([asked(500, 600, 700, 800), asked(520), asked(510, 600, 700, 900, turns=2)])
    assert (found.turns, found.unanswered, found.cut_into) == (3, 1, 1)
    assert found.stages["speech stopped"].missed == 0
    first = found.stages["first audio"]
    assert (first.count, first.missed, first.p50_ms, first.worst_ms) == (3, 1, 900, inf)


def test_the_chart_rises_to_the_share_that_was_answered() -> None:
    lines = {series.name: series.points for series in chart([asked(500, 600, 700, 800), asked(520)]).series}
    assert lines["speech stopped"] == [(500, 50), (520, 100)]
    assert lines["first audio"] == [(800, 50)]


def test_the_tables_say_what_each_stage_adds() -> None:
    results = [asked(500, 600, 650, 800, 2000), asked(520, 640, 680, 840)]
    assert summary_grid(results).rows == [
        ["speech stopped", "510", "519", "520", "–"],
        ["transcript", "620", "638", "640", "110"],
        ["first token", "665", "678", "680", "45"],
        ["first audio", "820", "838", "840", "155"],
        ["done", "∞", "∞", "∞", "1200"],
    ]
    assert turn_grid(results).rows[1] == ["q", "520", "640", "680", "840", "–", "0.0"]


def test_a_reader_is_told_what_was_wrong_with_a_run() -> None:
    assert remarks([asked(500, 600, 700, 800)]) == []
    wrong = [asked(500), asked(1, 2, 3, 4, turns=2, heard="Bell!"), asked(1, 2, 3, 4, gaps_ms=30, slip_ms=45)]
    assert remarks(wrong) == [
        "1 of 3 turns had no spoken answer: no words",
        "1 questions were taken for finished in one of their pauses",
        "1 questions were misheard: Bell!",
        "1 answers had gaps, 30 ms together",
        "the caller itself was late in 1 turns, by up to 45 ms: they are doubtful",
    ]


async def test_questions_are_asked_round_and_round() -> None:
    told: list[Asked] = []
    engines = fake_engines(transcriber=FakeTranscriber(["One?", "Two?", "One again?"]))
    with serving(fake_app(engines)) as url:
        results = await measure(Target(url, clock=Hurried()), [question("one"), question("two")], 3, told.append)
    assert told == results
    assert [(each.question, each.heard) for each in results] == [
        ("one", "One?"),
        ("two", "Two?"),
        ("one", "One again?"),
    ]
    assert all(each.answered and each.status == "completed" and each.turns == 1 for each in results)
    assert results[0].said == "Paris. It lies on the Seine."


async def test_a_turn_without_an_answer_is_a_result_among_others() -> None:
    calls = count()
    error = {"error": {"message": "the model is ill"}}
    failure = {"type": "response.done", "response": {"id": "r", "status": "failed", "status_details": error}}

    async def fail_once(websocket: WebSocket) -> None:
        await websocket.send_json({"type": "session.updated"})
        for event in ANSWER if next(calls) else [*ANSWER[:3], failure]:
            await websocket.send_json(event)
        while (await websocket.receive())["type"] != "websocket.disconnect":
            continue

    with serving(scripted_app(fail_once)) as url:
        failed, answered = await measure(Target(url, clock=Hurried()), [question("one")], 2, lambda _: None)
    assert (failed.status, failed.problem, failed.answered) == ("failed", "the model is ill", False)
    assert answered.answered


async def test_a_line_that_breaks_is_a_result_too() -> None:
    calls = count()

    async def hang_up_once(websocket: WebSocket) -> None:
        await websocket.send_json({"type": "session.updated"})
        if next(calls) == 0:
            return await websocket.close(1011)
        for event in ANSWER:
            await websocket.send_json(event)
        while (await websocket.receive())["type"] != "websocket.disconnect":
            continue

    with serving(scripted_app(hang_up_once)) as url:
        broken, answered = await measure(Target(url, clock=Hurried()), [question("one")], 2, lambda _: None)
    assert "the connection was lost" in broken.problem
    assert answered.said == "Hello."


async def test_no_answer_at_all_is_no_measurement() -> None:
    engines = fake_engines(chat=FakeChat([EngineFailed("the model is ill")]))
    why = "no question was answered: the model is ill"
    with serving(fake_app(engines)) as url, pytest.raises(BenchFailed, match=why):
        await measure(Target(url, clock=Hurried()), [question("one")], 1, lambda _: None)


async def test_a_server_that_is_not_there_is_said_so() -> None:
    with pytest.raises(Unreachable):
        await measure(Target("ws://127.0.0.1:1"), [question("one")], 1, lambda _: None)
