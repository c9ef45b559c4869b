from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from realtime.bench import target
from realtime.bench.errors import BenchFailed
from realtime.bench.target import Target, read_session, read_turn_detection, session_with
from realtime.caller.ask import SESSION
from realtime.caller.errors import Busy, Refused
from tests.caller.clocks import Hurried
from tests.caller.server import fake_app, serving


def detection(**fields: Any) -> dict[str, Any]:
    return {"audio": {"input": {"turn_detection": fields}}}


@pytest.mark.parametrize(
    ("text", "session"),
    [
        ("semantic_vad", detection(type="semantic_vad")),
        ("semantic_vad:high", detection(type="semantic_vad", eagerness="high")),
        ("server_vad", detection(type="server_vad")),
        ("server_vad:300", detection(type="server_vad", silence_duration_ms=300)),
    ],
)
def test_turn_detection_in_short(text: str, session: dict[str, Any]) -> None:
    assert read_turn_detection(text) == session


@pytest.mark.parametrize("text", ["", "vad", "server_vad:soon", "none"])
def test_what_is_no_turn_detection(text: str) -> None:
    with pytest.raises(BenchFailed, match="is no turn detection"):
        read_turn_detection(text)


@pytest.mark.parametrize("text", ["{", "[]", '"semantic_vad"'])
def test_what_is_no_session(text: str) -> None:
    with pytest.raises(BenchFailed, match="no JSON object"):
        read_session(text)


def test_changes_are_merged_key_by_key_and_leave_the_rest() -> None:
    before = repr(SESSION)
    session = session_with(read_session('{"instructions": "Be short."}'), detection(type="server_vad"), {"model": None})
    assert session["audio"]["input"] == {**SESSION["audio"]["input"], "turn_detection": {"type": "server_vad"}}
    assert session["audio"]["output"] == SESSION["audio"]["output"]
    assert (session["instructions"], session["model"]) == ("Be short.", None)
    assert repr(SESSION) == before


async def test_every_call_has_the_session_that_was_asked_for() -> None:
    with serving(fake_app()) as url:
        async with Target(url, session=session_with(read_turn_detection("server_vad:300"))).call():
            pass
        with pytest.raises(Refused, match="eagerness"):
            async with Target(url).with_session(session_with(read_turn_detection("semantic_vad:greedy"))).call():
                pass


@dataclass(frozen=True)
class Knocking(Hurried):
    """Tells when somebody waits before calling again."""

    knocked: asyncio.Event = field(default_factory=asyncio.Event)

    async def sleep(self, seconds: float) -> None:
        if seconds == target.BUSY_RETRY_S:
            self.knocked.set()
        await super().sleep(seconds)


async def test_a_caller_with_time_calls_a_full_server_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(fake_app(max_conversations=1)) as url:
        clock = Knocking()
        mine = Target(url, clock=clock)

        async def get_through() -> None:
            async with mine.call_when_free():
                pass

        async with asyncio.TaskGroup() as tasks:
            async with mine.call():
                waiting = tasks.create_task(get_through())
                await clock.knocked.wait()
            await waiting
        monkeypatch.setattr(target, "BUSY_S", -1.0)
        async with mine.call():
            with pytest.raises(Busy):
                await get_through()
