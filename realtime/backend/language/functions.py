"""Functions and calls of them, in the JSON that the contract has for them: that of OpenAI's chat completions."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec

from realtime.engines.base import Tool, ToolCall
from realtime.engines.tool_schema import check_schemas
from realtime.errors import EngineFailed, InvalidRequest
from realtime.structs import Frozen

_WORDS: Final = ("auto", "none", "required")


class _Described(Frozen):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None


class _Tool(Frozen):
    function: _Described


class _Made(Frozen):
    name: str
    arguments: str | dict[str, Any] = ""


class _Call(Frozen):
    function: _Made
    id: str = ""


class _Name(Frozen):
    name: str


class _Choice(Frozen):
    function: _Name


KindT = TypeVar("KindT")


def tools_of(text: str) -> tuple[Tool, ...]:
    """The functions that `Tools` offers. Raises `InvalidRequest` for what is no list of such, or has no JSON schema."""
    described = [tool.function for tool in _read(text, list[_Tool], "Tools")] if text else []
    tools = tuple(
        Tool(name=tool.name, description=tool.description or "", parameters=tool.parameters or {}) for tool in described
    )
    if len({tool.name for tool in tools}) < len(tools):
        raise InvalidRequest("'Tools' has two functions of one name.", param="Tools")
    try:
        check_schemas(tools)
    except EngineFailed as problem:
        raise InvalidRequest(f"'Tools': {problem}.", param="Tools") from problem
    return tools


def choice_of(text: str, tools: tuple[Tool, ...]) -> str:
    """What `ToolChoice` says of `tools`: `auto`, `none`, `required` or a function's name; nothing is `auto`.

    The words may stand there as they are or as JSON. Raises `InvalidRequest` for anything else.
    """
    if not text or text in _WORDS:
        choice = text or "auto"
    else:
        read = _read(text, str | _Choice, "ToolChoice")
        choice = read if isinstance(read, str) else read.function.name
        if choice not in (_WORDS if isinstance(read, str) else [tool.name for tool in tools]):
            raise InvalidRequest(
                f"'ToolChoice' must be one of {', '.join(_WORDS)}, or name one of the 'Tools'.", param="ToolChoice"
            )
    if choice == "required" and not tools:
        raise InvalidRequest("'ToolChoice' requires a call, and there are no 'Tools'.", param="ToolChoice")
    return choice


def calls_of(text: str, field: str) -> tuple[ToolCall, ...]:
    """The calls that a message of the assistant's has made; raises `InvalidRequest` for what is no list of such."""
    made = _read(text, list[_Call], field) if text else []
    return tuple(
        ToolCall(call_id=call.id, name=call.function.name, arguments=_arguments(call.function.arguments, field))
        for call in made
    )


def _arguments(given: str | dict[str, Any], field: str) -> str:
    """As JSON, which some clients send as a text and some as it is."""
    if isinstance(given, str):
        _read(given or "{}", dict[str, Any], field)
        return given or "{}"
    return msgspec.json.encode(given).decode()


def _read(text: str, kind: type[KindT] | Any, field: str) -> Any:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, RecursionError) as problem:
        raise InvalidRequest(f"'{field}' is not the JSON that it has to be: {problem}", param=field) from problem
