"""Where the time of an answer went, told to who asked for it."""

from __future__ import annotations

import msgspec
import pytest

from realtime.protocol import beta, reports
from realtime.protocol.config import RESPONSE_TIMING
from realtime.protocol.timing import ResponseTiming
from tests.protocol.client import Client
from tests.protocol.timing import WATERFALL

EVENT = "response.timing"


def answer(client: Client) -> str:
    """A response with something in it. Its id."""
    client.write("Hello.")
    response_id: str = client.send("response.create").event("response.created")["response"]["id"]
    client.report(reports.Spoke(response_id=response_id, text="Hi", audio=bytes(480)))
    return response_id


def test_it_is_told_to_who_asked_for_it(client: Client) -> None:
    assert client.update(include=[RESPONSE_TIMING]).event("session.updated")["session"]["include"] == [RESPONSE_TIMING]
    response_id = answer(client)
    told = client.report(reports.Timed(response_id=response_id, waterfall=WATERFALL))
    assert told.names == [EVENT]
    event = told.event(EVENT)
    assert (event["response_id"], event["item_id"]) == (response_id, client.order[-1])
    assert event["timing"] == msgspec.to_builtins(WATERFALL)


@pytest.mark.parametrize("include", [None, [], ["item.input_audio_transcription.logprobs"]])
def test_it_is_not_told_to_anybody_else(include: list[str] | None, client: Client) -> None:
    client.update(include=include)
    assert client.report(reports.Timed(response_id=answer(client), waterfall=WATERFALL)).names == []


def test_it_is_not_told_of_an_answer_that_is_over(client: Client) -> None:
    """The user may interrupt while its first sound is being sent."""
    client.update(include=[RESPONSE_TIMING])
    response_id = answer(client)
    client.send("response.cancel")
    assert client.report(reports.Timed(response_id=response_id, waterfall=WATERFALL)).names == []


def test_the_beta_has_no_word_for_it() -> None:
    event = ResponseTiming(response_id="resp_1", item_id="item_1", timing=WATERFALL)
    assert beta.encode(event, lambda: "event_1") == ()
