"""The end of a session: a server that drains, and a client that hangs up."""

from __future__ import annotations

from realtime.protocol import reports
from tests.protocol.client import AUDIO_CLOSING, COMMITTING, COMPLETED, DELTAS, STOPPED, Client

# --- draining ----------------------------------------------------------------------------------------------------


def test_a_draining_server_begins_no_answer(client: Client) -> None:
    client.report(reports.Draining())
    assert client.send("response.create").fault == ("server_shutting_down", None)
    client.begin_speech()
    assert client.end_speech().names == [STOPPED, *COMMITTING]


def test_a_draining_server_finishes_what_it_was_saying(client: Client) -> None:
    response_id = client.begin_answer()
    client.report(reports.Draining())
    assert client.say(response_id, "goodbye.", 20).names == DELTAS
    assert client.finish(response_id).names == AUDIO_CLOSING
    assert not client.session.busy


def test_a_draining_server_still_answers_the_turn_it_had_promised_to(client: Client) -> None:
    item_id = client.speak()
    client.report(reports.Draining())
    assert client.hear_all(item_id, "Hello.").names == ["StartReply"]


def test_a_draining_server_does_not_go_on_to_the_next_answer(client: Client) -> None:
    client.tune(turn_detection={"interrupt_response": False})
    response_id = client.begin_answer()
    client.turn("And then?")
    client.report(reports.Draining())
    assert client.finish(response_id).names == AUDIO_CLOSING


def test_a_draining_server_still_listens(captioned: Client) -> None:
    captioned.report(reports.Draining())
    assert captioned.write("Hello.").names == ["conversation.item.added", "conversation.item.done"]
    assert captioned.hear_all(captioned.speak(), "Hello.").names == [COMPLETED]


# --- hanging up --------------------------------------------------------------------------------------------------


def test_a_hang_up_in_the_middle_of_an_answer_ends_it(client: Client) -> None:
    client.begin_answer()
    assert client.report(reports.HungUp()).names == ["StopReply", *AUDIO_CLOSING]
    assert not client.session.busy


def test_hanging_up_twice_is_once(client: Client) -> None:
    client.begin_answer()
    client.report(reports.HungUp())
    assert client.report(reports.HungUp()).names == []


def test_a_hang_up_does_not_begin_the_answer_that_was_waiting(client: Client) -> None:
    client.tune(turn_detection={"interrupt_response": False})
    client.begin_answer()
    client.turn("And then?")
    assert client.report(reports.HungUp()).names == ["StopReply", *AUDIO_CLOSING]


def test_after_a_hang_up_nothing_is_said(client: Client) -> None:
    response_id = client.begin_answer()
    client.report(reports.HungUp())
    assert client.send("response.create").names == []
    assert client.send("no.such.event").names == []
    assert client.append_ms(200).names == []
    assert client.begin_speech().names == []
    assert client.say(response_id, "Hello?", 20).names == []
