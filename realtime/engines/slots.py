"""Which slot of a language model remembers which conversation.

A slot is a place in the model's memory where one prompt has been read. A prompt that begins like what its slot holds
is read from where the two part: the next turn of a conversation costs its own words and no more, if it comes back to
its slot. So does the same turn asked again, when an answer was begun before the user had said everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Condition

from realtime.engines.base import Message


@dataclass(frozen=True, slots=True)
class _Lent:
    """A slot that is in use."""

    conversation: tuple[Message, ...]
    given_up: Callable[[], bool]
    """Whether it is about to come back: its answer stops after the step that is being made."""


class Slots:
    """`count` slots, each lent to one answer at a time. Safe to use from several threads."""

    def __init__(self, count: int) -> None:
        # Least recently used first: a slot that comes back goes to the end.
        self._free: dict[int, tuple[Message, ...]] = dict.fromkeys(range(count), ())
        self._lent: dict[int, _Lent] = {}
        self._came_back = Condition()

    @contextmanager
    def lend(self, conversation: tuple[Message, ...], given_up: Callable[[], bool] = lambda: False) -> Iterator[int]:
        """A slot for `conversation`: the one that remembers most of it, else the one unused for longest.

        Where that one is in use for an answer that was given up, waits for the step it still makes: to read the
        conversation again would take longer. `given_up` tells that of this answer.

        There must be a free slot: whoever asks has a turn, and there are no more turns than slots.
        """
        with self._came_back:
            while (slot := self._best(conversation)) not in self._free:
                self._came_back.wait()
            del self._free[slot]
            self._lent[slot] = _Lent(conversation, given_up)
        try:
            yield slot
        finally:
            with self._came_back:
                del self._lent[slot]
                self._free[slot] = conversation
                self._came_back.notify_all()

    def _best(self, conversation: tuple[Message, ...]) -> int:
        leaving = {slot: lent.conversation for slot, lent in self._lent.items() if lent.given_up()}
        held = {**self._free, **leaving}  # oldest first
        gains = {slot: _gain(remembered, conversation) for slot, remembered in held.items()}
        most = max(gains.values())
        best = [slot for slot, gain in gains.items() if gain == most]
        return best[-1] if most else next(iter(self._free))


def _gain(held: tuple[Message, ...], conversation: tuple[Message, ...]) -> int:
    """Messages that need not be read again, less those that would be forgotten for it.

    Conversations begin with the same instructions. For the sake of those alone no other conversation is overwritten:
    a gain below nothing counts as nothing, and then the oldest goes.
    """
    alike = 0
    for mine, other in zip(held, conversation, strict=False):
        if mine != other and not _said_further(mine, other):
            break
        alike += 1
        if mine != other:
            break
    return max(0, alike - (len(held) - alike))


def _said_further(mine: Message, other: Message) -> bool:
    """Whether two messages are the user saying one thing, of which one has more or was heard a little differently."""
    if not mine.role == other.role == "user":
        return False
    half = (min(len(mine.text), len(other.text)) + 1) // 2
    return half > 0 and mine.text[:half] == other.text[:half]
