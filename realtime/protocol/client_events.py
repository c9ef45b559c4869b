"""What a client may say."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta

from realtime.protocol.config import (
    AudioFormat,
    CustomVoice,
    MaxTokens,
    Modality,
    PromptReference,
    Reasoning,
    Speed,
    Temperature,
)
from realtime.protocol.items import Id, Item, ItemReference
from realtime.protocol.tools import ToolChoice, ToolConfig
from realtime.structs import Strict


class _ClientEvent(Strict, tag_field="type"):
    """Base of client events: a client may name an event, and an error about it carries that name."""

    event_id: Id | None = None


class SessionUpdate(_ClientEvent, kw_only=True, tag="session.update"):
    """Change the configuration; only the fields present change."""

    session: dict[str, Any]


class AudioAppend(_ClientEvent, kw_only=True, tag="input_audio_buffer.append"):
    """The next piece of the user's voice, cut anywhere. Has no answer."""

    audio: bytes
    """Base64 on the wire; sound in the session's input format, at most 15 MiB."""


class AudioCommit(_ClientEvent, kw_only=True, tag="input_audio_buffer.commit"):
    """The buffered audio is a turn: make it an item."""


class AudioClear(_ClientEvent, kw_only=True, tag="input_audio_buffer.clear"):
    """Forget the buffered audio."""


class OutputAudioClear(_ClientEvent, kw_only=True, tag="output_audio_buffer.clear"):
    """Stop playing. For transports on which the server plays (WebRTC, telephone)."""


class ItemCreate(_ClientEvent, kw_only=True, tag="conversation.item.create"):
    """Put an item into the conversation."""

    item: Item
    previous_item_id: Id | None = None
    """Insert after this item; `root` is the start, nothing the end."""


class ItemRetrieve(_ClientEvent, kw_only=True, tag="conversation.item.retrieve"):
    """Show an item as the server has it."""

    item_id: Id


class ItemTruncate(_ClientEvent, kw_only=True, tag="conversation.item.truncate"):
    """The user heard the item's audio only up to here."""

    item_id: Id
    content_index: Annotated[int, Meta(ge=0)]
    audio_end_ms: Annotated[int, Meta(ge=0)]


class ItemDelete(_ClientEvent, kw_only=True, tag="conversation.item.delete"):
    """Take an item out of the conversation."""

    item_id: Id


class ResponseAudioOutput(Strict):
    """How one response sounds; what is left out is as in the session."""

    format: AudioFormat | None = None
    voice: str | CustomVoice | None = None
    speed: Speed | None = None
    """An extension: OpenAI has it in the session only."""


class ResponseAudio(Strict):
    """Sound settings of one response."""

    output: ResponseAudioOutput = ResponseAudioOutput()


MetadataKey: TypeAlias = Annotated[str, Meta(max_length=64)]
MetadataValue: TypeAlias = Annotated[str, Meta(max_length=512)]


class ResponseParams(Strict):
    """Choices for one response; what is left out is as in the session."""

    instructions: str | None = None
    output_modalities: Annotated[tuple[Modality, ...], Meta(min_length=1, max_length=1)] | None = None
    audio: ResponseAudio = ResponseAudio()
    conversation: Literal["auto", "none"] = "auto"
    input: tuple[Item | ItemReference, ...] | None = None
    metadata: Annotated[dict[MetadataKey, MetadataValue], Meta(max_length=16)] | None = None
    max_output_tokens: MaxTokens | None = None
    tools: tuple[ToolConfig, ...] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    temperature: Temperature | None = None
    """Of the beta dialect, and an extension of the other."""
    prompt: PromptReference | None = None
    reasoning: Reasoning | None = None


class ResponseCreate(_ClientEvent, kw_only=True, tag="response.create"):
    """Answer now."""

    response: ResponseParams | None = None


class ResponseCancel(_ClientEvent, kw_only=True, tag="response.cancel"):
    """Stop answering."""

    response_id: Id | None = None


ClientEvent: TypeAlias = (
    SessionUpdate
    | AudioAppend
    | AudioCommit
    | AudioClear
    | OutputAudioClear
    | ItemCreate
    | ItemRetrieve
    | ItemTruncate
    | ItemDelete
    | ResponseCreate
    | ResponseCancel
)
