"""What the server says. An event's id is given when it is written to the wire (`wire.encode`)."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from realtime.protocol.config import AudioFormat, MaxTokens, Modality
from realtime.protocol.items import Item
from realtime.protocol.session_object import AnySessionObject
from realtime.structs import Frozen


class _Object(Frozen):
    """Base of the objects inside events."""


class _ServerEvent(Frozen, tag_field="type"):
    """Base of server events."""


# --- session -----------------------------------------------------------------------------------------------------


class SessionCreated(_ServerEvent, tag="session.created"):
    session: AnySessionObject


class SessionUpdated(_ServerEvent, tag="session.updated"):
    session: AnySessionObject


class ConversationObject(_Object, kw_only=True):
    id: str
    object: Literal["realtime.conversation"] = "realtime.conversation"


class ConversationCreated(_ServerEvent, tag="conversation.created"):
    conversation: ConversationObject


class ErrorDetail(_Object, kw_only=True):
    type: Literal["invalid_request_error", "server_error"]
    code: str | None
    message: str
    param: str | None = None
    event_id: str | None = None
    """The client event that caused it, when the client had named that event."""


class Error(_ServerEvent, tag="error"):
    error: ErrorDetail


# --- the user's audio --------------------------------------------------------------------------------------------


class SpeechStarted(_ServerEvent, tag="input_audio_buffer.speech_started"):
    audio_start_ms: int
    """From the start of all audio of the session; where the turn's audio begins, padding included."""
    item_id: str
    """The item that this turn will become."""


class SpeechStopped(_ServerEvent, tag="input_audio_buffer.speech_stopped"):
    audio_end_ms: int
    """From the start of all audio of the session; where the turn's audio ends, silence included."""
    item_id: str


class AudioCommitted(_ServerEvent, tag="input_audio_buffer.committed"):
    previous_item_id: str | None
    item_id: str


class AudioCleared(_ServerEvent, tag="input_audio_buffer.cleared"):
    pass


class TimeoutTriggered(_ServerEvent, tag="input_audio_buffer.timeout_triggered"):
    """Nobody has spoken for the session's `idle_timeout_ms`."""

    audio_start_ms: int
    """From the start of all audio of the session; where the last answer had been played."""
    audio_end_ms: int
    """All audio of the session so far."""
    item_id: str


# --- the conversation --------------------------------------------------------------------------------------------


class ItemAdded(_ServerEvent, tag="conversation.item.added"):
    previous_item_id: str | None
    item: Item


class ItemDone(_ServerEvent, tag="conversation.item.done"):
    previous_item_id: str | None
    item: Item


class ItemRetrieved(_ServerEvent, tag="conversation.item.retrieved"):
    item: Item


class ItemTruncated(_ServerEvent, tag="conversation.item.truncated"):
    item_id: str
    content_index: int
    audio_end_ms: int


class ItemDeleted(_ServerEvent, tag="conversation.item.deleted"):
    item_id: str


class LogProbability(_Object, kw_only=True):
    """How sure the transcriber is of a word."""

    token: str
    bytes: tuple[int, ...]
    """The word in UTF-8."""
    logprob: float


LogProbabilities: TypeAlias = tuple[LogProbability, ...]


class TranscriptionDelta(_ServerEvent, kw_only=True, tag="conversation.item.input_audio_transcription.delta"):
    item_id: str
    content_index: int = 0
    delta: str
    logprobs: LogProbabilities | UnsetType = UNSET


class DurationUsage(_Object, kw_only=True):
    type: Literal["duration"] = "duration"
    seconds: float


class Language(_Object, kw_only=True):
    code: str
    """ISO-639-1."""


class TranscriptionCompleted(_ServerEvent, kw_only=True, tag="conversation.item.input_audio_transcription.completed"):
    item_id: str
    content_index: int = 0
    transcript: str
    usage: DurationUsage
    logprobs: LogProbabilities | UnsetType = UNSET
    languages: tuple[Language, ...] | UnsetType = UNSET


class TranscriptionError(_Object, kw_only=True):
    type: str
    code: str
    message: str
    param: str | None = None


class TranscriptionFailed(_ServerEvent, kw_only=True, tag="conversation.item.input_audio_transcription.failed"):
    item_id: str
    content_index: int = 0
    error: TranscriptionError


# --- the response ------------------------------------------------------------------------------------------------


class ResponseError(_Object, kw_only=True):
    type: str
    code: str
    message: str


class StatusDetails(_Object, kw_only=True):
    type: Literal["completed", "cancelled", "incomplete", "failed"]
    reason: Literal["turn_detected", "client_cancelled", "max_output_tokens", "content_filter"] | UnsetType = UNSET
    error: ResponseError | UnsetType = UNSET


class CachedTokens(_Object, kw_only=True):
    text_tokens: int = 0
    audio_tokens: int = 0
    image_tokens: int = 0


class InputTokens(_Object, kw_only=True):
    text_tokens: int = 0
    audio_tokens: int = 0
    image_tokens: int = 0
    cached_tokens: int = 0
    cached_tokens_details: CachedTokens = CachedTokens()


