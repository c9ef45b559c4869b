"""Every event and field of the Realtime API that there is, where docs/realtime-api.md has to tell of it.

What there is: all that OpenAI's library can send or read (its unions of events, walked through every model and
`TypedDict`), and all that our own structs have beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

import msgspec
from openai.types import realtime as openai
from openai.types.beta import realtime as openai_beta
from openai.types.realtime.realtime_client_event_param import RealtimeClientEventParam
from pydantic import BaseModel
from typing_extensions import is_typeddict

from realtime.protocol import client_events
from tests.protocol.contract import events_said

Place: TypeAlias = tuple[str, str]
"""A heading of the document, and what a row under it is about: `session.audio.input.format`."""

OBJECTS: dict[str, Place] = {
    "RealtimeSessionCreateRequest": ("The session", "session"),
    "RealtimeTranscriptionSessionCreateRequest": ("The session", "session"),
    "SessionObject": ("The session", "session"),
    "TranscriptionSessionObject": ("The session", "session"),
    "RealtimeResponseCreateParams": ("What a response is asked for", "response"),
    "ResponseParams": ("What a response is asked for", "response"),
    "RealtimeResponse": ("What a response is", "response"),
    "ResponseObject": ("What a response is", "response"),
    "RealtimeFunctionTool": ("Tools", "function"),
    "FunctionTool": ("Tools", "function"),
    "Mcp": ("Tools", "mcp"),
    "RealtimeResponseCreateMcpTool": ("Tools", "mcp"),
    "McpTool": ("Tools", "mcp"),
}
"""What is described once, wherever it appears, by the name of its class."""

_MARKS: Mapping[Any, str] = {list: "[]", tuple: "[]", Iterable: "[]", dict: "{}"}
ITEM_KINDS = {"message", "function_call", "function_call_output"} | {
    f"mcp_{what}" for what in ("list_tools", "call", "approval_request", "approval_response")
}


def walk(kind: Any, section: str, prefix: str) -> Iterator[Place]:
    """Every field of a class, at any depth."""
    for name, annotation in fields_of(kind):
        path = f"{prefix}.{name}" if prefix else name
        yield section, path
        for inner, mark in classes_in(annotation):
            yield from walk(inner, *place_of(inner, section, path + mark))


def place_of(kind: Any, section: str, prefix: str) -> Place:
    """Where a class is described that was found at `prefix`."""
    name = kind.__name__.removesuffix("Param")
    tag = tag_of(kind)
    if tag in ITEM_KINDS and name != "ChosenMcp":
        return "Items", tag
    if name.endswith("ItemReference") or tag == "item_reference":
        return "Items", "item_reference"
    return OBJECTS.get(name, (section, prefix))


def tag_of(kind: Any) -> str:
    """The one `type` that objects of a class have; empty when there are several or none."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return str(kind.__struct_config__.tag or "")
    options = get_args(dict(fields_of(kind)).get("type"))
    return str(options[0]) if len(options) == 1 else ""


def fields_of(kind: Any) -> Iterator[tuple[str, Any]]:
    """Names and types."""
    if issubclass(kind, BaseModel):
        yield from ((field.alias or name, field.annotation) for name, field in kind.model_fields.items())
        return
    hints = get_type_hints(kind)
    if issubclass(kind, msgspec.Struct):
        if kind.__struct_config__.tag:
            yield "type", Literal[kind.__struct_config__.tag]
        yield from ((name, hints[name]) for name in kind.__struct_fields__)
    else:
        yield from hints.items()


def classes_in(annotation: Any, mark: str = "") -> Iterator[tuple[Any, str]]:
    """The classes in a type with fields of their own, and whether there is a list of them, or an object."""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        if issubclass(annotation, BaseModel | msgspec.Struct) or is_typeddict(annotation):
            yield annotation, mark
        return
    inside = _MARKS.get(get_origin(annotation) or object, mark)
    if get_origin(annotation) not in (None, Literal) or not isinstance(annotation, type):
        for option in get_args(annotation):
            yield from classes_in(option, inside)


def members(union: Any) -> dict[str, Any]:
    """The classes of a union of events, by their `type`."""
    return {tag_of(kind): kind for kind, _ in classes_in(union)}


def places(unions: dict[str, Any], base: str) -> set[Place]:
    """Every field of some events, where the document has to have it; `type` and `event_id` are told of all at once."""
    found = {(base, name) for name in unions}
    for name, kind in unions.items():
        for section, path in walk(kind, f"{base} {name}", ""):
            if path not in ("type", "event_id"):
                found.add((section, path))
    return found


LIBRARY = (
    places(members(openai.RealtimeClientEvent), "Client events")
    | places(members(RealtimeClientEventParam), "Client events")
    | places(members(openai.RealtimeServerEvent), "Server events")
)
OURS = places(members(client_events.ClientEvent), "Client events") | places(events_said(), "Server events")
BETA = {
    (name, path)
    for union in (openai_beta.RealtimeClientEvent, openai_beta.RealtimeServerEvent)
    for name, kind in members(union).items()
    for _, path in walk(kind, "", "")
}
