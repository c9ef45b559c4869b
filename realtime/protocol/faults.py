"""From a failed validation to an error a client can act on: which field, and what kind of fault."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from realtime.errors import InvalidRequest

MAX_NESTING = 32
"""Objects and lists within each other, where a client may nest as it likes: as deep as every reader can follow."""

MAX_ERROR_CHARACTERS = 2000
"""An error may quote the client, and need not do so at length."""

_PATH = re.compile(r" - at (?:`key` in )?`(?P<path>[^`]*)`$")
_FIELD = re.compile(r"Object (?:missing required|contains unknown) field `(?P<field>[^`]*)`")

# How msgspec's message begins names the kind of fault (further on it may quote the client); the codes are those
# OpenAI's server uses.
_CODES = (
    (re.compile(r"Object missing required field `"), "missing_required_parameter"),
    (re.compile(r"Object contains unknown field `"), "unknown_parameter"),
    (re.compile(r"Expected `.*`, got `"), "invalid_type"),
    (re.compile(r"Invalid base64"), "invalid_base64"),
)


def fault(problem: msgspec.ValidationError, root: str = "") -> InvalidRequest:
    """The `InvalidRequest` for `problem`; `root` is the parameter that the validated value stands under."""
    text = str(problem)
    located = _PATH.search(text)
    path = located["path"].removeprefix("$").lstrip(".") if located else ""
    field = _FIELD.match(text)
    param = ".".join(part for part in (root, path, field["field"] if field else "") if part) or None
    code = next((code for beginning, code in _CODES if beginning.match(text)), "invalid_value")
    said = _PATH.sub("", text)
    return InvalidRequest(f"Invalid '{param}': {said}." if param else f"Invalid event: {said}.", code=code, param=param)


def check_nesting(value: Any, param: str) -> None:
    """Refuse `value` if it is nested deeper than `MAX_NESTING`: who reads it may do so by recursion."""
    inside = [value]
    for _ in range(MAX_NESTING + 1):
        inside = [
            child
            for nested in inside
            if isinstance(nested, dict | list)
            for child in (nested.values() if isinstance(nested, dict) else nested)
        ]
    if inside:
        raise InvalidRequest(f"'{param}' is nested more than {MAX_NESTING} deep.", param=param)


def shorten(text: str) -> str:
    """`text`, as much of it as an error may say."""
    return text if len(text) <= MAX_ERROR_CHARACTERS else text[: MAX_ERROR_CHARACTERS - 1] + "…"


def refuse_first(unsupported: dict[str, bool]) -> None:
    """Refuse the first parameter that is asked for and that this server cannot honour."""
    param = next((param for param, asked in unsupported.items() if asked), None)
    if param:
        raise InvalidRequest(
            f"'{param}' asks for something this server does not support.", code="unsupported_value", param=param
        )