class OutputTokens(_Object, kw_only=True):
    text_tokens: int = 0
    audio_tokens: int = 0


class Usage(_Object, kw_only=True):
    """Tokens the language model read and wrote. Speech reaches it as text, so no audio tokens are counted."""

    total_tokens: int
    input_tokens: int
    output_tokens: int
    input_token_details: InputTokens
    output_token_details: OutputTokens


class RateLimit(_Object, kw_only=True):
    name: Literal["requests", "tokens"]
    limit: int
    remaining: int
    reset_seconds: float
    """Until all of the limit is there again."""


class RateLimitsUpdated(_ServerEvent, tag="rate_limits.updated"):
    rate_limits: tuple[RateLimit, ...]


ResponseStatus: TypeAlias = Literal["in_progress", "completed", "cancelled", "failed", "incomplete"]


Ending: TypeAlias = Literal["completed", "cancelled", "failed", "incomplete"]


class OutputVoice(_Object, kw_only=True):
    format: AudioFormat
    voice: str
    """The voice's name; the id of a custom one."""


class OutputSettings(_Object, kw_only=True):
    output: OutputVoice


class ResponseObject(_Object, kw_only=True):
    id: str
    object: Literal["realtime.response"] = "realtime.response"
    status: ResponseStatus
    status_details: StatusDetails | None = None
    output: tuple[Item, ...] = ()
    conversation_id: str | None
    output_modalities: tuple[Modality, ...]
    max_output_tokens: MaxTokens
    audio: OutputSettings
    usage: Usage | None = None
    metadata: dict[str, str] | None = None


class ResponseCreated(_ServerEvent, tag="response.created"):
    response: ResponseObject


class ResponseDone(_ServerEvent, tag="response.done"):
    response: ResponseObject


class OutputItemAdded(_ServerEvent, tag="response.output_item.added"):
    response_id: str
    output_index: int
    item: Item


class OutputItemDone(_ServerEvent, tag="response.output_item.done"):
    response_id: str
    output_index: int
    item: Item


class ContentPart(_Object, kw_only=True):
    """A part of an output item while it is being made; named `audio` and `text` here, unlike in the finished item."""

    type: Literal["audio", "text"]
    text: str | UnsetType = UNSET
    transcript: str | UnsetType = UNSET


class _Content(_ServerEvent):
    """Base of events about one part of one output item."""

    response_id: str
    item_id: str
    output_index: int
    content_index: int = 0


class ContentPartAdded(_Content, kw_only=True, tag="response.content_part.added"):
    part: ContentPart


class ContentPartDone(_Content, kw_only=True, tag="response.content_part.done"):
    part: ContentPart


class TextDelta(_Content, kw_only=True, tag="response.output_text.delta"):
    delta: str


class TextDone(_Content, kw_only=True, tag="response.output_text.done"):
    text: str


class AudioDelta(_Content, kw_only=True, tag="response.output_audio.delta"):
    delta: bytes
    """Base64 on the wire."""


class AudioDone(_Content, kw_only=True, tag="response.output_audio.done"):
    pass


class TranscriptDelta(_Content, kw_only=True, tag="response.output_audio_transcript.delta"):
    delta: str


class TranscriptDone(_Content, kw_only=True, tag="response.output_audio_transcript.done"):
    transcript: str


class _Call(_ServerEvent):
    """Base of events about what the model writes of a call."""

    response_id: str
    item_id: str
    output_index: int


class FunctionArgumentsDelta(_Call, kw_only=True, tag="response.function_call_arguments.delta"):
    call_id: str
    delta: str


class FunctionArgumentsDone(_Call, kw_only=True, tag="response.function_call_arguments.done"):
    call_id: str
    name: str
    arguments: str


class McpArgumentsDelta(_Call, kw_only=True, tag="response.mcp_call_arguments.delta"):
    delta: str


class McpArgumentsDone(_Call, kw_only=True, tag="response.mcp_call_arguments.done"):
    arguments: str


class _McpCall(_ServerEvent):
    """Base of events about a call while the tool runs."""

    output_index: int
    item_id: str


class McpCallInProgress(_McpCall, tag="response.mcp_call.in_progress"):
    pass


class McpCallCompleted(_McpCall, tag="response.mcp_call.completed"):
    pass


class McpCallFailed(_McpCall, tag="response.mcp_call.failed"):
    pass


# --- the tools of MCP servers ------------------------------------------------------------------------------------


class _McpList(_ServerEvent):
    item_id: str


class McpListInProgress(_McpList, tag="mcp_list_tools.in_progress"):
    pass


class McpListCompleted(_McpList, tag="mcp_list_tools.completed"):
    pass


class McpListFailed(_McpList, tag="mcp_list_tools.failed"):
    pass


ServerEvent: TypeAlias = _ServerEvent
"""Any of the events above."""


def describe(event: ServerEvent) -> dict[str, Any]:
    """The event as plain values, without its id: for logs of tests and for translation to another dialect."""
    described: dict[str, Any] = msgspec.to_builtins(event)
    return described
