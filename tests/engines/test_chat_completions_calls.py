"""Calls of tools in OpenAI's chat completions: whatever way a server tells them apart, and whole or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.engines.base import CallWhole, Finish, FinishReason, ToolCallPart
from realtime.engines.chat_completions import Reading
from realtime.errors import EngineFailed
from tests.engines.chunks import TOOLS, called, delta, piece, read

# --- piece by piece ----------------------------------------------------------------------------------------------


def test_calls_piece_by_piece() -> None:
    assert read(
        called(index=0, id="call_1", type="function", function={"name": "weather", "arguments": ""}),
        called(index=0, function={"arguments": '{"city":'}),
        called(index=0, function={"arguments": '"Rome"}'}),
        called(index=1, id="call_2", type="function", function={"name": "clock", "arguments": "{}"}),
        delta("tool_calls"),
    ) == [
        ToolCallPart(index=0, call_id="call_1", name="weather"),
        ToolCallPart(index=0, arguments='{"city":'),
        ToolCallPart(index=0, arguments='"Rome"}'),
        ToolCallPart(index=1, call_id="call_2", name="clock", arguments="{}"),
        CallWhole(index=0),
        CallWhole(index=1),
        Finish(reason="tool_calls"),
    ]


def test_calls_of_a_server_that_numbers_nothing() -> None:
    one, more, two, *wholes, finish = read(
        called(function={"name": "weather", "arguments": "{"}),
        called(function={"arguments": "}"}),
        called(id="", function={"name": "clock", "arguments": "{}"}),
        delta("stop"),
    )
    assert [(part.index, part.name, part.arguments) for part in (one, more, two)] == [
        (0, "weather", "{"),
        (0, None, "}"),
        (1, "clock", "{}"),
    ]
    assert one.call_id
    assert two.call_id
    assert one.call_id != two.call_id
    assert more.call_id is None
    assert wholes == [CallWhole(index=0), CallWhole(index=1)]
    assert finish == Finish(reason="tool_calls")


def test_a_server_that_names_a_call_in_every_piece() -> None:
    pieces = [called(index=0, id="a", function={"name": "clock", "arguments": text}) for text in ("{", "}")]
    assert read(*pieces, delta("tool_calls"))[:2] == [
        ToolCallPart(index=0, call_id="a", name="clock", arguments="{"),
        ToolCallPart(index=0, arguments="}"),
    ]


def test_a_call_that_names_no_arguments_has_none() -> None:
    assert read(called(index=0, id="a", function={"name": "clock", "arguments": ""}), delta("tool_calls"))[1:] == [
        ToolCallPart(index=0, arguments="{}"),
        CallWhole(index=0),
        Finish(reason="tool_calls"),
    ]


def test_of_several_calls_only_the_first_may_be_wanted() -> None:
    reading = Reading(TOOLS, one_call=True)
    progress = {"prompt_progress": {"total": 40, "cache": 8, "processed": 40}}
    first = called(index=0, id="a", function={"name": "clock", "arguments": "{}"})
    second = called(index=1, id="b", function={"name": "clock", "arguments": "{"})
    parts = [
        part for chunk in (progress, first, {**second, "timings": {"predicted_n": 9}}) for part in reading.parts(chunk)
    ]
    assert parts[1:] == [ToolCallPart(index=0, call_id="a", name="clock", arguments="{}")]
    assert reading.complete
    assert list(reading.end()) == [
        CallWhole(index=0),
        Finish(reason="tool_calls", prompt_tokens=40, cached_tokens=8, completion_tokens=9),
    ]


# --- side by side ------------------------------------------------------------------------------------------------


def whole_calls(*chunks: Any) -> list[tuple[str, str]]:
    """Name and arguments of the calls that can be made."""
    parts = read(*chunks, delta("tool_calls"))
    pieces = [part for part in parts if isinstance(part, ToolCallPart)]
    wholes = [part.index for part in parts if isinstance(part, CallWhole)]
    begun = {part.index: part.name for part in pieces if part.name}
    assert len(begun) == len({part.call_id for part in pieces if part.call_id})
    return [(begun[i], "".join(piece.arguments for piece in pieces if piece.index == i)) for i in wholes]


ROME, OSLO = '{"city":"Rome"}', '{"city":"Oslo"}'


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([piece("weather", ROME, index=0, id="a"), piece("weather", OSLO, index=1, id="b")], id="in turn"),
        pytest.param(
            [piece("weather", ROME, index=0, id="a"), piece("weather", OSLO, index=0, id="b")], id="one index"
        ),
        pytest.param(
            [
                piece("weather", "", index=0, id="a"),
                piece(None, ROME, index=0),
                piece("weather", "", index=0, id="b"),
                piece(None, OSLO, index=0),
            ],
            id="one index, begun without arguments",
        ),
        pytest.param([piece("weather", ROME, index=0), piece("weather", OSLO, index=0)], id="one index, no ids"),
        pytest.param([piece("weather", ROME, index=0, id="a"), piece("weather", OSLO, index=1, id="a")], id="one id"),
        pytest.param([piece("weather", ROME), piece("weather", OSLO)], id="nothing but names"),
        pytest.param(
            [piece("weather", ROME, index=1, id="a"), piece("weather", OSLO, index=2, id="b")], id="from 1 on"
        ),
        pytest.param(
            [
                piece("weather", '{"city"', index=0, id="a"),
                piece("weather", '{"city"', index=1, id="b"),
                piece(None, ':"Rome"}', index=0),
                piece(None, ':"Oslo"}', index=1),
            ],
            id="piece by piece in turn",
        ),
        pytest.param(
            [
                piece("weather", '{"city"', index=0, id="a"),
                piece("clock", '{"city"', index=0, id="b"),
                piece("weather", ':"Rome"}', index=0, id="a"),
                piece("clock", ':"Oslo"}', index=0, id="b"),
            ],
            id="told apart by ids",
        ),
        pytest.param(
            [
                piece("weather", '{"city"', index=0, id="a"),
                piece("weather", ':"Rome"}', index=0, id="other"),
                piece(None, "", index=0, id="another"),
                piece("weather", OSLO, index=1, id="b"),
                piece("weather", "", index=1, id=""),
            ],
            id="an id and a name for every piece",
        ),
    ],
)
def test_calls_side_by_side(pieces: list[Any]) -> None:
    assert [arguments for _, arguments in whole_calls(*pieces)] == [ROME, OSLO]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"index": 0, "id": "a"}, {"index": 1, "id": "b"}),
        ({"index": 0, "id": "a"}, {"index": 0, "id": "b"}),
        ({"index": 0}, {"index": 0}),
        ({}, {}),
    ],
)
@pytest.mark.parametrize("arguments", ["", None, "{}"])
def test_calls_side_by_side_without_arguments(
    arguments: str | None, first: dict[str, Any], second: dict[str, Any]
) -> None:
    assert whole_calls(piece("clock", arguments, **first), piece("weather", arguments, **second)) == [
        ("clock", "{}"),
        ("weather", "{}"),
    ]


# --- not whole, or not understood --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments", ['{"city":', "Rome", "[1]", "[" * 100_000, '"Rome"', "{} {}", '{"city": "\ud800"}']
)
def test_arguments_that_are_no_json_object_are_a_failure(arguments: str) -> None:
    with pytest.raises(EngineFailed, match="'weather' with arguments that are no JSON object") as failed:
        read(called(index=0, id="a", function={"name": "weather", "arguments": arguments}), delta("tool_calls"))
    assert "Rome" not in str(failed.value)


@pytest.mark.parametrize("reason", ["length", "content_filter"])
@pytest.mark.parametrize("arguments", ["", '{"ci', '{"city": "Rome"}'])
def test_calls_that_were_cut_short_are_left_as_they_are(reason: FinishReason, arguments: str) -> None:
    """Nothing is added to them, and none of them is whole: nobody knows what else was to come."""
    assert read(called(index=0, id="a", function={"name": "weather", "arguments": arguments}), delta(reason)) == [
        ToolCallPart(index=0, call_id="a", name="weather", arguments=arguments),
        Finish(reason=reason),
    ]


def test_nothing_is_whole_before_every_call_has_been_looked_at() -> None:
    """The first would be made although the answer fails."""
    reading = Reading(TOOLS)
    chunks = [piece("clock", "{}", index=0, id="a"), piece("weather", '{"ci', index=1, id="b"), delta("tool_calls")]
    for chunk in chunks:
        list(reading.parts(chunk))
    with pytest.raises(EngineFailed, match="'weather' with arguments that are no JSON object"):
        next(reading.end())


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [("alarm", "{}", "'alarm', which is no tool"), ("weather", '{"city": 7}', "'weather' with a wrong 'city': 'type'")],
)
@pytest.mark.parametrize("reason", ["tool_calls", "stop"])
def test_calls_that_no_tool_understands_are_a_failure(reason: str, name: str, arguments: str, said: str) -> None:
    with pytest.raises(EngineFailed, match=said):
        read(piece(name, arguments, index=0, id="a"), delta(reason))


def test_a_piece_of_a_call_that_never_began_is_a_failure() -> None:
    with pytest.raises(EngineFailed, match="had not begun"):
        read(called(index=3, function={"arguments": "{}"}))
