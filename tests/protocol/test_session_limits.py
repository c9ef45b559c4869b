"""What ends or binds a session as a whole: its time, its traces, what it may use, and what it has used."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from realtime.protocol import reports
from realtime.protocol.effects import Trace
from realtime.protocol.server_events import RateLimit
from tests.protocol.client import AUDIO_CLOSING, OFFER, Client, Told

# --- its time ----------------------------------------------------------------------------------------------------


def test_the_end_of_a_sessions_time_is_told_last(client: Client) -> None:
    client.say(client.create(), "Well,", 20)
    told = client.report(reports.Expired())
    assert told.names == ["StopReply", *AUDIO_CLOSING, "error"]
    error = told.event("error")["error"]
    assert (error["code"], error["event_id"]) == ("session_expired", None)


def test_every_response_ends_with_the_session(client: Client) -> None:
    client.create(conversation="none", input=[])
    client.create()
    assert client.report(reports.Expired()).names == [*["StopReply", "response.done"] * 2, "error"]


def test_after_its_time_a_session_says_nothing(client: Client) -> None:
    client.report(reports.Expired())
    assert client.send("session.update", session={"type": "realtime"}).names == []
    assert client.send_text("no event").names == []
    assert client.report(reports.SpeechBegan(audio_start_ms=0)).names == []
    assert client.report(reports.Expired()).names == []
    assert client.report(reports.HungUp()).names == []


@pytest.mark.parametrize("expires_at", [None, 1_800_000_000])
def test_a_client_knows_how_long_it_has(expires_at: int | None) -> None:
    client = Client(offer=replace(OFFER, expires_at=expires_at))
    assert client.open().event("session.created")["session"]["expires_at"] == expires_at


# --- its traces --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tracing", "trace"),
    [
        ("auto", Trace(None, None)),
        ({"workflow_name": "tea", "group_id": "house", "metadata": {"cups": 2}}, Trace("tea", "house")),
        ({}, Trace(None, None)),
    ],
)
def test_a_session_is_traced_when_its_client_wants_it(tracing: Any, trace: Trace, client: Client) -> None:
    told = client.update(tracing=tracing)
    assert told.names == ["session.updated", "Trace"]
    assert told.effect(Trace) == trace


def test_a_session_that_is_traced_stays_so(client: Client) -> None:
    client.update(tracing="auto")
    for other in (None, {"workflow_name": "tea"}):
        assert client.update(tracing=other).fault == ("invalid_value", "session.tracing")
    assert client.update(tracing="auto").names == ["session.updated"]


# --- what it may use ---------------------------------------------------------------------------------------------

LIMIT = RateLimit(name="tokens", limit=100, remaining=60, reset_seconds=1.5)


def test_what_a_response_leaves_of_a_limit_is_told(client: Client) -> None:
    report = reports.Allowance(response_id=client.create(), limits=(LIMIT,))
    told = client.report(report).event("rate_limits.updated")
    assert told["rate_limits"] == [{"name": "tokens", "limit": 100, "remaining": 60, "reset_seconds": 1.5}]


def test_what_a_response_that_is_over_leaves_is_not(client: Client) -> None:
    response_id = client.create()
    client.finish(response_id)
    assert client.report(reports.Allowance(response_id=response_id, limits=(LIMIT,))).names == []


# --- what it has used --------------------------------------------------------------------------------------------


def usage(told: Told) -> Any:
    return told.event("response.done")["response"]["usage"]


def test_a_response_that_was_cancelled_tells_what_it_has_used_so_far(client: Client) -> None:
    response_id = client.create()
    client.report(reports.PromptRead(response_id=response_id, prompt_tokens=30, cached_tokens=20))
    client.report(reports.Spoke(response_id=response_id, text="Well,", audio=bytes(480), tokens=3))
    used = usage(client.send("response.cancel"))
    assert (used["input_tokens"], used["output_tokens"], used["total_tokens"]) == (30, 3, 33)


def test_a_response_that_read_nothing_has_used_nothing(client: Client) -> None:
    client.create()
    assert usage(client.send("response.cancel")) is None
