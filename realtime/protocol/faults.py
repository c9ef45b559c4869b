"""From a failed validation to an error a client can act on: which field, and what kind of fault."""

from __future__ import annotations

import re

import msgspec

from realtime.errors import InvalidRequest

_PATH = re.compile(r" - at `(?P<path>[^`]*)`$")
_FIELD = re.compile(r"(?:missing required field|contains unknown field) `(?P<field>[^`]*)`")

# The first that occurs in msgspec's message names the kind of fault; the codes are those OpenAI's server uses.
_CODES = (
    ("missing required field", "missing_required_parameter"),
    ("contains unknown field", "unknown_parameter"),
    (", got `", "invalid_type"),
    ("Invalid base64", "invalid_base64"),
)


def fault(problem: msgspec.ValidationError, root: str = "") -> InvalidRequest:
    """The `InvalidRequest` for `problem`; `root` is the parameter that the validated value stands under."""
    text = str(problem)
    located = _PATH.search(text)
    path = located["path"].removeprefix("$").lstrip(".") if located else ""
    field = _FIELD.search(text)
    param = ".".join(part for part in (root, path, field["field"] if field else "") if part) or None
    code = next((code for marker, code in _CODES if marker in text), "invalid_value")
    said = _PATH.sub("", text)
    return InvalidRequest(f"Invalid '{param}': {said}." if param else f"Invalid event: {said}.", code=code, param=param)
