"""The beta's wire contract: every server event, held against the beta types of OpenAI's own client library.

As in `contract`, the library's leniency is not used: the one class an event's `type` names has to read it without
conversions, and has to have declared each field of it, at any depth.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from openai.types.beta import realtime as openai
from openai.types.beta.realtime import transcription_session
from pydantic import BaseModel, ValidationError

from tests.protocol.contract import ContractBroken, classes_of

SERVER_EVENTS = classes_of(openai.RealtimeServerEvent)
CLIENT_EVENTS = classes_of(openai.RealtimeClientEvent)

UNDECLARED: dict[type[BaseModel], frozenset[str]] = {
    openai.Session: frozenset({"object", "expires_at"}),
    openai.TranscriptionSession: frozenset(
        {"id", "object", "expires_at", "input_audio_noise_reduction", "include", "client_secret"}
    ),
    transcription_session.TurnDetection: frozenset({"eagerness"}),
}
"""What OpenAI's server sends although the library does not say so."""

ALWAYS_SENT: dict[type[BaseModel], frozenset[str]] = {
    openai.Session: frozenset(openai.Session.model_fields),
    openai.TranscriptionSession: frozenset(
        {"id", "input_audio_format", "input_audio_transcription", "turn_detection", "client_secret"}
    ),
    openai.RealtimeResponse: frozenset(openai.RealtimeResponse.model_fields) - {"temperature"},
    openai.ConversationItem: frozenset({"id", "object", "status", "type"}),
    openai.ConversationItemCreatedEvent: frozenset({"previous_item_id"}),
    openai.InputAudioBufferCommittedEvent: frozenset({"previous_item_id"}),
    openai.ConversationItemInputAudioTranscriptionDeltaEvent: frozenset({"content_index", "delta"}),
}
"""Fields the library declares optional, with which OpenAI's server yet answers every time."""


def check_beta_event(text: str) -> dict[str, Any]:
    """The server event in `text`, as plain values, if it keeps the contract."""
    event: dict[str, Any] = json.loads(text)
    as_declared = _as_declared(event)
    declared = SERVER_EVENTS.get(as_declared.get("type", ""))
    if declared is None:
        raise ContractBroken(f"no server event of the beta: {text}")
    try:
        read = declared.model_validate_json(json.dumps(as_declared), strict=True)
    except ValidationError as problem:
        raise ContractBroken(f"{problem}\n{text}") from problem
    for fault in _faults(read, event["type"]):
        raise ContractBroken(f"{fault}\n{text}")
    return event


def _as_declared(event: dict[str, Any]) -> dict[str, Any]:
    """The event with what the library's types cannot say: they know few models, and no session without a secret."""
    if event.get("type") == "transcription_session.created":  # OpenAI sends it, and the library has no class for it
        event = event | {"type": "transcription_session.updated"}
    if "session" not in event:
        return event
    session = dict(event["session"])
    if isinstance(session.get("model"), str):
        session["model"] = "gpt-realtime"
    if isinstance(session.get("input_audio_transcription"), dict):
        session["input_audio_transcription"] = session["input_audio_transcription"] | {"model": "whisper-1"}
    if session.get("client_secret", "") is None:
        session["client_secret"] = {"value": "ek_1", "expires_at": 1}
    return event | {"session": session}


def _faults(value: object, path: str) -> Iterator[str]:
    match value:
        case BaseModel():
            kind = type(value)
            for extra in sorted(set(value.model_extra or {}) - UNDECLARED.get(kind, frozenset())):
                yield f"{path}.{extra} is not declared by {kind.__name__}"
            sent = value.model_fields_set | set(value.model_extra or {})
            for missing in sorted(ALWAYS_SENT.get(kind, frozenset()) - sent):
                yield f"{path}.{missing} is missing, which OpenAI always sends"
            for name in kind.model_fields:
                yield from _faults(getattr(value, name), f"{path}.{name}")
        case list():
            for index, element in enumerate(value):
                yield from _faults(element, f"{path}[{index}]")
