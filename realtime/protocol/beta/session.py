"""The session in both dialects' words: the beta's flat object ⇄ GA's tree."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from realtime.errors import InvalidRequest
from realtime.protocol import config as ga
from realtime.protocol.beta.config import (
    AudioFormat,
    Modalities,
    NoiseReduction,
    RealtimeSession,
    ToolChoice,
    Transcription,
    TranscriptionSession,
    TurnDetection,
)
from realtime.protocol.config import SessionType, format_name
from realtime.protocol.faults import fault, refuse_first
from realtime.protocol.session_object import AnySessionObject
from realtime.protocol.tools import ChosenFunction
from realtime.protocol.tools import ToolChoice as GaToolChoice
from realtime.structs import Strict

FORMATS: dict[AudioFormat, ga.AudioFormat] = {
    "pcm16": ga.PcmFormat(),
    "g711_ulaw": ga.PcmuFormat(),
    "g711_alaw": ga.PcmaFormat(),
}
"""The beta's names of formats, and what GA says instead."""

MODALITIES = {"audio": ["text", "audio"], "text": ["text"]}
"""GA's one modality, and what the beta says instead: it counts the words of what is spoken."""

USUAL_TEMPERATURE = 0.8
"""What OpenAI's beta shows when nobody has chosen."""

_ABOUT_ANSWERS = {"create_response", "interrupt_response"}
"""Knobs of turn detection that a session without answers does not show."""

_KINDS: dict[SessionType, type[RealtimeSession | TranscriptionSession]] = {
    "realtime": RealtimeSession,
    "transcription": TranscriptionSession,
}

PLACES = {
    "model": "model",
    "modalities": "output_modalities",
    "instructions": "instructions",
    "voice": "audio.output.voice",
    "speed": "audio.output.speed",
    "input_audio_format": "audio.input.format",
    "output_audio_format": "audio.output.format",
    "input_audio_transcription": "audio.input.transcription",
    "input_audio_noise_reduction": "audio.input.noise_reduction",
    "turn_detection": "audio.input.turn_detection",
    "tools": "tools",
    "tool_choice": "tool_choice",
    "temperature": "temperature",
    "max_response_output_tokens": "max_output_tokens",
    "tracing": "tracing",
    "include": "include",
}
"""Where in GA's session a field of the beta's stands."""


def to_ga_session(flat: dict[str, Any], type: SessionType = "realtime") -> dict[str, Any]:
    """GA's update for the beta's: a session of that type with what `flat` says, and nothing else, in GA's places.

    Raises `InvalidRequest`, whose `param` is in the beta's words, for what the beta does not know. What GA's merge
    refuses afterwards it names in GA's words; `to_beta_param` translates them. A `client_secret` is refused: whoever
    makes secrets takes it out first.
    """
    try:
        chosen = msgspec.convert(flat, _KINDS[type])
    except msgspec.ValidationError as problem:
        raise fault(problem, root="session") from problem
    refuse_first({"session.client_secret": chosen.client_secret is not None})
    update: dict[str, Any] = {"type": type}
    for name, place in PLACES.items():
        value = getattr(chosen, name, UNSET)
        if value is not UNSET and not (type == "transcription" and name == "modalities"):
            *branches, leaf = place.split(".")
            node = update
            for branch in branches:
                node = node.setdefault(branch, {})
            node[leaf] = msgspec.to_builtins(_to_ga_value(name, value))
    return update


def _to_ga_value(name: str, value: Any) -> Any:
    match name:
        case "modalities":
            return to_ga_modalities(value, "session.modalities")
        case "input_audio_format" | "output_audio_format":
            return FORMATS[value]
        case "tool_choice":
            return to_ga_tool_choice(value)
    return value


def to_ga_modalities(modalities: Modalities, param: str) -> tuple[ga.Modality]:
    """GA's one modality for the beta's one or two."""
    if set(modalities) == {"text"}:
        return ("text",)
    if set(modalities) == {"text", "audio"}:
        return ("audio",)
    raise InvalidRequest("Supported combinations are: ['text'] and ['audio', 'text'].", param=param)


def to_ga_tool_choice(choice: ToolChoice) -> GaToolChoice:
    """GA's choice for the beta's, where a word that is none of GA's names a function."""
    match choice:
        case "auto" | "none" | "required":
            return choice
        case str():
            return ChosenFunction(name=choice)
    return choice


def to_beta_session(session: AnySessionObject) -> dict[str, Any]:
    """The session as a client of the beta sees it: the whole effective configuration, flat."""
    shown: dict[str, Any] = msgspec.to_builtins(session)
    identity = {field: shown[field] for field in ("id", "object", "expires_at")}
    heard = _to_beta_input(shown["audio"]["input"])
    if shown["type"] == "realtime":
        return identity | heard | _to_beta_output(shown)
    if detection := heard["turn_detection"]:
        heard["turn_detection"] = {knob: detection[knob] for knob in detection if knob not in _ABOUT_ANSWERS}
    return identity | heard | {"include": shown["include"], "client_secret": None}


def _to_beta_input(heard: dict[str, Any]) -> dict[str, Any]:
    return {
        "input_audio_format": to_beta_format(heard["format"]),
        "input_audio_transcription": _only(Transcription, heard["transcription"]),
        "input_audio_noise_reduction": _only(NoiseReduction, heard["noise_reduction"]),
        "turn_detection": _only(TurnDetection, heard["turn_detection"]),
    }


def _to_beta_output(shown: dict[str, Any]) -> dict[str, Any]:
    spoken = shown["audio"]["output"]
    return {
        "model": shown["model"],
        "modalities": MODALITIES[shown["output_modalities"][0]],
        "instructions": shown["instructions"],
        "voice": _to_beta_voice(spoken["voice"]),
        "output_audio_format": to_beta_format(spoken["format"]),
        "speed": spoken["speed"],
        "tools": [tool for tool in shown["tools"] if tool["type"] == "function"],
        "tool_choice": _to_beta_tool_choice(shown["tool_choice"]),
        "temperature": shown.get("temperature", USUAL_TEMPERATURE),
        "max_response_output_tokens": shown["max_output_tokens"],
        "tracing": shown["tracing"],
    }


def _only(known: type[Strict], shown: dict[str, Any] | None) -> dict[str, Any] | None:
    return shown and {field: shown[field] for field in known.__struct_fields__ if field in shown}


def to_beta_format(described: dict[str, Any]) -> AudioFormat:
    """The beta's name of a format."""
    return next(name for name, known in FORMATS.items() if format_name(known) == described["type"])


def _to_beta_voice(voice: str | dict[str, Any]) -> str:
    """The name of a voice; of a custom one, its id."""
    return voice if isinstance(voice, str) else str(voice["id"])


def _to_beta_tool_choice(choice: str | dict[str, Any]) -> str:
    if isinstance(choice, str):
        return choice
    return str(choice["name"]) if choice["type"] == "function" else "required"
