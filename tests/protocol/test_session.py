"""Whole scenarios: what the server says to what the client does, in which order."""

from __future__ import annotations

import pytest

from realtime.protocol import reports
from realtime.protocol.effects import DropInput, Listen, StartReply, TranscribeInput, TuneInput
from tests.protocol.client import AUDIO_CLOSING, COMMITTING, COMPLETED, DELTAS, OPENING, STARTED, STOPPED, Client

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


# --- what is refused ---------------------------------------------------------------------------------------------


def test_what_the_client_plays_only_the_client_can_stop(client: Client) -> None:
    assert client.send("output_audio_buffer.clear").fault == ("unsupported_event", "type")


def test_a_refusal_is_one_error_with_everything_the_client_needs(client: Client) -> None:
    assert client.send("response.cancel", event_id="mine").error == {
        "type": "invalid_request_error",
        "code": "response_cancel_not_active",
        "message": "Cancellation failed: no active response found.",
        "param": None,
        "event_id": "mine",
    }
