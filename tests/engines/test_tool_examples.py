"""Calls made up to be looked at: each is one that its tool would understand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from realtime.engines.base import Tool
from realtime.engines.tool_examples import tool_examples
from realtime.engines.tool_schema import check_calls

LIGHT = {
    "type": "object",
    "properties": {
        "room": {"type": "string"},
        "on": {"type": "boolean"},
        "colour": {"enum": ["red", "green"]},
        "levels": {"type": "array", "items": {"type": "integer"}},
        "mood": {"type": "object", "properties": {"name": {"type": "string"}}},
    },
}


def test_what_is_said_has_what_is_called_for() -> None:
    tool = Tool(name="set_light", description="Turn a light on or off.", parameters=LIGHT)
    asked, called, result, answered = tool_examples((tool,), 1)
    assert asked.text == ('Turn a light on or off: room Oslo, on true, colour red, levels [5], mood {"name": "Oslo"}.')
    assert called.tool_calls[0].call_id == result.call_id
    assert json.loads(called.tool_calls[0].arguments)["room"] == "Oslo"
    assert [message.role for message in (asked, called, result, answered)] == ["user", "assistant", "tool", "assistant"]


def test_every_time_with_other_words() -> None:
    tool = Tool(name="get_weather", description="The weather", parameters=LIGHT)
    said = [message.text for message in tool_examples((tool,), 3) if message.role == "user"]
    assert len(set(said)) == 3


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        LIGHT,
        {**LIGHT, "required": ["on"]},
        {"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]},
        {"type": "object", "properties": []},
    ],
)
def test_the_tool_would_understand_it(parameters: dict[str, Any]) -> None:
    tool = Tool(name="end_call", description="", parameters=parameters)
    examples = list(tool_examples((tool,), 2))
    calls = [(call.name, call.arguments) for message in examples for call in message.tool_calls]
    assert len(calls) == 2
    if not isinstance(parameters.get("properties"), list):
        check_calls((tool,), calls)
    if not parameters:
        assert examples[0].text == "end call."
