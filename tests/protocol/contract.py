"""The wire contract: every server event, held against the types of OpenAI's own client library.

The library reads leniently: unknown fields are kept and most fields are optional, so that old clients survive new
servers. A server must not use that freedom. So an event is validated against the one class its `type` names, without
conversions; a field that class does not declare is a fault, at any depth; and the optional fields that OpenAI's server
always sends must be there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args

import msgspec
from openai.types import realtime as openai
from openai.types.realtime import realtime_audio_input_turn_detection as answered
from openai.types.realtime import realtime_transcription_session_audio_input_turn_detection as only_heard
from pydantic import BaseModel, ValidationError

from realtime.protocol import server_events as said
from realtime.protocol.config import RESPONSE_TIMING
from realtime.protocol.interruption import OutputDucked, OutputResumed
from realtime.protocol.timing import ResponseTiming

UNDECLARED: dict[type[BaseModel], frozenset[str]] = {
    openai.RealtimeSessionCreateRequest: frozenset({"id", "object", "expires_at", "temperature"}),
    openai.RealtimeTranscriptionSessionCreateRequest: frozenset({"id", "object", "expires_at"}),
    openai.RealtimeAudioConfigInput: frozenset({"echo_cancellation"}),
    openai.RealtimeTranscriptionSessionAudioInput: frozenset({"echo_cancellation"}),
    **{
        kind: frozenset({"barge_in"})
        for module in (answered, only_heard)
        for kind in (module.ServerVad, module.SemanticVad)
    },
}
"""What OpenAI's server sends although the library's class is that of the request, which has none of it; and our
extensions `temperature`, `barge_in` and `echo_cancellation`, shown to a client that has set them."""

_ITEM = frozenset({"id", "object", "status"})

ALWAYS_SENT: dict[type[BaseModel], frozenset[str]] = {
    openai.RealtimeSessionCreateRequest: frozenset(
        {"id", "object", "model", "instructions", "output_modalities", "audio", "max_output_tokens", "tools"}
    ),
    openai.RealtimeResponse: frozenset(
        {"id", "object", "status", "status_details", "output", "output_modalities", "conversation_id", "usage"}
        | {"max_output_tokens", "metadata", "audio"}
    ),
    openai.RealtimeResponseStatus: frozenset({"type"}),
    openai.RealtimeResponseUsage: frozenset({"total_tokens", "input_tokens", "output_tokens"}),
    openai.RealtimeConversationItemSystemMessage: _ITEM,
    openai.RealtimeConversationItemUserMessage: _ITEM,
    openai.RealtimeConversationItemAssistantMessage: _ITEM,
    openai.RealtimeConversationItemFunctionCall: _ITEM | {"call_id"},
    openai.RealtimeConversationItemFunctionCallOutput: _ITEM,
    openai.RealtimeMcpToolCall: frozenset({"approval_request_id", "output", "error"}),
    openai.ConversationItemAdded: frozenset({"previous_item_id"}),
    openai.ConversationItemDone: frozenset({"previous_item_id"}),
    openai.InputAudioBufferCommittedEvent: frozenset({"previous_item_id"}),
    openai.RealtimeErrorEvent: frozenset(),
    openai.RealtimeError: frozenset({"code", "param", "event_id"}),
    openai.ConversationItemInputAudioTranscriptionDeltaEvent: frozenset({"content_index", "delta"}),
}
"""Fields the library declares optional, with which OpenAI's server yet answers every time."""


EXTENSIONS: dict[str, type[msgspec.Struct]] = {
    "response.timing": ResponseTiming,
    "response.output_audio.ducked": OutputDucked,
    "response.output_audio.resumed": OutputResumed,
}
"""Events of our own, which the library reads as some event that it does not know. Sent only to clients that ask."""

INCLUDED = {RESPONSE_TIMING}
"""Values of `session.include` of our own, by which they ask."""


class ContractBroken(AssertionError):
    """The server said something a client of OpenAI does not expect."""


def classes_of(union: Any) -> dict[str, type[BaseModel]]:
    """The classes of one of the library's unions of events, by their `type`."""
    members = get_args(get_args(union)[0])
    return {get_args(member.model_fields["type"].annotation)[0]: member for member in members}


def events_said(base: type[msgspec.Struct] = said.ServerEvent) -> dict[str, type[msgspec.Struct]]:
    """The events this server knows to say, by their `type`."""
    found: dict[str, type[msgspec.Struct]] = {}
    for kind in base.__subclasses__():
        found |= events_said(kind)
        if not kind.__name__.startswith("_"):
            found[str(kind.__struct_config__.tag)] = kind
    return found


SERVER_EVENTS = classes_of(openai.RealtimeServerEvent)
CLIENT_EVENTS = classes_of(openai.RealtimeClientEvent)


def check_event(text: str) -> dict[str, Any]:
    """The server event in `text`, as plain values, if it keeps the contract."""
    event: dict[str, Any] = json.loads(text, object_pairs_hook=_without_repeats)
    if event.get("type") in EXTENSIONS:
        return _check_extension(event)
    declared = SERVER_EVENTS.get(event.get("type", ""))
    if declared is None:
        raise ContractBroken(f"no server event: {text}")
    try:
        read = declared.model_validate_json(json.dumps(_without_extensions(event)), strict=True)
    except ValidationError as problem:
        raise ContractBroken(f"{problem}\n{text}") from problem
    for fault in _faults(read, event["type"]):
        raise ContractBroken(f"{fault}\n{text}")
    return event


def _check_extension(event: dict[str, Any]) -> dict[str, Any]:
    body = {name: value for name, value in event.items() if name != "event_id"}
    try:
        read = msgspec.convert(body, EXTENSIONS[event["type"]])
    except msgspec.ValidationError as problem:
        raise ContractBroken(f"{problem}\n{event}") from problem
    if msgspec.to_builtins(read) != body or not isinstance(event.get("event_id"), str):
        raise ContractBroken(f"not the extension's fields, or no id: {event}")
    return event


def _without_extensions(event: dict[str, Any]) -> dict[str, Any]:
    """The event as it would be for a client that had asked for none."""
    session = event.get("session")
    if not isinstance(session, dict) or not isinstance(session.get("include"), list):
        return event
    return event | {"session": session | {"include": [value for value in session["include"] if value not in INCLUDED]}}


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ContractBroken(f"a key is said twice: {[key for key, _ in pairs]}")
    return dict(pairs)


def _faults(value: object, path: str) -> Iterator[str]:
    match value:
        case BaseModel():
            kind = type(value)
            for extra in sorted(set(value.model_extra or {}) - UNDECLARED.get(kind, frozenset())):
                yield f"{path}.{extra} is not declared by {kind.__name__}"
            for missing in sorted(ALWAYS_SENT.get(kind, frozenset()) - value.model_fields_set):
                yield f"{path}.{missing} is missing, which OpenAI always sends"
            for name in type(value).model_fields:
                yield from _faults(getattr(value, name), f"{path}.{name}")
        case list() | tuple():
            for index, element in enumerate(value):
                yield from _faults(element, f"{path}[{index}]")
