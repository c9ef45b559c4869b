"""What a client chooses for its conversation: `AudioToAudioConfig` as a change of a Realtime session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import structlog
from msgspec import UNSET, Meta, UnsetType

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.speech_to_speech.words import chosen_tool, read_tools
from realtime.errors import InvalidRequest
from realtime.params import read_params
from realtime.structs import Strict

log = structlog.get_logger(__name__)

LOWEST_HZ, HIGHEST_HZ = 8_000, 48_000

IGNORED = frozenset(
    {
        "top_k",
        "top_p",
        "text_temperature",
        "text_top_k",
        "audio_temperature",
        "audio_top_k",
        "repetition_penalty",
        "seed",
    }
)
"""Params of models that make speech of tokens. Ours has no such sampling: they are taken and change nothing."""

OnOff = Literal["on", "off"]


class SpeechParams(Strict):
    """The `params`. Ranges are the Realtime API's, which checks them."""

    temperature: float | UnsetType = UNSET
    max_new_tokens: int | UnsetType = UNSET
    max_tokens: int | UnsetType = UNSET
    max_output_tokens: int | UnsetType = UNSET
    """The same by three names; the last that is given counts."""
    modality: Literal["audio", "text"] | UnsetType = UNSET
    turn_detection: Literal["server_vad", "semantic_vad", "none"] | UnsetType = UNSET
    threshold: float | UnsetType = UNSET
    prefix_padding_ms: int | UnsetType = UNSET
    silence_duration_ms: int | UnsetType = UNSET
    idle_timeout_ms: int | UnsetType = UNSET
    eagerness: Literal["low", "medium", "high", "auto"] | UnsetType = UNSET
    create_response: bool | UnsetType = UNSET
    interrupt_response: bool | UnsetType = UNSET
    barge_in: Literal["immediate", "confirmed"] | UnsetType = UNSET
    transcription: OnOff | UnsetType = UNSET
    language: str | UnsetType = UNSET
    noise_reduction: Literal["near_field", "far_field", "off"] | UnsetType = UNSET
    echo_cancellation: OnOff | UnsetType = UNSET
    echo_delay_ms: int | UnsetType = UNSET
    speed: float | UnsetType = UNSET
    tool_choice: str | UnsetType = UNSET
    parallel_tool_calls: bool | UnsetType = UNSET
    lead_ms: Annotated[float, Meta(ge=0, le=10_000)] | UnsetType = UNSET


_KNOBS = (
    "threshold",
    "prefix_padding_ms",
    "silence_duration_ms",
    "idle_timeout_ms",
    "eagerness",
    "create_response",
    "interrupt_response",
    "barge_in",
)
"""Of turn detection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What one `Config` says. None is what it says nothing about."""

    input_hz: int | None
    output_hz: int | None
    lead_ms: float | None
    """How far ahead of its playing sound is sent."""
    session: dict[str, Any]
    """As in `session.update`."""


def read_config(config: pb.AudioToAudioConfig) -> Wanted:
    """What it says; raises `InvalidRequest` for the first field that cannot be read."""
    params = read_params(_without_ignored(config), SpeechParams, "params")
    answer = _chosen(params, "temperature", "parallel_tool_calls")
    for limit in _chosen(params, "max_new_tokens", "max_tokens", "max_output_tokens").values():
        answer["max_output_tokens"] = limit
    if params.tool_choice:
        answer["tool_choice"] = chosen_tool(params.tool_choice)
    if params.modality:
        answer["output_modalities"] = [params.modality]
    if config.system_prompt:
        answer["instructions"] = config.system_prompt
    if config.tools:
        answer["tools"] = read_tools(config.tools)
    speaks = _chosen(params, "speed") | ({"voice": config.voice} if config.voice else {})
    return Wanted(
        input_hz=_rate(config.input_sample_rate, "input_sample_rate"),
        output_hz=_rate(config.output_sample_rate, "output_sample_rate"),
        lead_ms=None if isinstance(params.lead_ms, UnsetType) else params.lead_ms,
        session={"type": "realtime", "audio": {"input": _hearing(params), "output": speaks}, **answer},
    )


def in_its_words(problem: InvalidRequest) -> InvalidRequest:
    """What the session has to say against a `Config`, about the field that it is in there."""
    found = next((place for place in _PLACES if problem.param and problem.param.startswith(place)), None)
    if found is None or problem.param is None:
        return problem
    param = _PLACES[found] + problem.param.removeprefix(found)
    said = problem.message.replace(f"'{problem.param}'", f"'{param}'")
    return InvalidRequest(said if f"'{param}'" in said else f"'{param}': {said}", code=problem.reason, param=param)


_PLACES = {
    "session.instructions": "system_prompt",
    "session.audio.output.voice": "voice",
    "session.audio.output.speed": "params.speed",
    "session.audio.input.turn_detection.type": "params.turn_detection",
    "session.audio.input.turn_detection.": "params.",
    "session.audio.input.transcription.language": "params.language",
    "session.audio.input.echo_cancellation.delay_ms": "params.echo_delay_ms",
    "session.audio.input.": "params.",
    "session.max_output_tokens": "params.max_new_tokens",
    "session.tools": "tools",
    "session.": "params.",
}
"""Where in the session a field stands, and where the `Config` has it; the first that fits."""


def _without_ignored(config: pb.AudioToAudioConfig) -> dict[str, str]:
    ignored = sorted(set(config.params) & IGNORED)
    if ignored:
        log.info("params that mean nothing here are ignored", params=ignored)
    return {name: value for name, value in config.params.items() if name not in IGNORED}


def _hearing(params: SpeechParams) -> dict[str, Any]:
    """How the user is listened to."""
    heard: dict[str, Any] = {}
    knobs = _chosen(params, *_KNOBS)
    if params.turn_detection == "none":
        if knobs:
            name = f"params.{next(iter(knobs))}"
            raise InvalidRequest(f"'{name}' means nothing without turn detection.", param=name)
        heard["turn_detection"] = None
    elif knobs or params.turn_detection:
        kind = {"type": params.turn_detection} if params.turn_detection else {}
        heard["turn_detection"] = kind | knobs
    if params.transcription == "off":
        heard["transcription"] = None
    elif params.transcription or params.language:
        heard["transcription"] = _chosen(params, "language")
    if params.noise_reduction:
        off = params.noise_reduction == "off"
        heard["noise_reduction"] = None if off else {"type": params.noise_reduction}
    if params.echo_cancellation == "off":
        heard["echo_cancellation"] = None
    elif params.echo_cancellation:
        delay = {} if isinstance(params.echo_delay_ms, UnsetType) else {"delay_ms": params.echo_delay_ms}
        heard["echo_cancellation"] = {"type": "server", **delay}
    return heard


def _chosen(params: SpeechParams, *names: str) -> dict[str, Any]:
    return {name: value for name in names if (value := getattr(params, name)) is not UNSET}


def _rate(rate_hz: int, field: str) -> int | None:
    if rate_hz and not LOWEST_HZ <= rate_hz <= HIGHEST_HZ:
        raise InvalidRequest(
            f"'{field}' must lie between {LOWEST_HZ} and {HIGHEST_HZ} Hz, not at {rate_hz}.", param=field
        )
    return rate_hz or None
