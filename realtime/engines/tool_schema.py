"""Whether a call is what its tool's JSON schema asks for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry
from referencing.exceptions import Unresolvable

from realtime.engines.base import Tool
from realtime.errors import EngineFailed


def check_schemas(tools: Iterable[Tool]) -> None:
    """Raise `EngineFailed`, with the tool's name, for a schema that is none."""
    for tool in tools:
        try:
            Draft202012Validator.check_schema(tool.parameters)
        except SchemaError as problem:
            raise EngineFailed(f"the parameters of tool {tool.name!r} are no JSON schema") from problem


def check_calls(tools: Iterable[Tool], calls: Iterable[tuple[str, str]]) -> None:
    """Raise `EngineFailed` for a call, name and JSON text, that its tool does not understand.

    The grammar that writes a call knows most of a schema but not all of it: not every `pattern`, no `multipleOf`, no
    `not`, no `uniqueItems`. What it cannot promise is looked at when it is written.
    """
    schemas = {tool.name: tool.parameters for tool in tools}
    for name, arguments in calls:
        if name not in schemas:
            raise EngineFailed(f"the language model called {name!r}, which is no tool it was given")
        try:
            problem = _problem(schemas[name], msgspec.json.decode(arguments))
        except Unresolvable as lost:
            raise EngineFailed(f"the parameters of tool {name!r} refer to what is not in them") from lost
        if problem is not None:
            where = "/".join(map(str, problem.absolute_path)) or "arguments"
            raise EngineFailed(
                f"the language model called {name!r} with a wrong {where!r}: {problem.validator!r} of its schema"
            )


def _problem(schema: dict[str, Any], arguments: Any) -> ValidationError | None:
    # An empty registry: a schema's author may not have us fetch what it refers to.
    validator = Draft202012Validator(schema, registry=Registry())
    return next(validator.iter_errors(arguments), None)
