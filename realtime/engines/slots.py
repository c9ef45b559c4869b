"""Which slot of a language model remembers which conversation.

A slot is a place in the model's memory where one prompt has been read. A prompt that begins like what its slot holds
is read from where the two part: the next turn of a conversation costs its own words and no more, if it comes back to
its slot.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from realtime.engines.base import Message


class Slots:
    """`count` slots, each lent to one answer at a time. Safe to use from several threads."""

    def __init__(self, count: int) -> None:
        # Least recently used first: a slot that comes back goes to the end.
        self._free: dict[int, tuple[Message, ...]] = dict.fromkeys(range(count), ())
        self._lock = Lock()

    @contextmanager
    def lend(self, conversation: tuple[Message, ...]) -> Iterator[int]:
        """A free slot for `conversation`: the one that remembers most of it, else the one unused for longest.

        There must be a free one: whoever asks has a turn, and there are no more turns than slots.
        """
        with self._lock:
            slot = max(self._free, key=lambda slot: _gain(self._free[slot], conversation))
            del self._free[slot]
        try:
            yield slot
        finally:
            with self._lock:
                self._free[slot] = conversation


def _gain(held: tuple[Message, ...], conversation: tuple[Message, ...]) -> int:
    """Messages that need not be read again, less those that would be forgotten for it.

    Conversations begin with the same instructions. For the sake of those alone no other conversation is overwritten:
    a gain below nothing counts as nothing, and then the oldest goes.
    """
    alike = 0
    for mine, other in zip(held, conversation, strict=False):
        if mine != other:
            break
        alike += 1
    return max(0, alike - (len(held) - alike))
