"""Whole scenarios: what the server says to what the client does, in which order."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.protocol import reports
from realtime.protocol.editing import MAX_GIVEN_CHARACTERS
from realtime.protocol.effects import DropInput, Listen, StartReply, StopReply, TranscribeInput, TuneInput
from realtime.protocol.faults import MAX_ERROR_CHARACTERS
from realtime.protocol.hearing import MAX_UNHEARD_ITEMS
from realtime.protocol.items import Message
from realtime.protocol.responses import MAX_LIVE_RESPONSES
from tests.protocol.client import AUDIO_CLOSING, COMMITTING, MODEST, OPENING, Client

STARTED = "input_audio_buffer.speech_started"
STOPPED = "input_audio_buffer.speech_stopped"
COMPLETED = "conversation.item.input_audio_transcription.completed"
LONG = "x" * 513
SHOP = {"type": "mcp", "server_label": "shop", "server_url": "https://shop.example/mcp"}
DELTAS = ["response.output_audio_transcript.delta", "response.output_audio.delta"]


@pytest.fixture
def captioned(client: Client) -> Client:
    """One that is told the user's words."""
    client.tune(transcription={"model": "whisper-1"})
    return client


def speaking(client: Client) -> str:
    """The assistant is in the middle of an answer. The response's id."""
    client.turn()
    (response_id,) = client.witness.live
    client.say(response_id, "Well, ", 20)
    return response_id


# --- opening -----------------------------------------------------------------------------------------------------


def test_the_server_speaks_first() -> None:
    client = Client()
    told = client.open()
    assert told.names == ["session.created", "conversation.created", "TuneInput"]
    assert told.event("session.created")["session"]["id"] == client.session.id
    assert told.effect(TuneInput).settings == client.session.config.audio.input


# --- a turn by voice ---------------------------------------------------------------------------------------------


def test_a_turn_by_voice_in_order(captioned: Client) -> None:
    client = captioned
    assert client.append_ms(500).names == ["Listen"]
    started = client.begin_speech(at_ms=200)
    assert started.names == [STARTED]
    assert started.event(STARTED)["audio_start_ms"] == 200
    client.append_ms(800)
    stopped = client.end_speech(at_ms=1300)
    assert stopped.names == [STOPPED, *COMMITTING, "response.created"]
    assert stopped.event(STOPPED)["audio_end_ms"] == 1300
    item_id = stopped.event("input_audio_buffer.committed")["item_id"]
    assert client.report(reports.Heard(item_id=item_id, text="Hello.")).names == [
        "conversation.item.input_audio_transcription.delta"
    ]
    heard = client.hear_all(item_id, "Hello.")
    assert heard.names == [COMPLETED, "StartReply"]
    response_id = heard.effect(StartReply).response_id
    assert client.report(reports.Began(response_id=response_id)).names == OPENING
    assert client.say(response_id, "Good morning.", 20).names == DELTAS
    assert client.finish(response_id).names == AUDIO_CLOSING


def test_a_turn_has_one_id_from_its_first_sound_to_its_last_word(captioned: Client) -> None:
    started, stopped = captioned.begin_speech(), captioned.end_speech()
    item_id = started.event(STARTED)["item_id"]
    heard = captioned.hear_all(item_id, "Hello.")
    assert stopped.event(STOPPED)["item_id"] == item_id
    assert stopped.event("input_audio_buffer.committed")["item_id"] == item_id
    assert stopped.event("conversation.item.added")["item"]["id"] == item_id
    assert stopped.effect(TranscribeInput).item_id == item_id
    assert heard.event(COMPLETED)["item_id"] == item_id
    assert [item.id for item in heard.effect(StartReply).items] == [item_id]


def test_two_turns_have_two_ids(client: Client) -> None:
    assert client.turn() != client.turn()


