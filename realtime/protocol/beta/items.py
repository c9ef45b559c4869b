"""Items in the beta's words: parts of an answer have shorter names, and there are no pictures and no MCP."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from msgspec import UNSET, UnsetType

from realtime.errors import InvalidRequest
from realtime.protocol import items as ga
from realtime.structs import Strict


class Text(Strict, kw_only=True, tag_field="type", tag="text"):
    """The assistant's answer in writing."""

    text: str


class Audio(Strict, kw_only=True, tag_field="type", tag="audio"):
    """The assistant's answer aloud."""

    audio: bytes | UnsetType = UNSET
    transcript: str | None = None


Part: TypeAlias = ga.InputText | ga.InputAudio | Text | Audio


class Message(Strict, kw_only=True, tag_field="type", tag="message"):
    """Something said or written by one side."""

    id: str = ""
    object: Literal["realtime.item"] = "realtime.item"
    status: ga.Status = "completed"
    role: Literal["system", "user", "assistant"]
    content: tuple[Part, ...]


Item: TypeAlias = Message | ga.FunctionCall | ga.FunctionCallOutput

PARTS_OF_ROLE: dict[str, dict[str, type[Part]]] = {
    "system": {"input_text": ga.InputText},
    "user": {"input_text": ga.InputText, "input_audio": ga.InputAudio},
    "assistant": {"text": Text, "audio": Audio},
}

_BETA_PARTS = {"output_text": "text", "output_audio": "audio", "input_text": "input_text", "input_audio": "input_audio"}
_BETA_ITEMS = {"message", "function_call", "function_call_output"}


def to_ga_item(item: Item, param: str) -> ga.Message | ga.FunctionCall | ga.FunctionCallOutput:
    """GA's item for the beta's. `InvalidRequest` when a part is not for its role; `param` is where the item stands."""
    if not isinstance(item, Message):
        return item
    allowed = PARTS_OF_ROLE[item.role]
    for index, part in enumerate(item.content):
        if type(part) not in allowed.values():
            said = f"A message of role '{item.role}' may contain: {', '.join(allowed)}."
            raise InvalidRequest(said, param=f"{param}.content[{index}].type")
    content = tuple(_to_ga_part(part) for part in item.content)
    return ga.Message(id=item.id, status=item.status, role=item.role, content=content)


def _to_ga_part(part: Part) -> ga.Part:
    match part:
        case Text():
            return ga.OutputText(text=part.text)
        case Audio():
            return ga.OutputAudio(audio=part.audio, transcript=part.transcript)
    return part


def to_beta_item(item: dict[str, Any]) -> dict[str, Any] | None:
    """The beta's item for GA's, both as plain values; None for an item the beta has no word for."""
    if item["type"] not in _BETA_ITEMS:
        return None
    if "content" not in item:
        return item
    parts = [part | {"type": _BETA_PARTS[part["type"]]} for part in item["content"] if part["type"] in _BETA_PARTS]
    return item | {"content": parts}
