"""What clients call things in JSON, in the Realtime API's words.

The contract has beta names for events and Chat Completions' form for functions, so a client may have learnt either; a
session, an item and a function are read however they are written.
"""

from __future__ import annotations

from typing import Any

import msgspec

from realtime.errors import InvalidRequest
from realtime.protocol.beta.session import PLACES
from realtime.protocol.config import SessionConfig

_OWN = frozenset(SessionConfig.__struct_fields__)
"""Where both dialects have the same name, the place is the same."""

_PLACES = {**{name: place for name, place in PLACES.items() if name not in _OWN}, "modality": "output_modalities"}

_PARTS = {
    "assistant": {"text": "output_text", "audio": "output_audio"},
    "user": {"text": "input_text", "audio": "input_audio"},
    "system": {"text": "input_text"},
}


def read_tools(text: str) -> list[Any]:
    """The functions of a `Config`. Raises `InvalidRequest`."""
    try:
        given = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as problem:
        raise InvalidRequest(f"'tools' is not valid JSON: {problem}.", code="invalid_json", param="tools") from problem
    if not isinstance(given, list):
        raise InvalidRequest("'tools' must be a JSON array.", code="invalid_type", param="tools")
    return [in_api_words(tool) for tool in given]


def in_api_words(tool: Any) -> Any:
    """`{"type": "function", "function": {…}}` as `{"type": "function", …}`; anything else as it is."""
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(function, dict):
        return tool
    said = {name: value for name, value in function.items() if name != "strict" and value is not None}
    return {**said, "type": tool.get("type", "function")}


def chosen_tool(choice: Any) -> Any:
    """The name of a function as a choice of it; anything else as it is."""
    named = isinstance(choice, str) and choice not in ("auto", "none", "required")
    return {"type": "function", "name": choice} if named else choice


def read_item(given: dict[str, Any]) -> dict[str, Any]:
    """An item whose parts may have the beta's names."""
    parts, names = given.get("content"), _PARTS.get(str(given.get("role")), {})
    if not isinstance(parts, list):
        return given
    return {**given, "content": [_renamed(part, names) for part in parts]}


def _renamed(part: Any, names: dict[str, str]) -> Any:
    kind = part.get("type") if isinstance(part, dict) else None
    return {**part, "type": names[kind]} if isinstance(kind, str) and kind in names else part


def read_session(given: dict[str, Any]) -> dict[str, Any]:
    """The update of a session, in which GA's, the beta's and a `Config`'s words may be mixed.

    Raises `InvalidRequest` for another type of session, and for a format: the stream's are those of its `Config`.
    """
    if given.get("type", "realtime") != "realtime":
        raise InvalidRequest("The sessions of this call are of the type 'realtime'.", param="session.type")
    session: dict[str, Any] = {"type": "realtime"}
    for name, value in given.items():
        if name in _PLACES:
            _put(session, _PLACES[name], _value(name, value))
        elif name == "audio" and isinstance(value, dict):
            for side, sound in value.items():
                _put_side(session, side, sound)
        else:
            session[name] = _value(name, value)
    _check_formats(session)
    return session


def _put(session: dict[str, Any], place: str, value: Any) -> None:
    *branches, leaf = place.split(".")
    for branch in branches:
        inside = session.setdefault(branch, {})
        if not isinstance(inside, dict):
            return  # whoever checks the session says what is wrong with it
        session = inside
    session[leaf] = value


def _put_side(session: dict[str, Any], side: str, sound: Any) -> None:
    audio = session.setdefault("audio", {})
    known = audio.get(side)
    audio[side] = {**known, **sound} if isinstance(known, dict) and isinstance(sound, dict) else sound


def _value(name: str, value: Any) -> Any:
    match name, value:
        case "turn_detection", str():
            return None if value == "none" else {"type": value}
        case "tools", list():
            return [in_api_words(tool) for tool in value]
        case "tool_choice", _:
            return chosen_tool(value)
        case "modality", _:
            return [value]
        case "modalities", list():
            return ["audio"] if "audio" in value else value
        case (("input_audio_format" | "output_audio_format"), "pcm16"):
            return {"type": "audio/pcm"}
    return value


def _check_formats(session: dict[str, Any]) -> None:
    audio = session.get("audio")
    for side, sound in audio.items() if isinstance(audio, dict) else ():
        form = sound.get("format") if isinstance(sound, dict) else None
        if form is not None and form not in ({"type": "audio/pcm"}, {"type": "audio/pcm", "rate": 24_000}):
            param = f"session.audio.{side}.format"
            raise InvalidRequest("The formats of the stream are its Config's.", code="unsupported_value", param=param)