def test_what_was_heard_is_told_with_its_length(captioned: Client) -> None:
    heard = captioned.hear_all(captioned.speak(), "Hello.").event(COMPLETED)
    assert (heard["transcript"], heard["content_index"]) == ("Hello.", 0)
    assert heard["usage"] == {"type": "duration", "seconds": 1.5}


def test_audio_reaches_the_microphone_as_it_came(client: Client) -> None:
    assert client.append(b"\x01\x02\x03").effect(Listen).audio == b"\x01\x02\x03"


@pytest.mark.parametrize("audio", [b"", b"\x01"])
def test_a_piece_of_audio_may_be_as_small_as_it_likes(audio: bytes, client: Client) -> None:
    assert client.append(audio).names == ["Listen"]


def test_without_captions_the_answer_waits_for_the_words_all_the_same(client: Client) -> None:
    item_id = client.speak()
    assert client.report(reports.Heard(item_id=item_id, text="Hel")).names == []
    assert client.hear_all(item_id, "Hello.").names == ["StartReply"]
    assert client.retrieve(item_id)["content"][0]["transcript"] == "Hello."


def test_words_that_could_not_be_found_are_told_of(captioned: Client) -> None:
    told = captioned.not_heard(captioned.speak())
    assert told.names == ["conversation.item.input_audio_transcription.failed", "response.done"]
    assert told.events[0]["error"] == {
        "type": "server_error",
        "code": "engine_failed",
        "message": "It broke.",
        "param": None,
    }
    error = {"type": "server_error", "code": "engine_failed", "message": "It broke."}
    assert told.event("response.done")["response"]["status_details"] == {"type": "failed", "error": error}


def test_without_captions_words_that_could_not_be_found_fail_the_answer_all_the_same(client: Client) -> None:
    assert client.not_heard(client.speak()).names == ["response.done"]


def test_a_turn_without_words_is_not_answered(captioned: Client) -> None:
    told = captioned.hear_all(captioned.speak(), "")
    assert told.names == [COMPLETED, "response.done"]
    response = told.event("response.done")["response"]
    assert (response["status"], response["output"]) == ("completed", [])


def test_an_item_deleted_before_its_words_are_known_is_not_waited_for(captioned: Client) -> None:
    client = captioned
    item_id = client.speak()
    told = client.send("conversation.item.delete", item_id=item_id)
    assert told.names == ["StopTranscription", "ForgetItem", "conversation.item.deleted", "StartReply"]
    assert told.effect(StartReply).items == ()
    assert client.hear_all(item_id, "Hello.").names == []


def test_words_are_told_once(captioned: Client) -> None:
    item_id = captioned.turn()
    assert captioned.hear_all(item_id, "Hello.").names == []
    assert captioned.report(reports.Heard(item_id=item_id, text="Hello.")).names == []


# --- what the detector says is believed only where it makes sense ------------------------------------------------


def test_speech_that_has_begun_does_not_begin_again(client: Client) -> None:
    client.begin_speech()
    assert client.begin_speech(at_ms=500).names == []


def test_speech_that_has_not_begun_does_not_end(client: Client) -> None:
    assert client.end_speech().names == []


def test_speech_does_not_end_twice(client: Client) -> None:
    client.speak()
    assert client.end_speech().names == []


def test_without_turn_detection_the_detector_is_not_listened_to(push_to_talk: Client) -> None:
    assert push_to_talk.begin_speech().names == []
    assert push_to_talk.end_speech().names == []


# --- who answers, and when ---------------------------------------------------------------------------------------


def test_a_turn_is_not_answered_where_the_client_wants_to_do_that_itself(client: Client) -> None:
    client.tune(turn_detection={"create_response": False})
    client.begin_speech()
    assert client.end_speech().names == [STOPPED, *COMMITTING]
    assert client.send("response.create").names == ["response.created"]


def test_a_turn_ended_by_the_client_is_not_answered_by_itself(client: Client) -> None:
    client.append_ms(200)
    client.begin_speech()
    assert client.send("input_audio_buffer.commit").names == [STOPPED, *COMMITTING]
    assert client.end_speech().names == []


