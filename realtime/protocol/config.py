"""A session's configuration: what a client may choose, and how an update changes it.

The structs are the contract (`session` in `session.created` and `session.updated`); their constraints are checked
when an update is merged, so a `SessionConfig` that exists is legal. "Only the fields present are updated": objects
are merged key by key, everything else is replaced; turn detection keeps its knobs only while its type stays the same.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from realtime.errors import InvalidRequest
from realtime.protocol.faults import check_nesting, fault
from realtime.protocol.items import InputText
from realtime.protocol.tools import ToolChoice, ToolConfig, check_tool_choice, check_tools, resolve_servers
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


class NoiseReduction(Strict, omit_defaults=True):
    """Which microphone distance noise reduction is tuned for."""

    type: Literal["near_field", "far_field"]
    strength: Annotated[float, Meta(ge=0, le=1)] = 1.0
    """0 leaves the sound as it is. An update that does not say keeps the strength there was."""


class EchoCancellation(Strict):
    """An extension: the client plays the answers where its microphone hears them, and does nothing about it itself."""

    type: Literal["server"]
    """Who cancels the echo."""
    delay_ms: Annotated[int, Meta(ge=0, le=5000)] = 0
    """What is sent comes back after so much time at the earliest. The delay beyond it is found, up to 300 ms."""


BargeIn: TypeAlias = Literal["immediate", "confirmed"]
"""Whether speech stops an answer at once, as OpenAI has it and as it is when nothing is said, or when it is clear that
it is meant to. An extension."""


class ServerVad(Strict, tag_field="type", tag="server_vad"):
    """Turns end after a stretch of silence."""

    threshold: Annotated[float, Meta(ge=0, le=1)] = 0.5
    prefix_padding_ms: Annotated[int, Meta(ge=0, le=10_000)] = 300
    silence_duration_ms: Annotated[int, Meta(ge=0, le=60_000)] = 500
    idle_timeout_ms: Annotated[int, Meta(ge=5000, le=30_000)] | None = None
    create_response: bool = True
    interrupt_response: bool = True
    barge_in: BargeIn | UnsetType = UNSET


class SemanticVad(Strict, tag_field="type", tag="semantic_vad"):
    """Turns end when what was said sounds complete."""

    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    create_response: bool = True
    interrupt_response: bool = True
    barge_in: BargeIn | UnsetType = UNSET


TurnDetection: TypeAlias = ServerVad | SemanticVad


def confirms_barge_in(detection: TurnDetection | None) -> bool:
    """Whether speech over an answer has to be meant to stop it."""
    return detection is not None and detection.interrupt_response and detection.barge_in == "confirmed"


class AudioInput(Strict):
    """The user's side."""

    format: AudioFormat = PcmFormat()
    transcription: Transcription | None = None
    noise_reduction: NoiseReduction | None = None
    echo_cancellation: EchoCancellation | UnsetType | None = UNSET
    """An extension: shown to who has chosen."""
    turn_detection: TurnDetection | None = ServerVad()


class CustomVoice(Strict):
    """A voice named by id instead of by one of OpenAI's names."""

    id: str


Speed: TypeAlias = Annotated[float, Meta(ge=0.25, le=1.5)]


class AudioOutput(Strict):
    """The assistant's side."""

    format: AudioFormat = PcmFormat()
    voice: str | CustomVoice = "alloy"
    speed: Speed = 1.0


class AudioConfig(Strict):
    """Sound, both ways."""

    input: AudioInput = AudioInput()
    output: AudioOutput = AudioOutput()


MaxTokens: TypeAlias = Annotated[int, Meta(ge=1, le=4096)] | Literal["inf"]
Modality: TypeAlias = Literal["audio", "text"]


class TokenLimits(Strict, omit_defaults=True):
    """Room in the model's context."""

    post_instructions: Annotated[int, Meta(ge=0)] | None = None
    """Tokens for what comes after the instructions and the tools; null is all that the model has."""


class RetentionRatio(Strict, kw_only=True, tag_field="type", tag="retention_ratio", omit_defaults=True):
    """A conversation too long for the model is cut down to a share of the room, so that it is cut less often."""

    retention_ratio: Annotated[float, Meta(ge=0, le=1)]
    token_limits: TokenLimits | None = None


Label: TypeAlias = Annotated[str, Meta(max_length=256)]
"""Stands in each line of the log."""


class TracingLabels(Strict, omit_defaults=True):
    """Names under which the session can be found in the server's log."""

    workflow_name: Label | None = None
    group_id: Label | None = None
    metadata: dict[str, Any] | None = None


class PromptReference(Strict, kw_only=True, omit_defaults=True):
    """Instructions that the operator has stored, with places for words of the client's."""

    id: str
    version: str | None = None
    variables: dict[str, str | InputText] | None = None


Effort: TypeAlias = Literal["minimal", "low", "medium", "high", "xhigh"]


