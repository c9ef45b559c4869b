"""Chunks of OpenAI's chat completions, and what our reading makes of them."""

from __future__ import annotations

from typing import Any

from realtime.engines.base import AnswerPart, Tool
from realtime.engines.chat_completions import Reading

WEATHER = Tool(
    name="weather",
    description="The weather",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}},
)
TOOLS = (WEATHER, Tool(name="clock", description="The time"))


def delta(finish_reason: str | None = None, **delta: Any) -> dict[str, Any]:
    """What is new in an answer, and perhaps why it ends there."""
    return {
        "id": "1",
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
    }


def called(**call: Any) -> dict[str, Any]:
    """A piece of a call of a tool."""
    return delta(tool_calls=[call])


def piece(name: str | None, arguments: str | None, **call: Any) -> dict[str, Any]:
    """A piece of a call of a function."""
    return called(**call, function={"name": name, "arguments": arguments})


def read(*chunks: Any, **wanted: bool) -> list[Any]:
    """The parts of an answer to a prompt with `TOOLS` that has these chunks and then ends."""
    reading = Reading(TOOLS, **wanted)
    parts: list[AnswerPart] = [part for chunk in chunks for part in reading.parts(chunk)]
    return [*parts, *reading.end()]
