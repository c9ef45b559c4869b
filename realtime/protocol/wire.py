"""JSON text ⇄ events. The only module of the protocol that knows that events are JSON."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from realtime.errors import InvalidRequest
from realtime.protocol.client_events import AudioAppend, ClientEvent
from realtime.protocol.faults import fault
from realtime.protocol.server_events import ServerEvent

MAX_APPEND_BYTES = 15 * 1024 * 1024
"""The largest piece of audio one event may carry, decoded (OpenAI: "at most 15 MiB")."""


MAX_MENDED_BYTES = 256 * 1024
"""Of what is no JSON, the `event_id` is looked for in no more than this: it is an error's only use."""

_ESCAPE = re.compile(r"\\(?:(u[dD][89abAB]..\\u[dD][c-fC-F]..|u(?![dD][89a-fA-F])|[^u])|u[dD]...)", re.DOTALL)
"""The second half of a pair without the first, or the first without the second, is the only escape with no group."""

_MENDED = "\N{REPLACEMENT CHARACTER}"


class UnreadableEvent(InvalidRequest):
    """What a client sent is no event. `event_id` is the name the client gave it, if that much could be read."""

    def __init__(self, problem: InvalidRequest, event_id: str | None) -> None:
        super().__init__(problem.message, code=problem.reason, param=problem.param)
        self.event_id = event_id


class _Named(msgspec.Struct):
    event_id: Any = None


class _Envelope(_Named):
    type: Any = None


_events: msgspec.json.Decoder[ClientEvent] = msgspec.json.Decoder(ClientEvent)
_envelopes: msgspec.json.Decoder[_Envelope] = msgspec.json.Decoder(_Envelope)
_names: msgspec.json.Decoder[_Named] = msgspec.json.Decoder(_Named)
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
        raise _not_json(text, problem) from problem
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
        return UnreadableEvent(named, _name_in(text))
    except _NOT_JSON as worse:
        return _not_json(text, worse)
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
    return UnreadableEvent(named, _event_id(envelope))


def _event_id(named: _Named) -> str | None:
    return named.event_id if isinstance(named.event_id, str) and len(named.event_id) <= 512 else None


def _name_in(text: str | bytes) -> str | None:
    """The event's name, whatever its type holds; None when it has none, or is no event at all."""
    try:
        return _event_id(_names.decode(text))
    except _NOT_JSON:
        return None


def _not_json(text: str | bytes, problem: Exception) -> UnreadableEvent:
    named = InvalidRequest(f"Not valid JSON: {problem}.", code="invalid_json")
    event_id = _name_in(_mend(text))
    mended = event_id is not None and _MENDED in event_id  # so it is not what the client called it
    return UnreadableEvent(named, None if mended else event_id)


def _mend(text: str | bytes) -> str:
    """`text` without half surrogate pairs, which JavaScript writes where an emoji was cut in two."""
    if len(text) > MAX_MENDED_BYTES:
        return ""
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    return _ESCAPE.sub(lambda escape: escape[0] if escape[1] else _MENDED, text)
