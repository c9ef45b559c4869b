"""What no event of the API says: that a turn is over, that what is new is to be answered, that all is said."""

from __future__ import annotations

from collections import Counter
from random import Random

from realtime.protocol import reports
from realtime.protocol.wishes import AnswerRest, EndTurn, SaidAll
from tests.protocol.client import Client, Told
from tests.protocol.effort import WALKS
from tests.protocol.walk import STEPS, Walker, begin, step

COMMITTED, CREATED = "input_audio_buffer.committed", "response.created"


def write(client: Client) -> Told:
    """The user writes something."""
    message = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello?"}]}
    return client.send("conversation.item.create", item=message)


def call(client: Client, *call_ids: str) -> str:
    """The running response calls functions."""
    (response_id,) = client.witness.live
    for call_id in call_ids:
        client.report(reports.CallBegan(response_id=response_id, call_id=call_id, name="dance"))
        client.report(reports.CallEnded(response_id=response_id, call_id=call_id))
    return response_id


def result(client: Client, call_id: str) -> Told:
    """The client brings what a call has returned, and has no other way to say whether that is all."""
    client.send("conversation.item.create", item={"type": "function_call_output", "call_id": call_id, "output": "3"})
    return client.wish(AnswerRest(once_called=True))


# --- a turn is over ----------------------------------------------------------------------------------------------


def test_a_turn_that_goes_on_is_ended(client: Client) -> None:
    client.append_ms(500)
    client.begin_speech()
    names = client.wish(EndTurn()).names
    assert names.index("input_audio_buffer.speech_stopped") < names.index(COMMITTED) < names.index(CREATED)


def test_a_turn_that_has_ended_by_itself_is_not_ended_again(client: Client) -> None:
    client.turn()
    client.append_ms(500)
    assert client.wish(EndTurn()).names == []
    assert COMMITTED in client.wish(EndTurn()).names, "the next one is another turn"


def test_a_turn_that_was_not_to_be_answered_by_itself_is_answered_then(client: Client) -> None:
    client.tune(turn_detection={"create_response": False})
    client.turn()
    told = client.wish(EndTurn())
    assert (CREATED in told.names, COMMITTED in told.names) == (True, False)


def test_where_nobody_detects_turns_what_there_is_is_one(push_to_talk: Client) -> None:
    push_to_talk.append_ms(200)
    assert {COMMITTED, CREATED} <= set(push_to_talk.wish(EndTurn()).names)
    assert push_to_talk.wish(EndTurn()).fault == ("input_audio_buffer_commit_empty", None)


def test_what_was_written_is_a_turn_too(push_to_talk: Client) -> None:
    write(push_to_talk)
    assert CREATED in push_to_talk.wish(EndTurn()).names


def test_the_silence_beside_what_was_written_is_none(client: Client) -> None:
    client.append_ms(500)
    write(client)
    told = client.wish(EndTurn())
    assert (CREATED in told.names, COMMITTED in told.names) == (True, False)


def test_a_turn_waits_for_the_answer_that_is_going_on(push_to_talk: Client) -> None:
    push_to_talk.append_ms(200)
    first = push_to_talk.wish(EndTurn())
    push_to_talk.append_ms(200)
    assert CREATED not in push_to_talk.wish(EndTurn()).names
    assert CREATED in push_to_talk.send("response.cancel", response_id=first.event(CREATED)["response"]["id"]).names


def test_who_has_asked_for_the_answer_may_say_again_that_it_is_his_turn(push_to_talk: Client) -> None:
    """It is answered already; what is too short is told."""
    for _ in range(2):
        created = push_to_talk.send("response.create", response={"conversation": "auto"}).event(CREATED)
        push_to_talk.send("response.cancel", response_id=created["response"]["id"])
    assert push_to_talk.wish(EndTurn()).names == []
    push_to_talk.send("response.create")
    push_to_talk.append_ms(50)
    assert push_to_talk.wish(EndTurn()).fault == ("input_audio_buffer_commit_empty", None)


# --- what is new is to be answered -------------------------------------------------------------------------------


def test_what_is_answered_is_not_answered_again(client: Client) -> None:
    assert client.wish(AnswerRest()).names == []
    write(client)
    assert CREATED in client.wish(AnswerRest()).names
    assert client.wish(AnswerRest()).names == []
    write(client)
    assert client.wish(AnswerRest()).names == []
    assert CREATED in client.send("response.cancel").names


def test_while_the_user_speaks_it_is_answered_together_with_that(client: Client) -> None:
    write(client)
    client.append_ms(500)
    client.begin_speech()
    assert client.wish(AnswerRest()).names == []
    assert client.end_speech().names.count(CREATED) == 1


def test_results_are_answered_when_all_are_there(client: Client) -> None:
    client.turn()
    response_id = call(client, "a", "b")
    client.finish(response_id, "tool_calls")
    assert result(client, "b").names == []
    assert CREATED in result(client, "a").names
    assert client.wish(EndTurn()).names == [], "it is answered already"


def test_results_that_come_while_the_answer_goes_on_wait_for_its_other_calls(client: Client) -> None:
    client.turn()
    response_id = call(client, "a")
    assert result(client, "a").names == []
    call(client, "b")
    assert CREATED not in client.finish(response_id, "tool_calls").names
    assert CREATED in result(client, "b").names


def test_results_of_somebody_elses_calls_are_not_answered(client: Client) -> None:
    made = {"type": "function_call", "call_id": "a", "name": "dance", "arguments": "{}"}
    client.send("conversation.item.create", item=made)
    assert result(client, "a").names == []
    assert CREATED in client.wish(AnswerRest()).names


def test_a_server_that_is_about_to_stop_answers_nothing(client: Client) -> None:
    write(client)
    client.report(reports.Draining())
    assert client.wish(AnswerRest()).names == []
    client.append_ms(500)
    assert CREATED not in client.wish(EndTurn()).names


def test_nobody_is_talked_over(client: Client) -> None:
    """Not even by what waits for an answer that the user interrupts, in a session that answers no turn by itself."""
    client.tune(turn_detection={"create_response": False})
    write(client)
    client.wish(AnswerRest())
    write(client)
    client.wish(AnswerRest())
    assert CREATED not in client.begin_speech().names
    assert CREATED in client.end_speech().names


# --- all is said -------------------------------------------------------------------------------------------------


def test_an_open_turn_is_over_when_all_is_said(client: Client) -> None:
    client.append_ms(500)
    assert client.wish(SaidAll()).names == []
    client.begin_speech()
    assert {COMMITTED, CREATED} <= set(client.wish(SaidAll()).names)


def test_what_nobody_has_committed_is_a_turn_when_all_is_said(push_to_talk: Client) -> None:
    push_to_talk.append_ms(50)
    assert push_to_talk.wish(SaidAll()).names == []
    push_to_talk.append_ms(150)
    assert {COMMITTED, CREATED} <= set(push_to_talk.wish(SaidAll()).names)


# --- everything --------------------------------------------------------------------------------------------------


def test_wishes_break_no_invariant() -> None:
    """Wherever a walk leads; and they lead somewhere."""
    came_of_wishes: Counter[str] = Counter()
    for seed in range(WALKS // 4):
        client, walker = begin(), Walker(Random(seed), servers=True, wishes=True)
        for _ in range(STEPS):
            given = walker.next_input(client)
            told = step(client, given)
            if isinstance(given, EndTurn | AnswerRest | SaidAll):
                came_of_wishes.update(type(given).__name__ for name in told.names if name == CREATED)
    assert set(came_of_wishes) == {"EndTurn", "AnswerRest", "SaidAll"}
