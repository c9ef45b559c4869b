"""Clips played to the real server on scripted engines. The caller's clock is in a hurry: delays are told from below."""

from __future__ import annotations

import asyncio
from math import inf, isfinite

import numpy as np
import pytest
from starlette.websockets import WebSocket

from realtime.audio import Audio
from realtime.bench import turns
from realtime.bench.errors import BenchFailed
from realtime.bench.questions import Question
from realtime.bench.target import Target, read_turn_detection, session_with
from realtime.bench.turns import Case, cases_of, measure
from realtime.caller.errors import Unreachable
from tests.caller.clocks import Hurried
from tests.caller.server import fake_app, scripted_app, serving
from tests.fakes import quiet, voice


def question(*parts_ms: float, breaks_ms: tuple[int, ...] = ()) -> Question:
    """Voice and quiet by turns."""
    parts = [quiet(ms) if place % 2 else voice(ms) for place, ms in enumerate(parts_ms)]
    return Question("q", "Well?", Audio(np.concatenate(parts), 24_000), breaks_ms)


def target(url: str, detection: str) -> Target:
    return Target(url, session=session_with(read_turn_detection(detection)), clock=Hurried())


def test_each_clip_is_played_whole_and_broken_off_in_both_ways() -> None:
    cases = [case for _, case in cases_of([question(900, 100, breaks_ms=(400, 600)), question(300)])]
    assert [(case.how, case.at_ms) for case in cases] == [
        ("whole", 900),
        ("plain", 400),
        ("plain", 600),
        ("drawn out", 400),
        ("drawn out", 600),
        ("whole", 300),
    ]


async def test_a_short_silence_ends_turns_and_cuts_into_pauses() -> None:
    told: list[Case] = []
    cases = cases_of([question(900, 100, breaks_ms=(600,))])
    with serving(fake_app()) as url:
        results = await measure(target(url, "server_vad:300"), cases, 1, told.append)
    assert told == results
    assert [case.how for case in results] == ["whole", "plain", "drawn out"]
    assert all(case.heard and case.stop_ms > 250 and not case.problem for case in results)


async def test_a_long_silence_does_not_cut_in_and_an_end_that_never_comes_is_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turns, "LIMIT_MS", 2000)
    cases = cases_of([question(900, 100, breaks_ms=(600,))])
    with serving(fake_app()) as url:
        results = await measure(target(url, "server_vad:10000"), cases, 3, lambda _: None)
    assert [case.stop_ms for case in results] == [inf] * 3
    assert all(case.heard for case in results)


async def test_a_pause_of_the_clips_own_may_be_cut_into_too() -> None:
    cases = cases_of([question(300, 3000, 300, 120, 300)])
    with serving(fake_app()) as url:
        [whole] = await measure(target(url, "server_vad:300"), cases, 1, lambda _: None)
    assert (whole.own_pauses, whole.own_cuts) == (2, 1)
    assert isfinite(whole.stop_ms)


async def test_results_stand_in_the_order_of_the_cases_whoever_is_done_first() -> None:
    cases = cases_of([question(20_000), question(300)])  # a busy machine may take a while to take the second call
    done: list[Case] = []
    with serving(fake_app()) as url:
        results = await measure(target(url, "server_vad:300"), cases, 2, done.append)
    assert [case.at_ms for case in results] == [20_000, 300]
    assert [case.at_ms for case in done] == [300, 20_000]


async def test_a_line_that_breaks_is_a_result_and_a_deaf_server_is_none() -> None:
    async def hang_up(websocket: WebSocket) -> None:
        await websocket.send_json({"type": "session.updated"})
        await websocket.receive()
        await websocket.close(1011)

    with serving(scripted_app(hang_up)) as url, pytest.raises(BenchFailed, match="nobody speak: the connection was"):
        await measure(target(url, "server_vad"), cases_of([question(300)]), 1, lambda _: None)
    faint = question(300)
    faint.audio.pcm[:] *= 0.1
    with serving(fake_app()) as url, pytest.raises(BenchFailed, match=r"nobody speak$"):
        await measure(target(url, "server_vad"), cases_of([faint])[:1], 1, lambda _: None)


async def test_a_server_that_is_not_there_is_said_so() -> None:
    with pytest.raises(Unreachable):
        await measure(Target("ws://127.0.0.1:1"), cases_of([question(300)]), 2, lambda _: None)


async def test_cancelling_hangs_up() -> None:
    called, gone = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    async def listen(websocket: WebSocket) -> None:
        await websocket.send_json({"type": "session.updated"})
        loop.call_soon_threadsafe(called.set)
        while (await websocket.receive())["type"] != "websocket.disconnect":
            continue
        loop.call_soon_threadsafe(gone.set)

    with serving(scripted_app(listen)) as url:
        measuring = asyncio.create_task(measure(Target(url), cases_of([question(300)]), 1, lambda _: None))
        await called.wait()
        measuring.cancel()
        with pytest.raises(asyncio.CancelledError):
            await measuring
        await gone.wait()
