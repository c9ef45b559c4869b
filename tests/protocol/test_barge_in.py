"""Speech over an answer: the answer is stopped, or the turn waits for its end.

Speech that has to be meant before anything is stopped is in `test_interruption.py`.
"""

from __future__ import annotations

import pytest

from realtime.protocol.effects import StartReply, StopReply
from realtime.protocol.items import Message
from tests.protocol.client import AUDIO_CLOSING, COMMITTING, DELTAS, STARTED, STOPPED, Client


def test_talking_over_the_assistant_stops_it_before_the_turn_is_committed(client: Client) -> None:
    response_id = client.begin_answer()
    told = client.begin_speech()
    assert told.names == [STARTED, "StopReply", *AUDIO_CLOSING]
    assert told.effect(StopReply).response_id == response_id
    response = told.event("response.done")["response"]
    assert response["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert response["output"][0]["content"][0]["transcript"] == "Well, "
    assert client.end_speech().names == [STOPPED, *COMMITTING, "response.created"]


def test_what_a_stopped_answer_still_had_to_say_is_not_heard(client: Client) -> None:
    response_id = client.begin_answer()
    client.begin_speech()
    assert client.say(response_id, "as I was saying", 20).names == []
    assert client.finish(response_id).names == []
    assert client.fail(response_id).names == []


def test_the_next_answer_knows_what_was_said_of_the_last(client: Client) -> None:
    client.begin_answer()
    client.begin_speech()
    item_id = client.end_speech().event("input_audio_buffer.committed")["item_id"]
    start = client.hear_all(item_id, "Stop.").effect(StartReply)
    assert [item.status for item in start.items if isinstance(item, Message)] == [
        "completed",
        "incomplete",
        "completed",
    ]


def test_an_assistant_that_may_not_be_interrupted_goes_on(client: Client) -> None:
    client.tune(turn_detection={"interrupt_response": False})
    response_id = client.begin_answer()
    assert client.begin_speech().names == [STARTED]
    assert client.say(response_id, "as I was saying", 20).names == DELTAS


def test_a_turn_spoken_into_an_answer_is_answered_after_it(client: Client) -> None:
    client.tune(turn_detection={"interrupt_response": False})
    response_id = client.begin_answer()
    client.begin_speech()
    assert client.end_speech().names == [STOPPED, *COMMITTING]
    assert client.finish(response_id).names == [*AUDIO_CLOSING, "response.created"]


@pytest.mark.parametrize("ending", ["cancel", "fail"])
def test_a_turn_spoken_into_an_answer_is_answered_however_that_ends(ending: str, client: Client) -> None:
    client.tune(turn_detection={"interrupt_response": False})
    response_id = client.begin_answer()
    client.speak()
    told = client.send("response.cancel") if ending == "cancel" else client.fail(response_id)
    assert told.names[-2:] == ["response.done", "response.created"]


def test_turns_spoken_into_an_answer_are_answered_together(client: Client) -> None:
    client.tune(turn_detection={"interrupt_response": False})
    response_id = client.begin_answer()
    client.turn("One.")
    client.turn("Two.")
    told = client.finish(response_id)
    assert told.names == [*AUDIO_CLOSING, "response.created", "StartReply"]
    assert len(told.effect(StartReply).items) == 4
    (answer,) = client.witness.live
    assert client.finish(answer).names == ["response.done"]


def test_talking_over_an_answer_does_not_begin_the_next(client: Client) -> None:
    client.begin_speech()
    client.create()
    client.end_speech()
    told = client.begin_speech()
    assert told.names == [STARTED, "StopReply", "response.done"]
    assert client.end_speech().names == [STOPPED, *COMMITTING, "response.created"]
