"""JSON text ⇄ events. The only module of the protocol that knows there is JSON."""

from __future__ import annotations

from typing import Any

import msgspec

from realtime.errors import InvalidRequest
from realtime.protocol.client_events import AudioAppend, ClientEvent
from realtime.protocol.faults import fault
from realtime.protocol.server_events import ServerEvent

MAX_APPEND_BYTES = 15 * 1024 * 1024
"""The largest piece of audio one event may carry, decoded (OpenAI: "at most 15 MiB")."""


class UnreadableEvent(InvalidRequest):
    """What a client sent is no event. `event_id` is the name the client gave it, if that much could be read."""

    def __init__(self, problem: InvalidRequest, event_id: str | None) -> None:
        super().__init__(problem.message, code=problem.reason, param=problem.param)
        self.event_id = event_id


class _Envelope(msgspec.Struct):
    type: Any = None
    event_id: Any = None


_events: msgspec.json.Decoder[ClientEvent] = msgspec.json.Decoder(ClientEvent)
_envelopes: msgspec.json.Decoder[_Envelope] = msgspec.json.Decoder(_Envelope)
_encoder = msgspec.json.Encoder()

_NOT_JSON = (msgspec.DecodeError, UnicodeError, RecursionError)
"""Malformed, not Unicode, nested without end. (A `ValidationError` is a `DecodeError` too: catch it first.)"""


def decode(text: str | bytes) -> ClientEvent:
    """The event in `text`; `UnreadableEvent` says what is wrong with it and where."""
    try:
        event = _events.decode(text)
    except msgspec.ValidationError as problem:
        raise _unreadable(text, problem) from problem
    except _NOT_JSON as problem:
        raise _not_json(problem) from problem
    if isinstance(event, AudioAppend) and len(event.audio) > MAX_APPEND_BYTES:
        too_long = f"One append may carry at most {MAX_APPEND_BYTES} bytes of audio, not {len(event.audio)}."
        raise UnreadableEvent(InvalidRequest(too_long, code="string_above_max_length", param="audio"), event.event_id)
    return event


def encode(event: ServerEvent, event_id: str) -> str:
    """`event` as JSON text under the id `event_id`."""
    body = _encoder.encode(event)
    return f'{{"event_id":"{event_id}",{body[1:].decode()}'


def _unreadable(text: str | bytes, problem: msgspec.ValidationError) -> UnreadableEvent:
    try:
        envelope = _envelopes.decode(text)
    except msgspec.ValidationError as worse:
        named = fault(worse)
        if named.param is None:
            named = InvalidRequest("An event must be a JSON object.", code="invalid_event")
        return UnreadableEvent(named, None)
    except _NOT_JSON as worse:
        return _not_json(worse)
    event_id = envelope.event_id if isinstance(envelope.event_id, str) and len(envelope.event_id) <= 512 else None
    if envelope.type is None:
        named = InvalidRequest("The 'type' field is missing.", code="missing_required_parameter", param="type")
    elif not isinstance(envelope.type, str):
        named = InvalidRequest("The 'type' field must be a string.", code="invalid_type", param="type")
    elif "Invalid value" in str(problem) and str(problem).endswith("`$.type`"):
        named = InvalidRequest(
            f"Invalid value: {envelope.type!r} is no client event.", code="invalid_value", param="type"
        )
    else:
        named = fault(problem)
    return UnreadableEvent(named, event_id)


def _not_json(problem: Exception) -> UnreadableEvent:
    return UnreadableEvent(InvalidRequest(f"Not valid JSON: {problem}.", code="invalid_json"), None)
