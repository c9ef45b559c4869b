"""What the session asks the world to do. Effects and server events come out in one list; their order is meant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from realtime.protocol.config import AudioFormat, AudioInput, CustomVoice, MaxTokens, Modality
from realtime.protocol.items import Item


@dataclass(frozen=True, slots=True)
class Listen:
    """Take the next piece of the user's voice, in the session's input format."""

    audio: bytes


@dataclass(frozen=True, slots=True)
class TuneInput:
    """The input's settings have changed; they hold for audio that comes from now on."""

    settings: AudioInput


@dataclass(frozen=True, slots=True)
class DropInput:
    """Forget the audio that has been taken and not committed."""


@dataclass(frozen=True, slots=True)
class TranscribeInput:
    """The audio that has been taken is the user item `item_id`: put it into words."""

    item_id: str


@dataclass(frozen=True, slots=True)
class TranscribeItem:
    """The client brought the user item's audio with it, in the session's input format: put it into words."""

    item_id: str
    audio: bytes


@dataclass(frozen=True, slots=True)
class StopTranscription:
    """Nobody wants the words of `item_id` any more; what is still reported of them is stale."""

    item_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StartReply:
    """Make a response: everything it needs to know, as things are now."""

    response_id: str
    instructions: str
    items: tuple[Item, ...]
    modality: Modality
    max_output_tokens: MaxTokens
    output_format: AudioFormat
    voice: str | CustomVoice
    speed: float


@dataclass(frozen=True, slots=True)
class StopReply:
    """Stop making a response. Its events that follow say how far it came."""

    response_id: str


Effect: TypeAlias = (
    Listen | TuneInput | DropInput | TranscribeInput | TranscribeItem | StopTranscription | StartReply | StopReply
)
