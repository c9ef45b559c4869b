"""How much of a long conversation a language model is given, when not all of it fits."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile

from realtime.engines.base import Message

TURNS_FORGOTTEN_TOGETHER = 8
"""For as many turns the prompt begins alike, and what was read of it need not be read again."""


def recall(messages: tuple[Message, ...], characters: int) -> Iterator[tuple[Message, ...]]:
    """Ever less of `messages` to try: first what fits into about `characters`, last the instructions and last turn.

    Whole turns are left out, the oldest first, so that no result of a tool call is without its call. The instructions
    always stay.
    """
    instructions = tuple(takewhile(lambda message: message.role == "system", messages))
    said = messages[len(instructions) :]
    turns = [index for index, message in enumerate(said) if message.role == "user"] or [0]
    room = characters - _length(instructions)
    choices = [0, *turns[TURNS_FORGOTTEN_TOGETHER::TURNS_FORGOTTEN_TOGETHER], turns[-1]]
    first = next((start for start in choices if _length(said[start:]) <= room), turns[-1])
    yield instructions + said[first:]
    later = [start for start in turns if start > first]
    while later:
        later = later[len(later) // 2 :]
        yield instructions + said[later[0] :]
        later = later[1:]


def _length(messages: tuple[Message, ...]) -> int:
    return sum(len(message.text) + sum(len(call.arguments) for call in message.tool_calls) for message in messages)
