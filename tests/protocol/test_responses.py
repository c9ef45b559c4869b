"""What becomes of a response at each stage of its life, whatever happens; and several at once."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.protocol import reports
from realtime.protocol.effects import StartReply, StopReply
from tests.protocol.client import AUDIO_CLOSING, DELTAS, OPENING, TEXT_CLOSING, Client, Told

NOTHING: list[str] = []
STARTED = ["response.created", "StartReply"]
DONE = ["response.done"]
OUTSIDE = {"conversation.item.added", "conversation.item.done"}


def outside(names: list[str]) -> list[str]:
    """The same, of a response that is not part of the conversation."""
    return [name for name in names if name not in OUTSIDE]


def done(told: Told) -> dict[str, Any]:
    response: dict[str, Any] = told.event("response.done")["response"]
    return response


# --- every event at every stage ----------------------------------------------------------------------------------

STAGES = ("waiting", "running", "open", "done")


def bring(client: Client, stage: str) -> tuple[str, str]:
    """A response at that stage, and the user's item that it answers."""
    item_id = client.speak()
    (response_id,) = client.witness.live
    if stage != "waiting":
        client.hear_all(item_id, "Hello.")
    if stage == "open":
        client.report(reports.Began(response_id=response_id))
    if stage == "done":
        client.finish(response_id)
    return response_id, item_id


def happen(client: Client, what: str, response_id: str, item_id: str) -> Told:
    match what:
        case "began":
            return client.report(reports.Began(response_id=response_id))
        case "spoke":
            return client.say(response_id, "Hi", 20)
        case "stop" | "length" | "content_filter":
            return client.finish(response_id, what)
        case "failed":
            return client.fail(response_id)
        case "cancelled":
            return client.send("response.cancel")
        case "cancelled by id":
            return client.send("response.cancel", response_id=response_id)
        case "interrupted":
            return client.begin_speech()
        case "heard":
            return client.hear_all(item_id, "Hello.")
        case "heard nothing":
            return client.hear_all(item_id, " \n")
        case "not heard":
            return client.not_heard(item_id)
        case "item deleted":
            return client.send("conversation.item.delete", item_id=item_id)
        case _:
            return client.report(reports.HungUp())


INTERRUPTED = "input_audio_buffer.speech_started"
DELETED = ["ForgetItem", "conversation.item.deleted"]

TABLE: dict[str, tuple[list[str], list[str], list[str], list[str]]] = {
    "began": (NOTHING, OPENING, NOTHING, NOTHING),
    "spoke": (NOTHING, OPENING + DELTAS, DELTAS, NOTHING),
    "stop": (NOTHING, DONE, AUDIO_CLOSING, NOTHING),
    "length": (NOTHING, DONE, AUDIO_CLOSING, NOTHING),
    "content_filter": (NOTHING, DONE, AUDIO_CLOSING, NOTHING),
    "failed": (NOTHING, DONE, AUDIO_CLOSING, NOTHING),
    "cancelled": (DONE, ["StopReply", *DONE], ["StopReply", *AUDIO_CLOSING], ["error"]),
    "cancelled by id": (DONE, ["StopReply", *DONE], ["StopReply", *AUDIO_CLOSING], ["error"]),
    "interrupted": (
        [INTERRUPTED, *DONE],
        [INTERRUPTED, "StopReply", *DONE],
        [INTERRUPTED, "StopReply", *AUDIO_CLOSING],
        [INTERRUPTED],
    ),
    "heard": (["StartReply"], NOTHING, NOTHING, NOTHING),
    "heard nothing": (DONE, NOTHING, NOTHING, NOTHING),
    "not heard": (DONE, NOTHING, NOTHING, NOTHING),
    "item deleted": (["StopTranscription", *DELETED, "StartReply"], DELETED, DELETED, DELETED),
    "hung up": (DONE, ["StopReply", *DONE], ["StopReply", *AUDIO_CLOSING], NOTHING),
}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("what", TABLE)
def test_everything_that_can_happen_at_each_stage(what: str, stage: str, client: Client) -> None:
    response_id, item_id = bring(client, stage)
    assert happen(client, what, response_id, item_id).names == TABLE[what][STAGES.index(stage)]


