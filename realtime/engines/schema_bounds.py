"""Tools' JSON schemas by which llama.cpp can write without going astray.

Between two tokens llama.cpp follows every way in which what it has written can be read, and nothing stops it: where
ways multiply it is busy for ever, and every conversation waits. Schemas come from clients. What could multiply is left
out of the one by which a call is written; the call is held against the whole of it in the end (`tool_schema`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import reduce
from math import inf
from typing import Any, Final

from realtime.engines.base import Tool

MOST_WAYS: Final = 16
"""In which the beginning of a call can be read, by choices (`anyOf`, `oneOf`) within choices."""

MOST_VALUES: Final = 256
"""Of an `enum`."""

MOST_STEPS: Final = 2000
"""Schemas within a schema, each counted wherever it is referred to; with more there are too many ways."""

MOST_REPEATED: Final = 100
"""How often a letter of a `pattern` may have to be repeated."""

MOST_OPEN: Final = 3
"""Places in a `pattern` that may be longer or shorter."""

ANYTHING: Final = {"type": ["object", "array", "string", "number", "boolean", "null"]}

_CHOICES: Final = ("anyOf", "oneOf")
_MAPS: Final = ("properties", "$defs", "definitions")
_LISTS: Final = ("allOf", "prefixItems", *_CHOICES)
_SCALARS: Final = ("string", "number", "integer", "boolean", "null")

_REFERENCE: Final = re.compile(r"#(/(\$defs|definitions|properties)/[^/]+)*")
"""To a place that is looked at here."""

_REPEATED: Final = r"(?:[*+?]|\{\d+(?:,\d*)?\})"
_PLAIN: Final = re.compile(rf"\^(?:(?:\\[dws./+-]|\[[^][\\]*\]|[\w :/@#,;=%&~'<>-]){_REPEATED}?)*\$")
"""A `pattern` of letters and classes of letters one after another, each perhaps repeated: no groups, no choices."""


def bounded(tool: Tool) -> Tool:
    """`tool` as a call of it can be written safely. Its schema has been found to be one (`check_schemas`)."""
    choices = _Reading(tool.parameters).ways(tool.parameters, 1, {}) <= MOST_WAYS
    return replace(tool, parameters=_without(tool.parameters, choices=choices))


class _Reading:
    """Counts in how many ways a text can be read, at most."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._steps = 0

    def ways(self, schema: Any, above: int, opened: Mapping[str, int]) -> float:
        """`above` is how many ways lead here, `opened` how many led to each reference on the way."""
        self._steps += 1
        if self._steps > MOST_STEPS:
            return inf
        if not isinstance(schema, dict):
            return 1
        reference = schema.get("$ref")
        if isinstance(reference, str):
            if reference in opened:
                return inf if above > opened[reference] else 1
            return self.ways(self._found(reference), above, {**opened, reference: above})
        most = max((self.ways(part, above, opened) for part in _inside(schema)), default=1.0)
        for choice in (schema[name] for name in _CHOICES if isinstance(schema.get(name), list)):
            within = above * max(1, sum(map(_may_hold_choices, choice)))
            most = max(most, sum(self.ways(one, within, opened) for one in choice))
        return most

    def _found(self, reference: str) -> Any:
        names = (name.replace("~1", "/").replace("~0", "~") for name in reference.split("/")[1:])
        return reduce(lambda there, name: there.get(name) if isinstance(there, dict) else None, names, self._root)


def _may_hold_choices(schema: Any) -> bool:
    """Not inside a number or a word."""
    return isinstance(schema, dict) and schema.get("type") not in _SCALARS


def _inside(schema: dict[str, Any]) -> Iterator[Any]:
    """The schemas of what it consists of; not its choices, and not what is only referred to."""
    properties = schema.get("properties")
    yield from properties.values() if isinstance(properties, dict) else ()
    for name in ("allOf", "prefixItems", "items", "additionalProperties"):
        part = schema.get(name)
        yield from part if isinstance(part, list) else [part]


def _without(schema: Any, *, choices: bool) -> Any:
    """`schema` without what may lead astray, choices among it unless they are few."""
    if not isinstance(schema, dict):
        return schema
    kept: dict[str, Any] = {}
    for name, value in schema.items():
        if not _is_safe(name, value, choices=choices):
            if name in (*_CHOICES, "$ref"):
                kept = {**ANYTHING, **kept}
        elif name in _MAPS and isinstance(value, dict):
            kept[name] = {key: _without(one, choices=choices) for key, one in value.items()}
        elif name in (*_LISTS, "items") and isinstance(value, list):
            kept[name] = [_without(one, choices=choices) for one in value]
        elif name in ("items", "additionalProperties"):
            kept[name] = _without(value, choices=choices)
        else:
            kept[name] = value
    return kept


def _is_safe(name: str, value: Any, *, choices: bool) -> bool:
    match name:
        case "anyOf" | "oneOf":
            return choices
        case "$ref":
            return isinstance(value, str) and _REFERENCE.fullmatch(value) is not None
        case "enum":
            return isinstance(value, list) and len(value) <= MOST_VALUES
        case "pattern":
            return isinstance(value, str) and _is_plain(value)
        case _:
            return True


def _is_plain(pattern: str) -> bool:
    if not _PLAIN.fullmatch(pattern):
        return False
    repeated: list[str] = re.findall(_REPEATED, pattern)
    longest = max((int(number) for number in re.findall(r"\d+", "".join(repeated))), default=0)
    return longest <= MOST_REPEATED and sum(one in "*+?" or "," in one for one in repeated) <= MOST_OPEN