def test_push_to_talk_in_order(push_to_talk: Client) -> None:
    push_to_talk.append_ms(200)
    assert push_to_talk.send("input_audio_buffer.commit").names == COMMITTING
    assert push_to_talk.send("response.create").names == ["response.created"]
    assert push_to_talk.hear_all(push_to_talk.order[0], "Hello.").names == ["StartReply"]


# --- barge-in ----------------------------------------------------------------------------------------------------


def test_talking_over_the_assistant_stops_it_before_the_turn_is_committed(client: Client) -> None:
    response_id = speaking(client)
    told = client.begin_speech()
    assert told.names == [STARTED, "StopReply", *AUDIO_CLOSING]
    assert told.effect(StopReply).response_id == response_id
    response = told.event("response.done")["response"]
    assert response["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert response["output"][0]["content"][0]["transcript"] == "Well, "
    assert client.end_speech().names == [STOPPED, *COMMITTING, "response.created"]


def test_what_a_stopped_answer_still_had_to_say_is_not_heard(client: Client) -> None:
    response_id = speaking(client)
    client.begin_speech()
    assert client.say(response_id, "as I was saying", 20).names == []
    assert client.finish(response_id).names == []
    assert client.fail(response_id).names == []


def test_the_next_answer_knows_what_was_said_of_the_last(client: Client) -> None:
    speaking(client)
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
    response_id = speaking(client)
    assert client.begin_speech().names == [STARTED]
    assert client.say(response_id, "as I was saying", 20).names == DELTAS


def test_a_turn_spoken_into_an_answer_is_answered_after_it(client: Client) -> None:
    client.tune(turn_detection={"interrupt_response": False})
    response_id = speaking(client)
    client.begin_speech()
    assert client.end_speech().names == [STOPPED, *COMMITTING]
    assert client.finish(response_id).names == [*AUDIO_CLOSING, "response.created"]


@pytest.mark.parametrize("ending", ["cancel", "fail"])
def test_a_turn_spoken_into_an_answer_is_answered_however_that_ends(ending: str, client: Client) -> None:
    client.tune(turn_detection={"interrupt_response": False})
    response_id = speaking(client)
    client.speak()
    told = client.send("response.cancel") if ending == "cancel" else client.fail(response_id)
    assert told.names[-2:] == ["response.done", "response.created"]


def test_turns_spoken_into_an_answer_are_answered_together(client: Client) -> None:
    client.tune(turn_detection={"interrupt_response": False})
    response_id = speaking(client)
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


# --- dropping what was said --------------------------------------------------------------------------------------


def test_audio_can_be_cleared(client: Client) -> None:
    client.append_ms(200)
    told = client.send("input_audio_buffer.clear")
    assert told.names == ["DropInput", "input_audio_buffer.cleared"]
    assert told.effect(DropInput) == DropInput()


def test_clearing_in_the_middle_of_a_turn_ends_it(client: Client) -> None:
    first = client.begin_speech().event(STARTED)["item_id"]
    client.send("input_audio_buffer.clear")
    assert client.end_speech().names == []
    assert client.begin_speech().event(STARTED)["item_id"] != first


def test_turn_detection_switched_off_in_the_middle_of_a_turn_leaves_it_to_the_client(client: Client) -> None:
    client.append_ms(200)
    item_id = client.begin_speech().event(STARTED)["item_id"]
    assert client.tune(turn_detection=None).names == ["TuneInput", "session.updated"]
    assert client.end_speech().names == []
    told = client.send("input_audio_buffer.commit")
    assert told.names == COMMITTING
    assert told.event("input_audio_buffer.committed")["item_id"] == item_id


def test_turn_detection_tuned_in_the_middle_of_a_turn_does_not_end_it(client: Client) -> None:
    client.begin_speech()
    client.tune(turn_detection={"silence_duration_ms": 300})
    assert client.end_speech().names[:2] == [STOPPED, "input_audio_buffer.committed"]


def test_turn_detection_switched_off_twice_forgets_nothing(push_to_talk: Client) -> None:
    push_to_talk.append_ms(200)
    push_to_talk.tune(turn_detection=None, transcription={"model": "whisper-1"})
    assert push_to_talk.send("input_audio_buffer.commit").names == COMMITTING


# --- what is for other transports --------------------------------------------------------------------------------


def test_what_the_client_plays_only_the_client_can_stop(client: Client) -> None:
    assert client.send("output_audio_buffer.clear").fault == ("unsupported_event", "type")


# --- the end -----------------------------------------------------------------------------------------------------


def test_a_draining_server_begins_no_answer(client: Client) -> None:
    client.report(reports.Draining())
    assert client.send("response.create").fault == ("server_shutting_down", None)
    client.begin_speech()
    assert client.end_speech().names == [STOPPED, *COMMITTING]


def test_a_draining_server_finishes_what_it_was_saying(client: Client) -> None:
    response_id = speaking(client)
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
    response_id = speaking(client)
    client.turn("And then?")
    client.report(reports.Draining())
    assert client.finish(response_id).names == AUDIO_CLOSING


def test_a_draining_server_still_listens(captioned: Client) -> None:
    captioned.report(reports.Draining())
    assert captioned.write("Hello.").names == ["conversation.item.added", "conversation.item.done"]
    assert captioned.hear_all(captioned.speak(), "Hello.").names == [COMPLETED]


def test_a_hang_up_in_the_middle_of_an_answer_ends_it(client: Client) -> None:
    speaking(client)
    assert client.report(reports.HungUp()).names == ["StopReply", *AUDIO_CLOSING]
    assert not client.session.busy


def test_hanging_up_twice_is_once(client: Client) -> None:
    speaking(client)
    client.report(reports.HungUp())
    assert client.report(reports.HungUp()).names == []


def test_a_hang_up_does_not_begin_the_answer_that_was_waiting(client: Client) -> None:
    client.tune(turn_detection={"interrupt_response": False})
    speaking(client)
    client.turn("And then?")
    assert client.report(reports.HungUp()).names == ["StopReply", *AUDIO_CLOSING]


def test_after_a_hang_up_nothing_is_said(client: Client) -> None:
    response_id = speaking(client)
    client.report(reports.HungUp())
    assert client.send("response.create").names == []
    assert client.send("no.such.event").names == []
    assert client.append_ms(200).names == []
    assert client.begin_speech().names == []
    assert client.say(response_id, "Hello?", 20).names == []


def test_a_refusal_is_one_error_with_everything_the_client_needs(client: Client) -> None:
    assert client.send("response.cancel", event_id="mine").error == {
        "type": "invalid_request_error",
        "code": "response_cancel_not_active",
        "message": "Cancellation failed: no active response found.",
        "param": None,
        "event_id": "mine",
    }


# --- bounds ------------------------------------------------------------------------------------------------------


def test_turns_that_end_faster_than_they_can_be_transcribed_are_given_up(captioned: Client) -> None:
    """One session cannot fill the engines' waiting line for everybody."""
    client = captioned
    for _ in range(MAX_UNHEARD_ITEMS):
        client.append_ms(200)
        client.begin_speech(at_ms=0)
        assert "TranscribeInput" in client.end_speech(at_ms=200).names
    client.append_ms(200)
    client.begin_speech(at_ms=0)
    told = client.end_speech(at_ms=200)
    assert "TranscribeInput" not in told.names
    assert "DropInput" in told.names
    failed = told.event("conversation.item.input_audio_transcription.failed")
    assert failed["error"]["code"] == "rate_limit_exceeded"


def test_a_conversation_is_given_only_so_much_text() -> None:
    client = Client(offer=MODEST)
    client.open()
    for id_ in "ab":
        assert client.write("x" * (MAX_GIVEN_CHARACTERS // 2), id=id_).names[0] == "conversation.item.added"
    assert client.write("x").fault == ("string_above_max_length", "item")


def test_why_a_tool_failed_counts_as_text_too() -> None:
    client = Client(offer=MODEST)
    client.open()
    error = {"type": "tool_execution_error", "message": "x" * MAX_GIVEN_CHARACTERS}
    call = {"type": "mcp_call", "server_label": "shop", "name": "buy", "arguments": "{}", "error": error}
    assert client.send("conversation.item.create", item=call).fault == ("string_above_max_length", "item")


def test_a_conversation_is_given_only_so_many_items(push_to_talk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.protocol.conversation.MAX_ITEMS", 2)
    client = push_to_talk
    client.write("one", id="a")
    client.write("two", id="b")
    assert client.write("three").fault == ("conversation_full", None)
    client.append_ms(200)
    assert client.send("input_audio_buffer.commit").fault == ("conversation_full", None)
    assert client.update(tools=[SHOP]).fault == ("conversation_full", None)
    client.finish(client.create())
    client.send("conversation.item.delete", item_id="a")
    client.commit()


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"type": "message", "id": LONG, "role": "user", "content": []}, "item.id"),
        ({"type": "function_call", "name": LONG, "arguments": "{}"}, "item.name"),
        ({"type": "function_call", "name": "f", "arguments": "{}", "call_id": LONG}, "item.call_id"),
        ({"type": "function_call_output", "call_id": LONG, "output": ""}, "item.call_id"),
        ({"type": "mcp_call", "server_label": LONG, "name": "f", "arguments": "{}"}, "item.server_label"),
        ({"type": "mcp_approval_response", "approval_request_id": LONG, "approve": True}, "item.approval_request_id"),
    ],
)
def test_a_name_is_no_place_for_a_book(item: dict[str, Any], param: str, client: Client) -> None:
    assert client.send("conversation.item.create", item=item).fault == ("invalid_value", param)