@pytest.mark.parametrize("what", ["began", "spoke", "stop", "failed", "heard", "not heard"])
def test_what_is_reported_of_things_nobody_knows_is_ignored(what: str, client: Client) -> None:
    assert happen(client, what, "resp_99", "item_99").names == NOTHING


@pytest.mark.parametrize(
    ("what", "status", "details"),
    [
        ("stop", "completed", {"type": "completed"}),
        ("length", "incomplete", {"type": "incomplete", "reason": "max_output_tokens"}),
        ("content_filter", "incomplete", {"type": "incomplete", "reason": "content_filter"}),
        (
            "failed",
            "failed",
            {"type": "failed", "error": {"type": "server_error", "code": "engine_failed", "message": "It broke."}},
        ),
        ("cancelled", "cancelled", {"type": "cancelled", "reason": "client_cancelled"}),
        ("interrupted", "cancelled", {"type": "cancelled", "reason": "turn_detected"}),
        ("hung up", "cancelled", {"type": "cancelled", "reason": "client_cancelled"}),
    ],
)
@pytest.mark.parametrize("stage", ["running", "open"])
def test_a_response_says_how_it_ended_and_why(
    what: str, status: str, details: dict[str, Any], stage: str, client: Client
) -> None:
    response = done(happen(client, what, *bring(client, stage)))
    assert (response["status"], response["status_details"]) == (status, details)


@pytest.mark.parametrize(
    ("what", "status"),
    [("heard nothing", "completed"), ("not heard", "failed"), ("cancelled", "cancelled"), ("interrupted", "cancelled")],
)
def test_a_response_that_never_started_ends_with_no_output(what: str, status: str, client: Client) -> None:
    response = done(happen(client, what, *bring(client, "waiting")))
    assert (response["status"], response["output"], response["usage"]) == (status, [], None)


# --- the whole of one response -----------------------------------------------------------------------------------


def test_a_spoken_response_in_order(client: Client) -> None:
    client.write("Hello.")
    told = client.send("response.create")
    assert told.names == STARTED
    response_id = told.effect(StartReply).response_id
    assert client.say(response_id, "Good ", 20).names == OPENING + DELTAS
    assert client.say(response_id, "", 20).names == ["response.output_audio.delta"]
    assert client.say(response_id, "morning.", 20).names == DELTAS
    assert client.finish(response_id).names == AUDIO_CLOSING


def test_a_written_response_in_order(client: Client) -> None:
    client.write("Hello.")
    told = client.send("response.create", response={"output_modalities": ["text"]})
    assert told.names == STARTED
    response_id = told.effect(StartReply).response_id
    assert client.put(response_id, "Good ").names == [*OPENING, "response.output_text.delta"]
    assert client.put(response_id, "morning.").names == ["response.output_text.delta"]
    assert client.finish(response_id).names == TEXT_CLOSING


def test_a_response_has_one_item_under_one_id_everywhere(client: Client) -> None:
    response_id = client.create()
    opened = client.say(response_id, "Hi", 20)
    closed = client.finish(response_id)
    ids = {
        event["item"]["id"] if "item" in event else event["item_id"] for event in (*opened.events, *closed.events[:-1])
    }
    assert ids == set(client.order)
    assert [item["id"] for item in done(closed)["output"]] == client.order


def test_the_sound_is_sent_as_it_is(client: Client) -> None:
    response_id = client.create()
    spoke = reports.Spoke(response_id=response_id, text="Hi", audio=b"\x01\x02\xff\xfe")
    assert client.report(spoke).event("response.output_audio.delta")["delta"] == "AQL//g=="


