"""Functions, calls and choices in JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from realtime.backend.language.functions import calls_of, choice_of, tools_of
from realtime.engines.base import Tool, ToolCall
from realtime.errors import InvalidRequest

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
CLOCK = Tool(name="clock", description="")
WEATHER = Tool(name="weather", description="The weather", parameters=SCHEMA)


def described(**function: Any) -> str:
    return json.dumps([{"type": "function", "function": function}])


def test_functions_as_they_are_described() -> None:
    assert tools_of(described(name="weather", description="The weather", parameters=SCHEMA, strict=True)) == (WEATHER,)
    assert tools_of(described(name="clock", parameters=None)) == (CLOCK,)
    assert tools_of("") == tools_of("[]") == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "truncated"),
        ("{}", "array"),
        ('[{"type": "function"}]', "function"),
        (described(), "name"),
        (described(name=5), "name"),
        (described(name="clock", parameters=[]), "parameters"),
        (described(name="clock", parameters={"type": "nonsense"}), "no JSON schema"),
        (json.dumps([{"function": {"name": "clock"}}] * 2), "two functions of one name"),
        ('[{"function": {"name": "clock", "parameters": ' + '{"not": ' * 100_000, "recursion"),
    ],
)
def test_what_describes_no_function_is_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidRequest, match=f"'Tools'.*{said}") as refused:
        tools_of(text)
    assert refused.value.param == "Tools"


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("", "auto"),
        ("none", "none"),
        ('"required"', "required"),
        ('{"type": "function", "function": {"name": "weather"}}', "weather"),
    ],
)
def test_who_is_called(text: str, choice: str) -> None:
    assert choice_of(text, (CLOCK, WEATHER)) == choice


@pytest.mark.parametrize("text", ["weather", '"weather"', '{"function": {"name": "calendar"}}', "{", "{}", "null"])
def test_a_choice_that_there_is_not_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="'ToolChoice'"):
        choice_of(text, (CLOCK, WEATHER))


def test_nothing_can_be_required_where_there_is_nothing_to_call() -> None:
    assert choice_of("auto", ()) == "auto"
    with pytest.raises(InvalidRequest, match="there are no 'Tools'"):
        choice_of("required", ())


@pytest.mark.parametrize("arguments", ['{"city":"Rome"}', {"city": "Rome"}])
def test_calls_that_were_made(arguments: Any) -> None:
    made = json.dumps([{"id": "1", "type": "function", "function": {"name": "weather", "arguments": arguments}}])
    assert calls_of(made, "x") == (ToolCall(call_id="1", name="weather", arguments='{"city":"Rome"}'),)


def test_a_call_without_arguments_has_none() -> None:
    assert calls_of('[{"function": {"name": "clock"}}]', "x")[0].arguments == "{}"
    assert calls_of("", "x") == ()


@pytest.mark.parametrize("text", ["[{}]", '[{"function": {"name": "clock", "arguments": "now"}}]'])
def test_a_call_that_was_never_made_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"'Messages\[3\]\.tool_calls'"):
        calls_of(text, "Messages[3].tool_calls")
