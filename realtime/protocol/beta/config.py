"""What a client of the beta may choose: one flat object, where GA has a tree."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import UNSET, Meta, UnsetType

from realtime.protocol.config import MaxTokens, Speed, Tracing
from realtime.protocol.tools import ChosenFunction, FunctionTool
from realtime.structs import Strict

AudioFormat: TypeAlias = Literal["pcm16", "g711_ulaw", "g711_alaw"]
Modalities: TypeAlias = Annotated[tuple[Literal["text", "audio"], ...], Meta(min_length=1, max_length=2)]
Temperature: TypeAlias = Annotated[float, Meta(ge=0.6, le=1.2)]
ToolChoice: TypeAlias = str | ChosenFunction


class Transcription(Strict):
    """How the user's speech is put into words for the client."""

    model: str | UnsetType | None = UNSET
    language: str | UnsetType | None = UNSET
    prompt: str | UnsetType | None = UNSET


class NoiseReduction(Strict):
    """Which microphone distance noise reduction is tuned for."""

    type: Literal["near_field", "far_field"]


class TurnDetection(Strict):
    """How turns are found. Which knob belongs to which type, and how far it turns, GA's own check knows."""

    type: Literal["server_vad", "semantic_vad"] | UnsetType = UNSET
    threshold: float | UnsetType = UNSET
    prefix_padding_ms: int | UnsetType = UNSET
    silence_duration_ms: int | UnsetType = UNSET
    eagerness: Literal["low", "medium", "high", "auto"] | UnsetType = UNSET
    create_response: bool | UnsetType = UNSET
    interrupt_response: bool | UnsetType = UNSET


class TranscriptionSession(Strict):
    """What a client may change in a session that only listens. Whatever is left out stays as it is."""

    input_audio_format: AudioFormat | UnsetType = UNSET
    input_audio_transcription: Transcription | UnsetType | None = UNSET
    input_audio_noise_reduction: NoiseReduction | UnsetType | None = UNSET
    turn_detection: TurnDetection | UnsetType | None = UNSET
    include: tuple[str, ...] | UnsetType | None = UNSET
    modalities: Modalities | UnsetType = UNSET
    """Known, and without effect: such a session answers in none."""
    client_secret: Any = None
    """Known, and refused: a secret is for whoever creates a session over HTTP."""


class RealtimeSession(Strict):
    """What a client may change in its session. Whatever is left out stays as it is."""

    model: str | UnsetType = UNSET
    modalities: Modalities | UnsetType = UNSET
    instructions: str | UnsetType = UNSET
    voice: str | UnsetType = UNSET
    input_audio_format: AudioFormat | UnsetType = UNSET
    output_audio_format: AudioFormat | UnsetType = UNSET
    input_audio_transcription: Transcription | UnsetType | None = UNSET
    input_audio_noise_reduction: NoiseReduction | UnsetType | None = UNSET
    turn_detection: TurnDetection | UnsetType | None = UNSET
    tools: tuple[FunctionTool, ...] | UnsetType = UNSET
    tool_choice: ToolChoice | UnsetType = UNSET
    temperature: Temperature | UnsetType = UNSET
    max_response_output_tokens: MaxTokens | UnsetType = UNSET
    speed: Speed | UnsetType = UNSET
    tracing: Tracing | UnsetType = UNSET
    client_secret: Any = None
    """Known, and refused: a secret is for whoever creates a session over HTTP."""
