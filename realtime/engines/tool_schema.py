"""Whether a call is what its tool's JSON schema asks for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jsonschema_rs
import msgspec

from realtime.engines.base import Tool
from realtime.errors import EngineFailed

PATTERNS = jsonschema_rs.FancyRegexOptions(backtrack_limit=10_000)
"""A `pattern` is the client's: one that would take for ever is given up after some milliseconds, and does not match."""


def check_schemas(tools: Iterable[Tool]) -> None:
    """Raise `EngineFailed`, with the tool's name, for a schema that is none."""
    for tool in tools:
        _validator(tool)


def check_calls(tools: Iterable[Tool], calls: Iterable[tuple[str, str]]) -> None:
    """Raise `EngineFailed` for a call, name and JSON text, that its tool does not understand.

    The grammar that writes a call knows most of a schema but not all of it: not every `pattern`, no `multipleOf`, no
    `not`, no `uniqueItems`. What it cannot promise is looked at when it is written.
    """
    validators = {tool.name: _validator(tool) for tool in tools}
    for name, arguments in calls:
        if name not in validators:
            raise EngineFailed(f"the language model called {name!r}, which is no tool it was given")
        problem = next(validators[name].iter_errors(msgspec.json.decode(arguments)), None)
        if problem is not None:
            where = "/".join(map(str, problem.instance_path)) or "arguments"
            raise EngineFailed(
                f"the language model called {name!r} with a wrong {where!r}: {problem.schema_path[-1]!r} of its schema"
            )


def _validator(tool: Tool) -> jsonschema_rs.Validator:
    try:
        jsonschema_rs.meta.validate(tool.parameters)
        return jsonschema_rs.validator_for(tool.parameters, retriever=_fetch_nothing, pattern_options=PATTERNS)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as problem:
        raise EngineFailed(f"the parameters of tool {tool.name!r} are no JSON schema") from problem


def _fetch_nothing(uri: str) -> Any:
    """A schema's author may not have us fetch what it refers to."""
    raise LookupError(uri)
