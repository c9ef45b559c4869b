"""What a conversation is made of: items, and the parts of their content."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import UNSET, UnsetType

from realtime.structs import Strict

Status: TypeAlias = Literal["completed", "incomplete", "in_progress"]


class _Part(Strict, tag_field="type"):
    """Base of content parts. A field that is UNSET does not appear on the wire."""


class InputText(_Part, tag="input_text"):
    """Text from the user or from the application."""

    text: str


class InputAudio(_Part, tag="input_audio"):
    """The user's speech. `transcript` is null until it has been put into words."""

    audio: bytes | UnsetType = UNSET
    transcript: str | None = None


class InputImage(_Part, tag="input_image"):
    """A picture from the user."""

    image_url: str
    detail: Literal["auto", "low", "high"] = "auto"


class OutputText(_Part, tag="output_text"):
    """The assistant's answer in writing."""

    text: str


class OutputAudio(_Part, tag="output_audio"):
    """The assistant's answer aloud. `transcript` holds the words that were sent to be heard."""

    audio: bytes | UnsetType = UNSET
    transcript: str | None = None


Part: TypeAlias = InputText | InputAudio | InputImage | OutputText | OutputAudio


class _Item(Strict, tag_field="type"):
    """Base of items. The server gives an item its id when the client has not."""

    id: str = ""
    object: Literal["realtime.item"] = "realtime.item"
    status: Status = "completed"


class Message(_Item, kw_only=True, tag="message"):
    """Something said or written by one side."""

    role: Literal["system", "user", "assistant"]
    content: tuple[Part, ...]


class FunctionCall(_Item, kw_only=True, tag="function_call"):
    """A function the assistant wants called."""

    name: str
    arguments: str
    call_id: str = ""


class FunctionCallOutput(_Item, kw_only=True, tag="function_call_output"):
    """What a function call returned."""

    call_id: str
    output: str


Item: TypeAlias = Message | FunctionCall | FunctionCallOutput

PARTS_OF_ROLE: dict[str, tuple[type[Part], ...]] = {
    "system": (InputText,),
    "user": (InputText, InputAudio, InputImage),
    "assistant": (OutputText, OutputAudio),
}


class ItemReference(Strict, tag_field="type", tag="item_reference"):
    """Points at an item of the conversation, in a response's own input."""

    id: str
