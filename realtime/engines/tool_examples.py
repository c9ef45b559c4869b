"""A tool being called, shown to a model too small to call one that it has not seen called."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from realtime.engines.base import Message, Tool, ToolCall

WORDS = ("Oslo", "Anna", "Kyoto", "Maria")
"""Values of no meaning: what the model has to see is that they come from what the user said."""


def tool_examples(tools: tuple[Tool, ...], count: int) -> Iterator[Message]:
    """Each of `tools` called `count` times, with a result and an answer, every time with other arguments."""
    for number in range(count):
        for tool in tools:
            yield from _example(tool, number)


def _example(tool: Tool, number: int) -> Iterator[Message]:
    arguments = _arguments(tool.parameters, number)
    named = ", ".join(f"{name} {_said(value)}" for name, value in arguments.items())
    what = (tool.description or tool.name.replace("_", " ")).rstrip(".")
    call = ToolCall(call_id="call_0", name=tool.name, arguments=json.dumps(arguments))
    yield Message(role="user", text=f"{what}: {named}." if named else f"{what}.")
    yield Message(role="assistant", text="", tool_calls=(call,))
    yield Message(role="tool", text="ok", call_id="call_0")
    yield Message(role="assistant", text="Done.")


def _arguments(parameters: dict[str, Any], number: int) -> dict[str, Any]:
    properties = parameters.get("properties")
    if not isinstance(properties, dict):
        return {}
    chosen = parameters.get("required") or list(properties)
    return {
        name: _value(schema, index + number)
        for index, (name, schema) in enumerate(properties.items())
        if name in chosen and isinstance(schema, dict)
    }


def _value(schema: dict[str, Any], number: int) -> Any:
    choices = schema.get("enum")
    if isinstance(choices, list) and choices:
        return choices[number % len(choices)]
    kind = schema.get("type")
    if kind in ("integer", "number"):
        return 5
    if kind == "boolean":
        return True
    if kind == "array":
        items = schema.get("items")
        return [_value(items, number)] if isinstance(items, dict) else []
    if kind == "object":
        return _arguments(schema, number)
    return WORDS[number % len(WORDS)]


def _said(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
