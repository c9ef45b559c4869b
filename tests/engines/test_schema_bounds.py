"""What of a tool's schema llama.cpp is shown, and what is left out because it would never get done."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.engines.base import Tool
from realtime.engines.schema_bounds import ANYTHING, MOST_STEPS, MOST_VALUES, MOST_WAYS, bounded

STRING = {"type": "string"}
NUMBER = {"type": "number"}


def shown(schema: dict[str, Any]) -> dict[str, Any]:
    return bounded(Tool(name="go", description="", parameters=schema)).parameters


def of(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def array(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": 1}


def tree(*children: Any, **named: Any) -> dict[str, Any]:
    """A node with either kind of children, and others of its kind below them."""
    return {"$ref": "#/$defs/node", "$defs": {"node": of(children={"anyOf": list(children)}), **named}}


NODE = {"$ref": "#/$defs/node"}


@pytest.mark.parametrize(
    "schema",
    [
        {},
        of(city=STRING, unit={"enum": ["C", "F"]}, days={"type": "integer", "minimum": 1}),
        of(when={"anyOf": [STRING, {"type": "null"}]}, where={"oneOf": [array(STRING), of(name=STRING)]}),
        of(pattern=STRING, enum=NUMBER, anyOf={"type": "null"}),
        of(zip={"type": "string", "pattern": "^[0-9]{5}$"}, date={"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"}),
        of(mail={"type": "string", "pattern": r"^[a-z]+@[a-z]+\.[a-z]{2,10}$"}),
        tree(array(NODE), {"type": "null"}),  # a list of nodes, or none: the first letter tells
        of(value={"default": {"pattern": "(a?)"}, "const": {"enum": [1] * 300}}),
        {"type": "object", "additionalProperties": {"type": ["string", "null"]}, "properties": {}},
        {"type": "array", "prefixItems": [STRING, NUMBER], "items": False},
        of(numbers={"allOf": [{"type": "array"}, {"items": NUMBER}]}),
    ],
)
def test_everyday_schemas_stay_as_they_are(schema: dict[str, Any]) -> None:
    assert shown(schema) == schema


@pytest.mark.parametrize(
    "pattern",
    [
        "^((a|a)(a|a)){300}b$",
        "^(((a?){30}){30})b$",
        "^a?a?a?a?b$",
        "^a{0,9}b{1,9}a*a+$",
        "^a{101}$",
        "^a|b$",
        "abc",
    ],
)
def test_a_pattern_that_is_not_plain_is_left_out(pattern: str) -> None:
    inside = array({"type": "string", "pattern": pattern, "minLength": 2})
    assert shown(of(x=inside)) == of(x=array({"type": "string", "minLength": 2}))


@pytest.mark.parametrize(
    "schema",
    [
        tree(array(NODE), {**array(NODE), "minItems": 2}),
        tree(NODE, NODE),
        tree({"$ref": "#/$defs/other"}, array(NODE), other=array({"oneOf": [NODE, array(NODE)]})),
    ],
)
def test_choices_that_come_again_below_themselves_are_left_open(schema: dict[str, Any]) -> None:
    """Their ways multiply with every level."""
    assert shown(schema)["$defs"]["node"] == of(children=ANYTHING)


def test_choices_within_choices_are_counted() -> None:
    def nested(levels: int) -> dict[str, Any]:
        return {"anyOf": [array(nested(levels - 1)), array(nested(levels - 1))]} if levels else STRING

    fits = of(x=nested(4))
    assert MOST_WAYS == 2**4
    assert shown(fits) == fits
    assert shown(of(x=nested(5))) == of(x=ANYTHING)


def test_choices_among_definitions_are_counted_wherever_they_are_used() -> None:
    """Each refers to the next one twice: a short schema with a million ways."""
    definitions = {
        f"d{n}": {"anyOf": [array({"$ref": f"#/$defs/d{n + 1}"}), array({"$ref": f"#/$defs/d{n + 1}"})]}
        for n in range(20)
    }
    schema = {**of(x={"$ref": "#/$defs/d0"}), "$defs": {**definitions, "d20": STRING}}
    assert set(map(str, shown(schema)["$defs"].values())) == {str(ANYTHING), str(STRING)}


def test_a_schema_too_long_to_be_counted_loses_its_choices() -> None:
    many = of(**{f"p{n}": STRING for n in range(MOST_STEPS)}, last={"type": "string", "anyOf": [STRING, NUMBER]})
    assert shown(many)["properties"]["last"] == STRING


def test_too_many_values_are_left_out() -> None:
    values = [f"a{n}" for n in range(MOST_VALUES + 1)]
    assert shown(of(x={"type": "string", "enum": values})) == of(x=STRING)
    assert shown(of(x={"enum": values[1:]})) == of(x={"enum": values[1:]})


@pytest.mark.parametrize("reference", ["#/x-own/hidden", "#name", "#/properties/x/items"])
def test_what_is_not_looked_at_cannot_be_referred_to(reference: str) -> None:
    schema = {**of(x={"$ref": reference}), "x-own": {"hidden": {"type": "string", "pattern": "^(a?){99}$"}}}
    assert shown(schema)["properties"] == {"x": ANYTHING}


@pytest.mark.parametrize("odd", [{"$ref": 1}, {"enum": 1}, {"pattern": 1}, {"properties": 1}, {"anyOf": 1}])
def test_what_no_validator_has_seen_does_no_harm(odd: dict[str, Any]) -> None:
    """Older drafts know nothing of `$defs`, and let anything stand there."""
    assert shown({"$defs": {"odd": odd}, "$ref": "#/$defs/odd"})["$ref"] == "#/$defs/odd"