def test_usage_adds_up(client: Client) -> None:
    assert done(client.finish(client.create()))["usage"] == {
        "total_tokens": 37,
        "input_tokens": 30,
        "output_tokens": 7,
        "input_token_details": {
            "text_tokens": 30,
            "audio_tokens": 0,
            "image_tokens": 0,
            "cached_tokens": 20,
            "cached_tokens_details": {"text_tokens": 20, "audio_tokens": 0, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": 7, "audio_tokens": 0},
    }


def test_a_response_cut_short_by_its_length_tells_its_usage(client: Client) -> None:
    assert done(client.finish(client.create(), "length"))["usage"]["output_tokens"] == 7


def test_metadata_comes_back(client: Client) -> None:
    told = client.send("response.create", response={"metadata": {"topic": "tea"}})
    created = told.event("response.created")["response"]
    assert created["metadata"] == done(client.finish(created["id"]))["metadata"] == {"topic": "tea"}


def test_a_response_with_nothing_to_say_has_no_output(client: Client) -> None:
    response = done(client.finish(client.create()))
    assert (response["status"], response["output"]) == ("completed", [])


# --- what says nothing is not answered ---------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["", " ", "\n\t"])
def test_a_message_that_says_nothing_is_not_answered(words: str, client: Client) -> None:
    client.write(words)
    told = client.send("response.create")
    assert told.names == ["response.created", "response.done"]
    assert done(told)["status"] == "completed"


@pytest.mark.parametrize("role", ["system", "assistant"])
def test_only_the_users_silence_is_not_answered(role: str, client: Client) -> None:
    kind = "input_text" if role == "system" else "output_text"
    client.write("", role=role, content=[{"type": kind, "text": ""}])
    assert client.send("response.create").names == STARTED


def test_an_empty_conversation_may_be_opened_by_the_assistant(client: Client) -> None:
    assert client.send("response.create", response={"instructions": "Say hello."}).names == STARTED


def test_an_earlier_silence_does_not_matter(client: Client) -> None:
    client.write("")
    client.write("Hello.")
    assert client.send("response.create").names == STARTED


def test_the_result_of_a_function_is_answered(client: Client) -> None:
    result = {"type": "function_call_output", "call_id": "call_1", "output": ""}
    client.send("conversation.item.create", item=result)
    assert client.send("response.create").names == STARTED


# --- several at once ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["waiting", "running", "open"])
def test_one_response_at_a_time_writes_the_conversation(stage: str, client: Client) -> None:
    response_id, _ = bring(client, stage)
    told = client.send("response.create")
    assert told.fault == ("conversation_already_has_active_response", None)
    assert response_id in told.error["message"]


def test_the_next_may_begin_when_one_is_over(client: Client) -> None:
    client.finish(client.create())
    assert client.create() == "resp_2"


@pytest.mark.parametrize(
    "own", [{"instructions": "Greet the caller."}, {"input": []}, {"prompt": {"id": "greeting", "version": "2"}}]
)
def test_a_turn_without_words_is_answered_where_the_client_says_how(own: dict[str, Any], client: Client) -> None:
    client.write(" ")
    if "prompt" in own:
        own["prompt"]["variables"] = {"name": "Ada", "tone": "warm"}
    assert client.send("response.create", response=own).names == STARTED


def test_others_run_beside_it(client: Client) -> None:
    client.create()
    told = client.send("response.create", response={"conversation": "none"})
    assert told.names == STARTED
    assert told.event("response.created")["response"]["conversation_id"] is None


def test_one_that_runs_beside_it_does_not_stand_in_its_way(client: Client) -> None:
    client.create(conversation="none")
    assert client.send("response.create").names == STARTED


def test_a_response_outside_the_conversation_leaves_it_alone(client: Client) -> None:
    response_id = client.create(conversation="none")
    assert client.say(response_id, "Hi", 20).names == outside(OPENING + DELTAS)
    assert client.finish(response_id).names == outside(AUDIO_CLOSING)
    assert client.order == []


def test_two_responses_are_told_apart(client: Client) -> None:
    aloud, written = client.create(), client.create(conversation="none", output_modalities=["text"])
    client.say(aloud, "One ", 20)
    client.put(written, "uno ")
    client.say(aloud, "two.", 20)
    client.put(written, "dos.")
    assert done(client.finish(written))["output"][0]["content"][0]["text"] == "uno dos."
    assert done(client.finish(aloud))["output"][0]["content"][0]["transcript"] == "One two."


def test_without_an_id_the_one_that_writes_the_conversation_is_cancelled(client: Client) -> None:
    client.create(conversation="none")
    response_id = client.create()
    assert done(client.send("response.cancel"))["id"] == response_id


def test_without_an_id_none_beside_it_is_cancelled(client: Client) -> None:
    client.create(conversation="none")
    assert client.send("response.cancel").fault == ("response_cancel_not_active", None)


def test_one_beside_it_is_cancelled_by_its_id(client: Client) -> None:
    client.create()
    response_id = client.create(conversation="none")
    told = client.send("response.cancel", response_id=response_id)
    assert told.effect(StopReply).response_id == done(told)["id"] == response_id


def test_a_response_nobody_knows_cannot_be_cancelled(client: Client) -> None:
    client.create()
    told = client.send("response.cancel", response_id="resp_99")
    assert told.fault == ("response_cancel_not_active", None)
    assert "resp_99" in told.error["message"]


def test_the_user_interrupts_only_what_is_said_to_him(client: Client) -> None:
    beside, response_id = client.create(conversation="none"), client.create()
    told = client.begin_speech()
    assert done(told)["id"] == response_id
    assert client.say(beside, "Hi", 20).names == outside(OPENING + DELTAS)


def test_a_hang_up_ends_them_all(client: Client) -> None:
    beside, response_id = client.create(conversation="none"), client.create()
    told = client.report(reports.HungUp())
    assert told.names == ["StopReply", "response.done", "StopReply", "response.done"]
    assert [event["response"]["id"] for event in told.events] == [beside, response_id]


# --- waiting for words -------------------------------------------------------------------------------------------


def test_a_response_waits_for_all_the_words_it_reads(push_to_talk: Client) -> None:
    first, second = push_to_talk.commit(), push_to_talk.commit()
    push_to_talk.create()
    assert push_to_talk.hear_all(second, "two").names == NOTHING
    assert push_to_talk.hear_all(first, "one").names == ["StartReply"]


def test_all_responses_that_wait_for_the_same_words_start_with_them(push_to_talk: Client) -> None:
    item_id = push_to_talk.commit()
    push_to_talk.create()
    push_to_talk.create(conversation="none")
    assert push_to_talk.hear_all(item_id, "one").names == ["StartReply", "StartReply"]


def test_words_that_never_come_fail_only_those_who_wait_for_them(push_to_talk: Client) -> None:
    item_id = push_to_talk.commit()
    response_id = push_to_talk.create()
    beside = push_to_talk.create(conversation="none", input=[])
    assert done(push_to_talk.not_heard(item_id))["id"] == response_id
    assert push_to_talk.finish(beside).names == DONE


def test_an_item_whose_words_never_came_keeps_no_later_response_waiting(push_to_talk: Client) -> None:
    push_to_talk.not_heard(push_to_talk.commit())
    push_to_talk.write("Hello?")
    assert push_to_talk.send("response.create").names == STARTED


def test_a_session_is_busy_while_any_response_is_in_progress(client: Client) -> None:
    busy = [client.session.busy]
    response_id = client.create(conversation="none")
    busy.append(client.session.busy)
    client.finish(response_id)
    assert [*busy, client.session.busy] == [False, True, False]
