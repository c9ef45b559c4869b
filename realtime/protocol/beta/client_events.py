"""What a client of the beta may say, read as the GA event it means."""

from __future__ import annotations

from itertools import count
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from realtime.errors import InvalidRequest
from realtime.protocol import client_events as asked
from realtime.protocol import wire
from realtime.protocol.beta.config import AudioFormat, Modalities, Temperature, ToolChoice
from realtime.protocol.beta.items import Item, to_ga_item
from realtime.protocol.beta.session import FORMATS, to_ga_modalities, to_ga_session, to_ga_tool_choice
from realtime.protocol.config import MaxTokens
from realtime.protocol.faults import fault
from realtime.protocol.items import Item as GaItem
from realtime.protocol.items import ItemReference
from realtime.protocol.tools import FunctionTool
from realtime.structs import Strict


class _ClientEvent(Strict, tag_field="type"):
    """Base of the events that GA has not, or has otherwise."""

    event_id: Annotated[str, Meta(max_length=512)] | None = None


class TranscriptionSessionUpdate(asked.SessionUpdate, kw_only=True, tag="transcription_session.update"):
    """Change the configuration of a session that only listens; only the fields present change."""


class ItemCreate(_ClientEvent, kw_only=True, tag="conversation.item.create"):
    """Put an item into the conversation."""

    item: Item
    previous_item_id: str | None = None


class ResponseParams(Strict):
    """Choices for one response; what is left out is as in the session."""

    modalities: Modalities | None = None
    instructions: str | None = None
    voice: str | None = None
    output_audio_format: AudioFormat | None = None
    tools: tuple[FunctionTool, ...] | None = None
    tool_choice: ToolChoice | None = None
    temperature: Temperature | None = None
    max_response_output_tokens: MaxTokens | None = None
    max_output_tokens: MaxTokens | None = None
    """The same by its first name, which clients from the beta's beginning use."""
    conversation: Literal["auto", "none"] = "auto"
    metadata: Annotated[dict[asked.MetadataKey, asked.MetadataValue], Meta(max_length=16)] | None = None
    input: tuple[Item | ItemReference, ...] | None = None


class ResponseCreate(_ClientEvent, kw_only=True, tag="response.create"):
    """Answer now."""

    response: ResponseParams | None = None


BetaEvent: TypeAlias = (
    asked.SessionUpdate
    | TranscriptionSessionUpdate
    | asked.AudioAppend
    | asked.AudioCommit
    | asked.AudioClear
    | asked.OutputAudioClear
    | ItemCreate
    | asked.ItemRetrieve
    | asked.ItemTruncate
    | asked.ItemDelete
    | ResponseCreate
    | asked.ResponseCancel
)

_events: msgspec.json.Decoder[BetaEvent] = msgspec.json.Decoder(BetaEvent)


def decode(text: str | bytes) -> asked.ClientEvent:
    """The event in `text`, as GA has it; `UnreadableEvent` says in the beta's words what is wrong with it and where."""
    try:
        event = _events.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as problem:
        raise _unreadable(text, problem) from problem
    if isinstance(event, asked.AudioAppend):
        return event if len(event.audio) <= wire.MAX_APPEND_BYTES else wire.decode(text)  # which says that it is long
    try:
        return _to_ga(event)
    except InvalidRequest as wrong:
        raise wire.UnreadableEvent(wrong, event.event_id) from wrong


def _to_ga(event: BetaEvent) -> asked.ClientEvent:
    match event:
        case TranscriptionSessionUpdate():
            update = to_ga_session(event.session, "transcription")
            return asked.SessionUpdate(event_id=event.event_id, session=update)
        case asked.SessionUpdate():
            return asked.SessionUpdate(event_id=event.event_id, session=to_ga_session(event.session))
        case ItemCreate():
            item = to_ga_item(event.item, param="item")
            return asked.ItemCreate(event_id=event.event_id, item=item, previous_item_id=event.previous_item_id)
        case ResponseCreate():
            params = None if event.response is None else _to_ga_params(event.response)
            return asked.ResponseCreate(event_id=event.event_id, response=params)
    return event


def _to_ga_params(params: ResponseParams) -> asked.ResponseParams:
    if params.max_output_tokens is not None and params.max_response_output_tokens is not None:
        twice = "'max_output_tokens' is 'max_response_output_tokens' by another name; say one of them."
        raise InvalidRequest(twice, param="response.max_output_tokens")
    sound = asked.ResponseAudioOutput(
        format=FORMATS[params.output_audio_format] if params.output_audio_format else None, voice=params.voice
    )
    return asked.ResponseParams(
        instructions=params.instructions,
        output_modalities=to_ga_modalities(params.modalities, "response.modalities") if params.modalities else None,
        audio=asked.ResponseAudio(output=sound),
        conversation=params.conversation,
        input=None if params.input is None else tuple(map(_to_ga_input, params.input, count())),
        metadata=params.metadata,
        max_output_tokens=params.max_response_output_tokens or params.max_output_tokens,
        tools=params.tools,
        tool_choice=None if params.tool_choice is None else to_ga_tool_choice(params.tool_choice),
        temperature=params.temperature,
    )


def _to_ga_input(item: Item | ItemReference, index: int) -> GaItem | ItemReference:
    return item if isinstance(item, ItemReference) else to_ga_item(item, param=f"response.input[{index}]")


def _unreadable(text: str | bytes, problem: Exception) -> wire.UnreadableEvent:
    """GA's reader knows what is no event at all, and how the client has named it; the rest is told in beta words."""
    if isinstance(problem, msgspec.ValidationError):
        named = fault(problem)
    else:
        named = InvalidRequest(f"Not valid JSON: {problem}.", code="invalid_json")
    try:
        event_id = wire.decode(text).event_id
    except wire.UnreadableEvent as told:
        if named.param in (None, "type") or told.reason == "invalid_json":
            return told
        event_id = told.event_id
    return wire.UnreadableEvent(named, event_id)
