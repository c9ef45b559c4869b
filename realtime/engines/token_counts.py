"""How many tokens a conversation has, by llama.cpp's own count.

llama.cpp refuses a prompt that is longer than its context before it reads any of it, and says how long it was. So what
is to be counted is asked for behind a filling that alone is too long: the answer is exact, whatever the model's
tokenizer and template are, costs some milliseconds and neither a slot nor anything a slot remembers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import msgspec

from realtime.engines.base import Message, Prompt, Tool
from realtime.engines.chat_completions import Json, request
from realtime.engines.recall import Messages, TurnSize
from realtime.errors import EngineFailed

SIZES_REMEMBERED = 1024
"""Which need not be asked for again."""

LARGEST_MESSAGE_FRAME_TOKENS = 32
"""What a template writes around a message, at most."""

USER = Message(role="user", text="x")
"""Whom the model answers in what is counted; its few tokens count as part of the instructions."""


class TokenCounts:
    """`ask` has llama.cpp answer a request, and returns its complaint. Safe to use from several threads."""

    def __init__(self, ask: Callable[[Json], Json | None], context_tokens: int) -> None:
        self._ask = ask
        # A letter and a blank are a token at least. The assistant's word keeps speakers taking turns, as some
        # templates want it.
        filling = Message(role="user", text="x " * context_tokens)
        self._filling = (filling, Message(role="assistant", text="Yes."))
        self._added = lru_cache(SIZES_REMEMBERED)(self._ask_for_added)
        self._beginning = lru_cache(SIZES_REMEMBERED)(self._ask_for_beginning)

    def instructions(self, messages: Messages, tools: tuple[Tool, ...]) -> int:
        """Tokens of what comes before the first turn, with those that ask the model to speak."""
        return self._beginning(messages, msgspec.json.encode(tools))

    def turns(self, turns: tuple[Messages, ...]) -> list[TurnSize]:
        """Tokens of each turn; the last is the one to be answered."""
        earlier = [TurnSize(asked=self._added(turn[:1]), whole=self._added((*turn, USER))) for turn in turns[:-1]]
        last = [self._added(turn) for turn in turns[-1:]]
        return [*earlier, *(TurnSize(asked=size, whole=size) for size in last)]

    def _ask_for_added(self, messages: Messages) -> int:
        """How many tokens more `messages` are than `USER`."""
        return self._count((*self._filling, *messages)) - self._count((*self._filling, USER))

    def _ask_for_beginning(self, messages: Messages, tools: bytes) -> int:
        filling = self._added((*self._filling, USER))
        described = msgspec.json.decode(tools, type=tuple[Tool, ...])
        return self._count((*messages, *self._filling, USER), described) - filling

    def _count(self, messages: Messages, tools: tuple[Tool, ...] = ()) -> int:
        problem = self._ask(request(Prompt(messages=messages, tools=tools)))
        match problem:
            case {"type": "exceed_context_size_error", "n_prompt_tokens": int(count)}:
                return count
            case _:
                raise EngineFailed("the language model cannot count the tokens of this conversation")


def most_tokens(messages: Messages) -> int:
    """More than `messages` can have: a token is a byte at least, and only what does not fit so needs counting."""
    return sum(
        len(message.text.encode(errors="replace"))
        + LARGEST_MESSAGE_FRAME_TOKENS
        + sum(len(call.arguments.encode(errors="replace")) + len(call.name) + 32 for call in message.tool_calls)
        for message in messages
    )
