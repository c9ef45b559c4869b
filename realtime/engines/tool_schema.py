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
    """Raise `EngineFailed` for a call, name and arguments as they were written, that its tool does not understand.

    A remote model is seldom held to a schema. The grammar of the embedded one knows most of it but not all: not every
    `pattern`, no `multipleOf`, no `not`, no `uniqueItems`. What cannot be promised is looked at when it is written.
    """
    offered = {tool.name: tool for tool in tools}
    for name, arguments in calls:
        if name not in offered:
            raise EngineFailed(f"the language model called {name!r}, which is no tool it was given")
        problem = next(_validator(offered[name]).iter_errors(_object(name, arguments)), None)
        if problem is not None:
            where = "/".join(map(str, problem.instance_path)) or "arguments"
            raise EngineFailed(
                f"the language model called {name!r} with a wrong {where!r}: {problem.schema_path[-1]!r} of its schema"
            )


def _object(name: str, arguments: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(arguments, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as problem:
        raise EngineFailed(f"the language model called {name!r} with arguments that are no JSON object") from problem


def _validator(tool: Tool) -> jsonschema_rs.Validator:
    try:
        jsonschema_rs.meta.validate(tool.parameters)
        return jsonschema_rs.validator_for(tool.parameters, retriever=_fetch_nothing, pattern_options=PATTERNS)
    except (ValueError, jsonschema_rs.ReferencingError) as problem:  # among them one that is nested too deep
        raise EngineFailed(f"the parameters of tool {tool.name!r} are no JSON schema") from problem


def _fetch_nothing(uri: str) -> Any:
    """A schema's author may not have us fetch what it refers to."""
    raise LookupError(uri)