class Reasoning(Strict, omit_defaults=True):
    """How long the model thinks before it answers."""

    effort: Effort | None = None


SessionType: TypeAlias = Literal["realtime", "transcription"]
Truncation: TypeAlias = Literal["auto", "disabled"] | RetentionRatio
Tracing: TypeAlias = Literal["auto"] | TracingLabels | None
Temperature: TypeAlias = Annotated[float, Meta(ge=0, le=2)]
LOGPROBS = "item.input_audio_transcription.logprobs"
RESPONSE_TIMING = "response.timing"
"""An extension."""


class SessionConfig(Strict, kw_only=True):
    """Everything a client may choose about its session."""

    type: SessionType = "realtime"
    model: str
    instructions: str = ""
    output_modalities: Annotated[tuple[Modality, ...], Meta(min_length=1, max_length=1)] = ("audio",)
    audio: AudioConfig = AudioConfig()
    max_output_tokens: MaxTokens = "inf"
    tools: tuple[ToolConfig, ...] = ()
    tool_choice: ToolChoice = "auto"
    parallel_tool_calls: bool | None = None
    temperature: Temperature | UnsetType = UNSET
    """Of the beta dialect, and an extension of the other."""
    truncation: Truncation = "auto"
    tracing: Tracing = None
    prompt: PromptReference | None = None
    reasoning: Reasoning | None = None
    include: tuple[Literal["item.input_audio_transcription.logprobs", "response.timing"], ...] | None = None

    @property
    def transcribes(self) -> bool:
        """Whether the client is shown the words of its audio."""
        return self.audio.input.transcription is not None

    @property
    def streams_words(self) -> bool:
        """Whether it is shown them while the user still speaks."""
        wanted = self.audio.input.transcription
        return wanted is not None and (self.type == "transcription" or wanted.delay is not None)


def first_config(
    model: str, instructions: str, session_type: SessionType = "realtime", voice: str = "alloy"
) -> SessionConfig:
    """What a session begins with."""
    if session_type == "transcription":
        hears = AudioConfig(input=AudioInput(transcription=Transcription()))
        return SessionConfig(type="transcription", model=model, audio=hears)
    speaks = AudioConfig(output=AudioOutput(voice=voice))
    return SessionConfig(model=model, instructions=instructions, audio=speaks)


# Everything else that is an object (a format, a custom voice) is one choice, and replaced whole.
_MERGED = frozenset(
    {"audio", "input", "output", "transcription", "noise_reduction", "echo_cancellation", "turn_detection"}
)


def merge_update(config: SessionConfig, update: dict[str, Any]) -> SessionConfig:
    """`config` with the fields present in `update` changed; `InvalidRequest` names the first field that is illegal."""
    if "type" not in update:
        raise InvalidRequest(
            "Missing required parameter: 'session.type'.", code="missing_required_parameter", param="session.type"
        )
    for field, value in update.items():
        check_nesting(value, f"session.{field}")
    if update["type"] == "transcription":
        _refuse_what_speaks(update)
    current: dict[str, Any] = msgspec.to_builtins(config)
    if update["type"] != config.type == "realtime" and current["audio"]["input"]["transcription"] is None:
        current["audio"]["input"]["transcription"] = {}
    try:
        merged = msgspec.convert(_merge(current, update), SessionConfig)
    except msgspec.ValidationError as problem:
        raise fault(problem, root="session") from problem
    if merged.type == "transcription" and merged.audio.input.transcription is None:
        raise InvalidRequest(
            "A transcription session cannot be without transcription.", param="session.audio.input.transcription"
        )
    merged = msgspec.structs.replace(merged, tools=resolve_servers(merged.tools, config.tools))
    check_tools(merged.tools, "session.tools")
    check_tool_choice(merged.tool_choice, merged.tools, "session.tool_choice")
    return merged


def _refuse_what_speaks(update: dict[str, Any]) -> None:
    """A transcription session has ears and no mouth."""
    audio = update.get("audio")
    unknown = [f"session.{field}" for field in update if field not in ("type", "audio", "include")]
    unknown += [f"session.audio.{field}" for field in audio if field != "input"] if isinstance(audio, dict) else []
    if unknown:
        raise InvalidRequest(
            f"'{unknown[0]}' has no meaning in a transcription session.", code="unknown_parameter", param=unknown[0]
        )


def _merge(current: dict[str, Any], update: dict[str, Any]) -> dict[str, Any]:
    merged = dict(current)
    for key, value in update.items():
        before = current.get(key)
        another = key == "turn_detection" and not _same_type(before, value)  # whose knobs mean something else
        if key in _MERGED and isinstance(before, dict) and isinstance(value, dict) and not another:
            value = _merge(before, value)
        merged[key] = value
    return merged


def _same_type(before: Any, value: Any) -> bool:
    return isinstance(before, dict) and isinstance(value, dict) and value.get("type", before["type"]) == before["type"]
