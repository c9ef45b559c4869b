"""What several tests of the embedded language model say to it."""

from __future__ import annotations

from realtime.engines.base import AnswerPart, Finish, Message, Prompt, Token, ToolCallPart
from realtime.engines.llama_cpp import LlamaCpp
from realtime.settings import DEFAULT_INSTRUCTIONS


def conversation(*said: str, instructions: str = DEFAULT_INSTRUCTIONS) -> Prompt:
    """The user says the first, the assistant the second, and so on."""
    roles = ("user", "assistant")
    messages = (Message(role=roles[n % 2], text=text) for n, text in enumerate(said))  # type: ignore[arg-type]
    return Prompt(messages=(Message(role="system", text=instructions), *messages))


async def parts_of(llama: LlamaCpp, prompt: Prompt) -> list[AnswerPart]:
    return [part async for part in llama.answer(prompt)]


def words_of(parts: list[AnswerPart]) -> str:
    return "".join(part.text for part in parts if isinstance(part, Token))


def calls_of(parts: list[AnswerPart]) -> list[tuple[str, str]]:
    """Name and arguments of each call."""
    pieces = [part for part in parts if isinstance(part, ToolCallPart)]
    return [
        (first.name or "", "".join(part.arguments for part in pieces if part.index == first.index))
        for first in pieces
        if first.call_id
    ]


def finish_of(parts: list[AnswerPart]) -> Finish:
    assert isinstance(parts[-1], Finish)
    return parts[-1]
