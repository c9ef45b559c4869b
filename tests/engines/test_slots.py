"""Which slot a conversation comes back to."""

from __future__ import annotations

import threading
from queue import Queue

from realtime.engines.base import Message
from realtime.engines.slots import Slots


def said(*texts: str) -> tuple[Message, ...]:
    """A conversation that begins with the instructions all have."""
    instructions = Message(role="system", text="Be brief.")
    return (instructions, *(Message(role="assistant" if n % 2 else "user", text=t) for n, t in enumerate(texts)))


def lent(slots: Slots, *texts: str) -> int:
    with slots.lend(said(*texts)) as slot:
        return slot


def test_a_conversation_comes_back_to_its_slot() -> None:
    slots = Slots(3)
    first = lent(slots, "What is the capital of France?")
    second = lent(slots, "How deep is the sea?")
    assert first != second
    assert lent(slots, "What is the capital of France?", "Paris.", "And of Italy?") == first
    assert lent(slots, "How deep is the sea?", "Deep.", "How deep?") == second


def test_a_new_one_takes_a_slot_that_nobody_has_used() -> None:
    slots = Slots(3)
    assert len({lent(slots, "a", "b", "c"), lent(slots, "d", "e", "f"), lent(slots, "g", "h", "i")}) == 3


def test_when_all_are_used_the_oldest_conversation_is_forgotten() -> None:
    slots = Slots(2)
    oldest = lent(slots, "a", "b", "c", "d", "e")
    lent(slots, "f")
    assert lent(slots, "x", "y", "z") == oldest


def test_being_used_again_makes_it_the_youngest() -> None:
    slots = Slots(2)
    first = lent(slots, "a", "b", "c")
    second = lent(slots, "d", "e", "f")
    lent(slots, "a", "b", "c", "d", "e")
    assert lent(slots, "x", "y", "z") == second
    assert first != second


def test_a_lent_slot_is_not_lent_again() -> None:
    slots = Slots(2)
    with slots.lend(said("a")) as first, slots.lend(said("a", "b", "c")) as second:
        assert first != second


def test_a_slot_comes_back_after_a_failure() -> None:
    slots = Slots(1)
    try:
        with slots.lend(said("a")):
            raise RuntimeError
    except RuntimeError:
        pass
    assert lent(slots, "a") == 0


def test_a_turn_that_goes_on_finds_its_own_slot() -> None:
    """An answer was begun when the user had not said everything yet. The earlier turn's slot remembers less."""
    slots = Slots(3)
    with slots.lend(said("a")), slots.lend(said("a", "b", "And what about")) as begun:
        pass
    assert lent(slots, "a", "b", "And what about Italy?") == begun
    assert lent(slots, "a", "b", "And what about it, Ali?") == begun


def test_other_words_are_another_conversation() -> None:
    slots = Slots(2)
    first = lent(slots, "What is the capital of France?")
    assert lent(slots, "Where is Rome?") != first


def test_who_asks_again_waits_for_the_slot_of_the_answer_that_was_given_up() -> None:
    slots = Slots(2)
    given_up, found = threading.Event(), Queue[int]()
    with slots.lend(said("a", "b", "c"), given_up.is_set) as mine:
        assert lent(slots, "a", "b", "c") != mine  # it is in use, and for long
        given_up.set()
        asking = threading.Thread(target=lambda: found.put(lent(slots, "a", "b", "c")))
        asking.start()
        other = lent(slots, "x")  # whoever has no part in it is not kept waiting
        assert found.empty()
    assert found.get(timeout=30) == mine != other
    asking.join()
