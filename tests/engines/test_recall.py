"""What a model is given of a conversation that is too long for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.engines.base import Message, ToolCall
from realtime.engines.recall import TurnSize, first_kept, part

INSTRUCTIONS = Message(role="system", text="Be brief.")
CALL = ToolCall(call_id="call_1", name="weather", arguments="{}")
TURN = (
    Message(role="user", text="How is the weather?"),
    Message(role="assistant", text="", tool_calls=(CALL,)),
    Message(role="tool", text="sunny", call_id="call_1"),
    Message(role="assistant", text="It is sunny."),
)
GREETING = (Message(role="assistant", text="Hello, who is there?"),)


def sizes(*tokens: int) -> list[TurnSize]:
    """Turns of which half is the question."""
    return [TurnSize(asked=count // 2, whole=count) for count in tokens]


@pytest.mark.parametrize(
    ("messages", "instructions", "turns"),
    [
        ((INSTRUCTIONS, *TURN, *TURN), (INSTRUCTIONS,), (TURN, TURN)),
        ((INSTRUCTIONS, INSTRUCTIONS, *GREETING, *TURN), (INSTRUCTIONS,) * 2, (GREETING, TURN)),
        ((*TURN[:1], INSTRUCTIONS, *TURN), (), ((TURN[0], INSTRUCTIONS), TURN)),
        ((INSTRUCTIONS,), (INSTRUCTIONS,), ()),
        ((), (), ()),
    ],
)
def test_a_turn_is_everything_up_to_the_next_question(
    messages: tuple[Message, ...], instructions: tuple[Message, ...], turns: tuple[tuple[Message, ...], ...]
) -> None:
    assert part(messages) == (instructions, turns)


@pytest.mark.parametrize(
    ("tokens", "room", "retention", "first"),
    [
        ((), 100, 1.0, 0),
        ((40, 40, 20), 100, 1.0, 0),
        ((40, 40, 21), 100, 1.0, 1),
        ((40, 40, 21), 100, 0.5, 2),
        ((40, 40, 21), 100, 0.0, 2),
        ((500,), 100, 1.0, 0),
        ((500, 10), 100, 1.0, 1),
    ],
)
def test_the_oldest_turns_go_until_the_rest_fits(
    tokens: tuple[int, ...], room: int, retention: float, first: int
) -> None:
    assert first_kept(sizes(*tokens), room, retention) == first


def test_a_cut_stays_where_it_is_until_the_room_is_exceeded_again() -> None:
    cuts = [first_kept(sizes(*[10] * count), 100, 0.5) for count in range(1, 31)]
    assert cuts == sorted(cuts)
    assert [cuts.count(cut) for cut in sorted(set(cuts))][1:-1] == [6, 6, 6]


def test_without_a_share_a_turn_goes_for_each_that_comes() -> None:
    assert [first_kept(sizes(*[10] * count), 100, 1.0) for count in range(9, 14)] == [0, 0, 1, 2, 3]


TURNS = st.lists(st.integers(2, 60).map(lambda count: TurnSize(asked=count // 2, whole=count)), min_size=1, max_size=40)


@given(TURNS, st.integers(1, 200), st.floats(0, 1))
def test_what_stays_fits_and_a_longer_conversation_never_remembers_more(
    turns: list[TurnSize], room: int, retention: float
) -> None:
    def asked(count: int) -> list[TurnSize]:
        """The conversation when its turn number `count` was to be answered."""
        return [*turns[: count - 1], TurnSize(asked=turns[count - 1].asked, whole=turns[count - 1].asked)]

    cuts = [first_kept(asked(count), room, retention) for count in range(1, len(turns) + 1)]
    assert cuts == sorted(cuts)
    for count, first in enumerate(cuts, 1):
        kept = asked(count)[first:]
        assert len(kept) == 1 or sum(turn.whole for turn in kept) <= room
