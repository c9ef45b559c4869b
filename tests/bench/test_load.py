"""Several callers of the real server on scripted engines, in a hurry."""

from __future__ import annotations

import asyncio
import os
import sys
from itertools import count
from math import inf, isfinite

import numpy as np
import pytest
from starlette.websockets import WebSocket

from realtime.audio import Audio
from realtime.bench import load
from realtime.bench.errors import BenchFailed
from realtime.bench.load import Asked, Crowd, Phase, measure
from realtime.bench.own_server import own_server
from realtime.bench.questions import Question
from realtime.bench.target import Target
from realtime.errors import EngineFailed
from tests.caller.clocks import Hurried
from tests.caller.server import fake_app, scripted_app, serving
from tests.fakes import FakeChat, FakeTranscriber, fake_engines, quiet, voice

FAKE = (sys.executable, "-m", "tests.bench.fake_server")

QUESTIONS = [
    Question(name, f"{name}?", Audio(np.concatenate((voice(300), quiet(100))), 24_000)) for name in ("one", "two")
]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long enough for an answer even of a busy machine."""
    monkeypatch.setattr(load, "EVERY_S", 4.0)


def crowd(url: str) -> Crowd:
    return Crowd(Target(url, clock=Hurried()), QUESTIONS)


async def test_callers_ask_one_question_after_another_and_do_not_begin_together() -> None:
    told: list[Asked] = []
    with serving(fake_app(fake_engines(transcriber=FakeTranscriber(["Who?"])))) as url:
        phase = await crowd(url).call(2, 2, told.append)
    assert (phase.callers, phase.refused, phase.dropped) == (2, 0, 0)
    assert [(asked.caller, asked.question) for asked in phase.asked] == [(0, "one"), (0, "two"), (1, "two"), (1, "one")]
    assert [asked.caller for asked in told] == [0, 1, 0, 1]
    assert all(isfinite(asked.voice_to_voice_ms) and asked.turns == 1 for asked in phase.asked)
    assert (phase.cpu_ms_per_session_s, phase.rss_mib, phase.lag) == (None, None, {})


async def test_a_full_server_refuses_politely_and_answers_the_others() -> None:
    with serving(fake_app(max_conversations=1)) as url:
        phase = await crowd(url).call(3, 2, lambda _: None)
    assert (phase.refused, phase.dropped) == (2, 0)
    assert {asked.caller for asked in phase.asked} == {0}
    assert all(isfinite(asked.voice_to_voice_ms) for asked in phase.asked)


async def test_a_question_without_an_answer_has_waited_for_ever() -> None:
    with serving(fake_app(fake_engines(chat=FakeChat([EngineFailed("the model is ill")])))) as url:
        phase = await crowd(url).call(1, 1, lambda _: None)
    [failed] = phase.asked
    assert (failed.voice_to_voice_ms, failed.problem) == (inf, "the model is ill")
    assert "speech stopped" in failed.latencies_ms


async def test_a_call_that_breaks_off_leaves_the_others_alone() -> None:
    calls = count()

    async def answer_or_hang_up(websocket: WebSocket) -> None:
        await websocket.send_json({"type": "session.updated"})
        if next(calls) == 0:
            return await websocket.close(1011)
        for event in (
            {"type": "input_audio_buffer.speech_started", "item_id": "a", "audio_start_ms": 0},
            {"type": "input_audio_buffer.speech_stopped", "item_id": "a", "audio_end_ms": 400},
            {"type": "response.created", "response": {"id": "r", "status": "in_progress"}},
            {"type": "response.output_audio.delta", "response_id": "r", "delta": "AAAA"},
        ):
            await websocket.receive()
            await websocket.send_json(event)
        while (await websocket.receive())["type"] != "websocket.disconnect":
            continue

    with serving(scripted_app(answer_or_hang_up)) as url:
        phase = await crowd(url).call(2, 1, lambda _: None)
    assert (phase.refused, phase.dropped) == (0, 1)
    lost, answered = phase.asked
    assert "the connection was lost" in lost.problem
    assert isfinite(answered.voice_to_voice_ms)


async def test_one_phase_after_another_with_what_the_server_used() -> None:
    told: list[Asked | Phase] = []
    async with own_server(os.environ, FAKE) as server:
        crowd = Crowd(Target(server.url, clock=Hurried()), QUESTIONS, server)
        phases = await measure(crowd, [1, 2], 1, told.append)
    assert [phase.callers for phase in phases] == [1, 2]
    assert [type(each) for each in told] == [Asked, Phase, Asked, Asked, Phase]
    for phase in phases:
        assert phase.cpu_ms_per_session_s is not None
        assert phase.cpu_ms_per_session_s > 0
        assert phase.rss_mib is not None
        assert phase.rss_mib > 1
        assert set(phase.lag) >= {"worst_ms", "over_50_ms"}


async def test_a_server_that_answers_nobody_is_no_measurement() -> None:
    with pytest.raises(BenchFailed, match="nobody was answered: no Realtime server answers at"):
        await measure(crowd("ws://127.0.0.1:1"), [1, 2], 1, lambda _: None)


async def test_cancelling_hangs_everybody_up() -> None:
    loop = asyncio.get_running_loop()
    here, gone = asyncio.Semaphore(0), asyncio.Semaphore(0)

    async def listen(websocket: WebSocket) -> None:
        await websocket.send_json({"type": "session.updated"})
        loop.call_soon_threadsafe(here.release)
        while (await websocket.receive())["type"] != "websocket.disconnect":
            continue
        loop.call_soon_threadsafe(gone.release)

    with serving(scripted_app(listen)) as url:
        calling = asyncio.create_task(crowd(url).call(2, 100, lambda _: None))
        for _ in range(2):
            await here.acquire()
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        for _ in range(2):
            await gone.acquire()
