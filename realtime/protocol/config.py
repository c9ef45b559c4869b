"""A session's configuration: what a client may choose, and how an update changes it.

The structs are the contract (`session` in `session.created` and `session.updated`); their constraints are checked
when an update is merged, so a `SessionConfig` that exists is legal. "Only the fields present are updated": objects
are merged key by key, everything else is replaced; turn detection keeps its knobs only while its type stays the same.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, TypeAlias

import msgspec
from msgspec import Meta

from realtime.errors import InvalidRequest
from realtime.protocol.faults import fault, refuse_first
from realtime.structs import Strict

# Rates divide this one, so positions in any mixture of formats add up exactly.
TICKS_PER_SECOND = 24_000


class PcmFormat(Strict, tag_field="type", tag="audio/pcm"):
    """Signed 16-bit little-endian samples, mono."""

    rate: Literal[24000] = 24000
    bytes_per_sample: ClassVar[int] = 2
    rate_hz: ClassVar[int] = 24_000


class PcmuFormat(Strict, tag_field="type", tag="audio/pcmu"):
    """G.711 μ-law at 8 kHz, mono."""

    bytes_per_sample: ClassVar[int] = 1
    rate_hz: ClassVar[int] = 8_000


class PcmaFormat(Strict, tag_field="type", tag="audio/pcma"):
    """G.711 A-law at 8 kHz, mono."""

    bytes_per_sample: ClassVar[int] = 1
    rate_hz: ClassVar[int] = 8_000


AudioFormat: TypeAlias = PcmFormat | PcmuFormat | PcmaFormat


def format_name(audio_format: AudioFormat) -> str:
    """The format's name on the wire, `audio/pcm`."""
    return str(audio_format.__struct_config__.tag)


class Transcription(Strict):
    """How the user's speech is put into words for the client."""

    model: str | None = None
    language: str | None = None
    languages: tuple[str, ...] | None = None
    keywords: tuple[str, ...] | None = None
    prompt: str | None = None
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None


class NoiseReduction(Strict):
    """Which microphone distance noise reduction is tuned for."""

    type: Literal["near_field", "far_field"]
    strength: float | None = None


class ServerVad(Strict, tag_field="type", tag="server_vad"):
    """Turns end after a stretch of silence."""

    threshold: Annotated[float, Meta(ge=0, le=1)] = 0.5
    prefix_padding_ms: Annotated[int, Meta(ge=0, le=10_000)] = 300
    silence_duration_ms: Annotated[int, Meta(ge=0, le=60_000)] = 500
    idle_timeout_ms: Annotated[int, Meta(ge=5000, le=30_000)] | None = None
    create_response: bool = True
    interrupt_response: bool = True


class SemanticVad(Strict, tag_field="type", tag="semantic_vad"):
    """Turns end when what was said sounds complete."""

    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    create_response: bool = True
    interrupt_response: bool = True


TurnDetection: TypeAlias = ServerVad | SemanticVad


class AudioInput(Strict):
    """The user's side."""

    format: AudioFormat = PcmFormat()
    transcription: Transcription | None = None
    noise_reduction: NoiseReduction | None = None
    turn_detection: TurnDetection | None = ServerVad()


class CustomVoice(Strict):
    """A voice named by id instead of by one of OpenAI's names."""

    id: str


class AudioOutput(Strict):
    """The assistant's side."""

    format: AudioFormat = PcmFormat()
    voice: str | CustomVoice = "alloy"
    speed: Annotated[float, Meta(ge=0.25, le=1.5)] = 1.0


class AudioConfig(Strict):
    """Sound, both ways."""

    input: AudioInput = AudioInput()
    output: AudioOutput = AudioOutput()


MaxTokens: TypeAlias = Annotated[int, Meta(ge=1, le=4096)] | Literal["inf"]
Modality: TypeAlias = Literal["audio", "text"]
ToolChoice: TypeAlias = Literal["auto", "none", "required"] | dict[str, Any]


class SessionConfig(Strict, kw_only=True):
    """Everything a client may choose about its session."""

    type: Literal["realtime", "transcription"] = "realtime"
    model: str
    instructions: str = ""
    output_modalities: Annotated[tuple[Modality, ...], Meta(min_length=1, max_length=1)] = ("audio",)
    audio: AudioConfig = AudioConfig()
    max_output_tokens: MaxTokens = "inf"
    tools: tuple[dict[str, Any], ...] = ()
    tool_choice: ToolChoice = "auto"
    parallel_tool_calls: bool | None = None
    truncation: Literal["auto", "disabled"] | dict[str, Any] = "auto"
    tracing: Literal["auto"] | dict[str, Any] | None = None
    prompt: dict[str, Any] | None = None
    reasoning: dict[str, Any] | None = None
    include: tuple[Literal["item.input_audio_transcription.logprobs"], ...] | None = None


# Everything else that is an object (a format, a custom voice) is one choice, and replaced whole.
_MERGED = frozenset({"audio", "input", "output", "transcription", "turn_detection"})


def merge_update(config: SessionConfig, update: dict[str, Any]) -> SessionConfig:
    """`config` with the fields present in `update` changed; `InvalidRequest` names the first field that is illegal."""
    if "type" not in update:
        raise InvalidRequest(
            "Missing required parameter: 'session.type'.", code="missing_required_parameter", param="session.type"
        )
    current: dict[str, Any] = msgspec.to_builtins(config)
    try:
        merged = msgspec.convert(_merge(current, update), SessionConfig)
    except msgspec.ValidationError as problem:
        raise fault(problem, root="session") from problem
    refuse_unsupported(merged)
    return merged


def _merge(current: dict[str, Any], update: dict[str, Any]) -> dict[str, Any]:
    merged = dict(current)
    for key, value in update.items():
        before = current.get(key)
        if key in _MERGED and isinstance(before, dict) and isinstance(value, dict) and _same_type(before, value):
            value = _merge(before, value)
        merged[key] = value
    return merged


def _same_type(before: dict[str, Any], value: dict[str, Any]) -> bool:
    return "type" not in value or before.get("type") == value["type"]


def refuse_unsupported(config: SessionConfig) -> None:
    """Refuse what this server cannot honour: a setting that is accepted is a setting that works."""
    detection = config.audio.input.turn_detection
    transcription = config.audio.input.transcription or Transcription()
    unsupported = {
        "session.type": config.type != "realtime",
        "session.tools": bool(config.tools),
        "session.tool_choice": config.tool_choice not in ("auto", "none"),
        "session.truncation": config.truncation != "auto",
        "session.tracing": config.tracing is not None,
        "session.prompt": config.prompt is not None,
        "session.reasoning": config.reasoning is not None,
        "session.include": bool(config.include),
        "session.audio.input.transcription.languages": transcription.languages is not None,
        "session.audio.input.transcription.keywords": transcription.keywords is not None,
        "session.audio.input.transcription.delay": transcription.delay is not None,
        "session.audio.input.noise_reduction": config.audio.input.noise_reduction is not None,
        "session.audio.input.turn_detection.type": isinstance(detection, SemanticVad),
        "session.audio.input.turn_detection.idle_timeout_ms": (
            isinstance(detection, ServerVad) and detection.idle_timeout_ms is not None
        ),
    }
    refuse_first(unsupported)
