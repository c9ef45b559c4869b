"""How much of a long conversation a language model is given, when not all of it fits.

Whole turns are left out, the oldest first, so that no result of a tool call is without its call; the instructions
always stay. What is left out follows from the conversation alone, as if it were held again from its beginning: a cut
that was made stays where it was until the room is exceeded again, and what was read till then need not be read again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import TypeAlias

from realtime.engines.base import Message

Messages: TypeAlias = tuple[Message, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnSize:
    """How many tokens a turn has."""

    asked: int
    """When the model was asked: what the user had said."""
    whole: int
    """With what came of it. Of the last turn, all that there is."""


def part(messages: Messages) -> tuple[Messages, tuple[Messages, ...]]:
    """The instructions that a conversation begins with, and its turns.

    A turn begins with what the user says, and has everything up to where the user speaks again; what the assistant
    says before anybody has spoken is a turn too.
    """
    instructions = tuple(takewhile(lambda message: message.role == "system", messages))
    said = messages[len(instructions) :]
    starts = [index for index, message in enumerate(said) if message.role == "user" or index == 0]
    return instructions, tuple(said[start:end] for start, end in pairwise([*starts, len(said)]))


def first_kept(turns: Sequence[TurnSize], room: int, retention: float) -> int:
    """Index of the oldest turn that stays, when turns may have `room` tokens.

    Whenever they have more, the oldest go until no more than `retention` (0 to 1) of the room is used. The last turn
    stays whatever its size.
    """
    first = 0
    used = 0
    last = len(turns) - 1
    for index, turn in enumerate(turns):
        asked = used + (turn.whole if index == last else turn.asked)
        if asked > room:
            while first < index and asked > retention * room:
                asked -= turns[first].whole
                used -= turns[first].whole
                first += 1
        used += turn.whole
    return first