def test_an_id_may_be_longer_than_the_servers_own(client: Client) -> None:
    assert client.write("Hello.", id="x" * 512).names[0] == "conversation.item.added"


@pytest.mark.parametrize("label", ["workflow_name", "group_id"])
def test_a_label_that_stands_in_each_line_of_the_log_is_short(label: str, client: Client) -> None:
    assert client.update(tracing={label: "x" * 257}).fault == ("invalid_value", f"session.tracing.{label}")


def test_an_error_does_not_say_all_again_that_the_client_has_said(client: Client) -> None:
    name = "z" * 1_000_000
    for told in (
        client.send("conversation.item.delete", item_id=name),
        client.send("response.cancel", **{name: 1}),
        client.send("session.update", session={"type": "realtime", "audio": {"output": {"voice": name}}}),
    ):
        assert len(told.error["message"]) <= MAX_ERROR_CHARACTERS
        assert len(told.error["param"]) <= MAX_ERROR_CHARACTERS


def test_what_is_deleted_makes_room() -> None:
    client = Client(offer=MODEST)
    client.open()
    client.write("x" * MAX_GIVEN_CHARACTERS, id="a")
    client.send("conversation.item.delete", item_id="a")
    assert client.write("x" * MAX_GIVEN_CHARACTERS).names[0] == "conversation.item.added"


def test_pictures_count_as_what_they_are_written_with(client: Client) -> None:
    picture = {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 15_000_000}
    for _ in range(2):
        assert client.write("", content=[picture]).names[0] == "conversation.item.added"
    assert client.write("", content=[picture]).fault == ("string_above_max_length", "item")


def test_only_so_many_responses_run_beside_the_conversation(client: Client) -> None:
    aside = {"conversation": "none", "input": []}
    for _ in range(MAX_LIVE_RESPONSES - 1):
        assert client.send("response.create", response=aside).names[0] == "response.created"
    refused = client.send("response.create", response=aside)
    assert refused.error["code"] == "rate_limit_exceeded"
    assert client.send("response.create").names[0] == "response.created"
