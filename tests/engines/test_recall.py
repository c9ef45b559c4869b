"""What a model is given of a conversation that is too long for it."""

from __future__ import annotations

from itertools import chain, groupby

from realtime.engines.base import Message, ToolCall
from realtime.engines.recall import TURNS_FORGOTTEN_TOGETHER, recall

INSTRUCTIONS = Message(role="system", text="Be brief.")


def turns(count: int) -> tuple[Message, ...]:
    """Turns of a hundred characters each."""
    return tuple(
        chain.from_iterable(
            (Message(role="user", text=f"{n:50}"), Message(role="assistant", text=f"{n:50}")) for n in range(count)
        )
    )


def test_what_fits_is_given_whole() -> None:
    messages = (INSTRUCTIONS, *turns(3))
    assert next(recall(messages, 1000)) == messages


def test_the_oldest_turns_go_first_several_at_once() -> None:
    messages = (INSTRUCTIONS, *turns(30))
    given = next(recall(messages, 2500))
    assert given == (INSTRUCTIONS, *turns(30)[2 * TURNS_FORGOTTEN_TOGETHER :])


def test_the_beginning_stays_the_same_for_some_turns() -> None:
    beginnings = [next(recall((INSTRUCTIONS, *turns(count)), 2500))[1] for count in range(26, 26 + 32)]
    runs = [len(list(alike)) for _, alike in groupby(beginnings)]
    assert runs[1:-1] == [TURNS_FORGOTTEN_TOGETHER] * 3


def test_every_try_is_shorter_and_the_last_is_the_last_turn() -> None:
    messages = (INSTRUCTIONS, *turns(30))
    tries = list(recall(messages, 100_000))
    lengths = [len(given) for given in tries]
    assert lengths == sorted(set(lengths), reverse=True)
    assert 4 <= len(tries) <= 6
    assert tries[0] == messages
    assert tries[-1] == (INSTRUCTIONS, *messages[-2:])


def test_a_single_turn_is_tried_once_whatever_its_length() -> None:
    messages = (INSTRUCTIONS, Message(role="user", text="x" * 1000))
    assert list(recall(messages, 10)) == [messages]


def test_a_tool_call_is_not_parted_from_its_result() -> None:
    call = ToolCall(call_id="call_1", name="weather", arguments="{}")
    asked = (
        Message(role="user", text="x" * 500),
        Message(role="assistant", text="", tool_calls=(call,)),
        Message(role="tool", text="sunny" * 100, call_id="call_1"),
        Message(role="assistant", text="It is sunny."),
    )
    for given in recall((*asked, *asked, *asked), 100_000):
        assert given[0].role == "user"


def test_a_conversation_that_only_the_assistant_has_begun() -> None:
    messages = (INSTRUCTIONS, Message(role="assistant", text="Hello, who is there?"))
    assert list(recall(messages, 1000)) == [messages]


def test_what_the_arguments_of_calls_weigh_is_counted() -> None:
    call = ToolCall(call_id="call_1", name="note", arguments="x" * 5000)
    heavy = (Message(role="user", text="Note it."), Message(role="assistant", text="", tool_calls=(call,)))
    given = next(recall((*heavy, *turns(10)), 2000))
    assert given == turns(10)[TURNS_FORGOTTEN_TOGETHER * 2 - 2 :]
