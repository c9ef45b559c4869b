"""What the server says, in the beta's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from realtime.protocol import wire
from realtime.protocol.beta.items import to_beta_item
from realtime.protocol.beta.session import (
    MODALITIES,
    PLACES,
    to_beta_format,
    to_beta_session,
)
from realtime.protocol.server_events import ServerEvent, SessionCreated, SessionUpdated, describe

Fields: TypeAlias = dict[str, Any]
"""An event or a part of one, as plain values."""

UNCHANGED = frozenset(
    {
        "conversation.created",
        "conversation.item.created",
        "conversation.item.truncated",
        "conversation.item.deleted",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.failed",
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "input_audio_buffer.cleared",
        "output_audio_buffer.started",
        "output_audio_buffer.stopped",
        "output_audio_buffer.cleared",
        "rate_limits.updated",
        "response.content_part.added",
        "response.content_part.done",
        "response.function_call_arguments.delta",
    }
)
"""The same in both dialects."""

RENAMED = {
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
}
"""The same by another name. Audio is among them: it is not taken apart, the name is put in its place."""


def encode(event: ServerEvent, new_event_id: Callable[[], str]) -> tuple[str, ...]:
    """`event` as JSON texts of the beta, each under an id of its own; none for what the beta has no word for."""
    name = str(event.__struct_config__.tag)
    if name in RENAMED:
        return (wire.encode(event, new_event_id()).replace(f'"{name}"', f'"{RENAMED[name]}"', 1),)
    if name in UNCHANGED:
        return (wire.encode(event, new_event_id()),)
    if isinstance(event, SessionCreated | SessionUpdated):
        told: Fields | None = _session(event)
    else:
        retell = RETOLD.get(name)
        told = retell and retell(describe(event))
    return (msgspec.json.encode({"event_id": new_event_id()} | told).decode(),) if told else ()


def _session(event: SessionCreated | SessionUpdated) -> Fields:
    name, session = str(event.__struct_config__.tag), event.session
    kind = "transcription_session" if session.type == "transcription" else "session"
    return {"type": name.replace("session", kind), "session": to_beta_session(session)}


def _error(event: Fields) -> Fields:
    error = event["error"]
    param = to_beta_param(error["param"], error["code"])
    message = error["message"].replace(f"'{error['param']}'", f"'{param}'")
    return event | {"error": error | {"param": param, "message": message}}


def _item(event: Fields) -> Fields | None:
    item = to_beta_item(event["item"])
    return item and event | {"item": item}


def _added(event: Fields) -> Fields | None:
    return _item(event | {"type": "conversation.item.created"})


def _transcribed(event: Fields) -> Fields:
    return _without(event, "languages")


def _called(event: Fields) -> Fields:
    return _without(event, "name")


def _response(event: Fields) -> Fields:
    response = event["response"]
    sound = response["audio"]["output"]
    flat = _without(response, "audio", "output_modalities") | {
        "modalities": MODALITIES[response["output_modalities"][0]],
        "voice": sound["voice"],
        "output_audio_format": to_beta_format(sound["format"]),
        "output": [item for item in map(to_beta_item, response["output"]) if item],
        "usage": response["usage"] and _usage(response["usage"]),
    }
    return event | {"response": flat}


def _usage(usage: Fields) -> Fields:
    read = _without(usage["input_token_details"], "image_tokens", "cached_tokens_details")
    return usage | {"input_token_details": read}


def _without(fields: Fields, *names: str) -> Fields:
    return {name: value for name, value in fields.items() if name not in names}


RETOLD: dict[str, Callable[[Fields], Fields | None]] = {
    "error": _error,
    "conversation.item.added": _added,
    "conversation.item.retrieved": _item,
    "conversation.item.input_audio_transcription.completed": _transcribed,
    "response.created": _response,
    "response.done": _response,
    "response.output_item.added": _item,
    "response.output_item.done": _item,
    "response.function_call_arguments.done": _called,
}
"""Told in other words, or not at all when it is about something of GA's."""

_BETA_PARAMS = {
    "session.type": "type",
    "response.audio.output.voice": "response.voice",
    "response.audio.output.format": "response.output_audio_format",
    "response.tool_choice": "response.tool_choice",
    **{f"session.{place}": f"session.{name}" for name, place in PLACES.items()},
}
_ONE_WORD = ("_format", "voice", "tool_choice")
"""Parameters that are objects in GA, and one word in the beta."""


def to_beta_param(param: str | None, code: str | None = None) -> str | None:
    """The beta's path of the parameter that GA's path names: `session.voice` for `session.audio.output.voice`.

    With the `code` `unknown_parameter` a path that the beta uses for something else is what the client wrote itself.
    """
    for ga, beta in _BETA_PARAMS.items():
        if param == ga and code == "unknown_parameter":
            return param
        if param == ga or (param and param.startswith((f"{ga}.", f"{ga}["))):
            return beta if beta.endswith(_ONE_WORD) else beta + param.removeprefix(ga)
    return param
