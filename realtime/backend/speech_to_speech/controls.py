"""What a client says beside its voice: `AudioToAudioControl` as events and wishes of a session."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import structlog

from realtime.backend.speech_to_speech.words import read_item, read_session
from realtime.conductor import Incoming
from realtime.errors import InvalidRequest
from realtime.protocol import client_events as asked
from realtime.protocol import wire
from realtime.protocol.faults import shorten
from realtime.protocol.items import FunctionCallOutput
from realtime.protocol.wishes import AnswerRest, EndTurn

log = structlog.get_logger(__name__)

MAX_PAYLOAD_BYTES: Final = 24 * 1024 * 1024
"""As much as one message of `/v1/realtime` may have."""

_AS_THEY_ARE = frozenset(
    {"response.cancel", "input_audio_buffer.clear", "conversation.item.truncate", "conversation.item.delete"}
)


def read_control(event: str, payload: bytes) -> list[Incoming]:
    """What it means to the session; nothing, for an event nobody knows.

    Raises `UnreadableEvent` for a payload that is not what the event wants.
    """
    try:
        return _read(event, payload)
    except wire.UnreadableEvent:
        raise
    except InvalidRequest as problem:
        raise wire.UnreadableEvent(problem, None) from problem


def _read(event: str, payload: bytes) -> list[Incoming]:
    match event:
        case "input_audio_buffer.commit":
            return [EndTurn()]
        case "response.create":
            chosen = _fields(event, payload)
            chosen = chosen.get("response", chosen)
            return [_event(event, {"response": chosen})] if chosen else [AnswerRest()]
        case "conversation.item.create":
            given = _fields(event, payload)
            given = given if "item" in given else {"item": given}
            if isinstance(given["item"], dict):
                given["item"] = read_item(given["item"])
            created = _event(event, given)
            assert isinstance(created, asked.ItemCreate)
            # There is nothing else by which a client could say that it has no more results.
            rest = [AnswerRest(once_called=True)] if isinstance(created.item, FunctionCallOutput) else []
            return [created, *rest]
        case "session.update":
            return [asked.SessionUpdate(session=_session(_fields(event, payload)))]
        case _ if event in _AS_THEY_ARE:
            return [_event(event, _fields(event, payload))]
    log.debug("control event ignored", control=shorten(event))
    return []


def _event(type_: str, fields: dict[str, Any]) -> asked.ClientEvent:
    return wire.decode(msgspec.json.encode({**fields, "type": type_}))


def _fields(event: str, payload: bytes) -> dict[str, Any]:
    """The payload's; whoever sends the whole event means its fields. Its id is of no use: no answer names one."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        too_long = f"A payload may have at most {MAX_PAYLOAD_BYTES} bytes."
        raise InvalidRequest(too_long, code="string_above_max_length", param="payload")
    try:
        fields = msgspec.json.decode(payload or b"{}")
    except (msgspec.DecodeError, UnicodeError, RecursionError) as problem:
        raise InvalidRequest(f"Not valid JSON: {problem}.", code="invalid_json", param="payload") from problem
    if not isinstance(fields, dict):
        raise InvalidRequest("The payload must be a JSON object.", code="invalid_type", param="payload")
    if fields.get("type") == event:
        del fields["type"]
    fields.pop("event_id", None)
    return fields


def _session(fields: dict[str, Any]) -> dict[str, Any]:
    given = fields.get("session", fields)
    if not isinstance(given, dict):
        raise InvalidRequest("'session' must be an object.", code="invalid_type", param="session")
    return read_session(given)
