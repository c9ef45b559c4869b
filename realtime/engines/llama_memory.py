"""Which turns of a conversation llama.cpp is given, by its own count of their tokens."""

from __future__ import annotations

from realtime.engines.base import Prompt
from realtime.engines.llama_options import LlamaCppOptions
from realtime.engines.llama_request import answer_limit, beginning
from realtime.engines.recall import Messages, first_kept, part
from realtime.engines.token_counts import TokenCounts, most_tokens
from realtime.errors import ContextTooLong

LARGEST_FRAME_TOKENS = 256
"""What a template may write of its own around a conversation."""


def remembered(prompt: Prompt, counts: TokenCounts, options: LlamaCppOptions) -> Messages:
    """All that the model is shown: instructions, examples, and the turns that fit as `prompt.truncation` wants them.

    Room is left for the answer, up to a quarter of the context. Raises `ContextTooLong` when the last turn alone does
    not fit, or the turns do not and none may be left out.
    """
    instructions, turns = part(prompt.messages)
    shown = beginning(prompt, instructions, options)
    if _fits_easily(prompt, shown, turns, options):
        return (*shown, *(message for turn in turns for message in turn))
    sizes = counts.turns(turns)
    taken = counts.instructions(shown, prompt.tools)
    most = options.context_tokens - 1 - taken
    room = most - _answer_room(prompt, options)
    truncation = prompt.truncation
    if truncation.max_tokens is not None:
        most, room = min(most, truncation.max_tokens), min(room, truncation.max_tokens)
    first = 0 if truncation.retention is None else first_kept(sizes, room, truncation.retention)
    kept = sum(size.whole for size in sizes[first:])
    if kept > most:
        what = "conversation" if truncation.retention is None else "last turn alone"
        raise ContextTooLong(
            f"the {what} has {kept} tokens, and after {taken} of instructions and tools there is room for "
            f"{max(0, most)} (option `context_tokens`, or the session's truncation)"
        )
    return (*shown, *(message for turn in turns[first:] for message in turn))


def _answer_room(prompt: Prompt, options: LlamaCppOptions) -> int:
    return min(answer_limit(prompt, options), options.context_tokens // 4)


def _fits_easily(prompt: Prompt, shown: Messages, turns: tuple[Messages, ...], options: LlamaCppOptions) -> bool:
    """Whether it fits however many tokens it has."""
    said = most_tokens(tuple(message for turn in turns for message in turn))
    limit = prompt.truncation.max_tokens
    tools = sum(len(str(tool)) for tool in prompt.tools)
    room = options.context_tokens - _answer_room(prompt, options)
    return said + most_tokens(shown) + tools + LARGEST_FRAME_TOKENS < room and (limit is None or said <= limit)
