"""Calls against the schemas of their tools."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.engines.base import Tool
from realtime.engines.tool_schema import check_calls, check_schemas
from realtime.errors import EngineFailed


def tool(**schema: Any) -> Tool:
    return Tool(name="buy", description="", parameters={"type": "object", "properties": {"count": schema}})


def test_calls_that_are_understood_pass() -> None:
    check_calls((tool(multipleOf=5),), [("buy", '{"count": 10}'), ("buy", "{}")])


@pytest.mark.parametrize(
    ("schema", "arguments", "keyword"),
    [
        ({"multipleOf": 5}, '{"count": 2018}', "multipleOf"),
        ({"not": {"type": "string"}}, '{"count": "secret"}', "not"),
        ({"uniqueItems": True}, '{"count": [1, 1]}', "uniqueItems"),
        ({"pattern": "^a"}, '{"count": "secret"}', "pattern"),
    ],
)
def test_what_is_not_understood_is_named_without_its_words(schema: Any, arguments: str, keyword: str) -> None:
    with pytest.raises(EngineFailed, match=rf"'buy' with a wrong 'count': '{keyword}'") as failed:
        check_calls((tool(**schema),), [("buy", arguments)])
    assert "secret" not in str(failed.value)


def test_a_tool_that_was_not_given_is_a_failure() -> None:
    with pytest.raises(EngineFailed, match="'sell', which is no tool"):
        check_calls((tool(),), [("sell", "{}")])


def test_a_schema_that_is_none_is_named() -> None:
    with pytest.raises(EngineFailed, match="tool 'buy' are no JSON schema"):
        check_schemas((tool(type="nonsense"),))


@pytest.mark.parametrize("where", ["#/$defs/gone", "http://127.0.0.1:9/schema.json"])
def test_a_schema_is_not_looked_for_elsewhere(where: str) -> None:
    with pytest.raises(EngineFailed, match="no JSON schema"):
        check_calls((tool(**{"$ref": where}),), [("buy", '{"count": 1}')])


def test_a_pattern_that_would_take_for_ever_is_given_up() -> None:
    """It is the client's, and nobody else may have to wait for it."""
    schema = {"type": "object", "properties": {"word": {"type": "string", "pattern": r"^(?=a)(a|a)*\1?b$"}}}
    arguments = '{"word": "' + "a" * 4000 + '!"}'
    with pytest.raises(EngineFailed, match="wrong 'word'"):
        check_calls([Tool(name="say", description="", parameters=schema)], [("say", arguments)])


def test_a_schema_that_is_nested_too_deep_is_a_failure() -> None:
    deep: dict[str, Any] = {}
    for _ in range(300):
        deep = {"not": deep}
    with pytest.raises(EngineFailed, match="no JSON schema"):
        check_schemas((tool(**deep),))
