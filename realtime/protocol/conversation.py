"""The conversation: an ordered list of items, and how much of each spoken one has been sent to be heard."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeGuard

import msgspec

from realtime.errors import InvalidRequest
from realtime.protocol.items import (
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputImage,
    InputText,
    Item,
    ItemReference,
    McpApprovalRequest,
    McpApprovalResponse,
    McpCall,
    McpListTools,
    Message,
    OutputAudio,
    OutputText,
    Part,
)

TRUNCATION_SLACK_MS = 100
"""A client counts what it played in blocks of its own; a position this little past the end means the end."""

MAX_ITEMS = 10_000
"""When there are so many, a client may put in no more: a day's talk, and a bound on memory."""


@dataclass(slots=True)
class SpokenText:
    """The words of a spoken item, laid along its audio: what was said up to any point can be told afterwards."""

    bytes_per_ms: int
    text: str = ""
    _size_bytes: int = 0
    _marks: list[tuple[int, int]] = field(default_factory=list)
    """For each piece sent: the byte at which it begins, and how much of the text had begun once it was over."""

    @property
    def duration_ms(self) -> float:
        """How long its audio is."""
        return self._size_bytes / self.bytes_per_ms

    def add(self, text: str, size_bytes: int) -> None:
        """The next `size_bytes` of sound, in which the words of `text` begin."""
        self.text += text
        self._marks.append((self._size_bytes, len(self.text)))
        self._size_bytes += size_bytes

    def cut(self, end_ms: int) -> None:
        """Forget what comes after `end_ms`. A word that had begun counts as heard."""
        self._size_bytes = min(self._size_bytes, end_ms * self.bytes_per_ms)
        self._marks = [mark for mark in self._marks if mark[0] < self._size_bytes]
        self.text = self.text[: self._marks[-1][1]] if self._marks else ""


class Conversation:
    """The items of one conversation, in order. Knows no responses; refuses with `InvalidRequest` what cannot be."""

    def __init__(self, conversation_id: str) -> None:
        self.id = conversation_id
        self._items: dict[str, Item] = {}
        self._order: list[str] = []
        self._spoken: dict[str, SpokenText] = {}
        self._unfinished: set[str] = set()
        """Items that are still being made."""

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._items

    @property
    def items(self) -> tuple[Item, ...]:
        """All items, first to last."""
        return tuple(self._items[item_id] for item_id in self._order)

    @property
    def last_id(self) -> str | None:
        """The id of the last item; None while there is none."""
        return self._order[-1] if self._order else None

    def check_room(self) -> None:
        """Refuse one more item where there are too many already."""
        if len(self._order) >= MAX_ITEMS:
            raise InvalidRequest(
                f"A conversation may have at most {MAX_ITEMS} items; delete some of them.", code="conversation_full"
            )

    def get(self, item_id: str, param: str = "item_id") -> Item:
        """The item of that id."""
        if item_id not in self._items:
            raise InvalidRequest(f"Item with item_id '{item_id}' does not exist.", code="item_not_found", param=param)
        return self._items[item_id]

    def previous_id(self, item_id: str) -> str | None:
        """The id of the item before; None for the first."""
        place = self._order.index(item_id)
        return self._order[place - 1] if place else None

    def add(self, item: Item, after: str | None = None) -> None:
        """Put `item` after the item `after`; at the start for `root`, at the end for None."""
        if item.id in self._items:
            raise InvalidRequest(f"An item with id '{item.id}' exists already.", code="item_id_in_use", param="item.id")
        if after is None:
            place = len(self._order)
        elif after == "root":
            place = 0
        else:
            self.get(after, param="previous_item_id")
            place = self._order.index(after) + 1
        self._order.insert(place, item.id)
        self._items[item.id] = item

    def begin(self, item: Item) -> None:
        """Put an item that is still being made at the end. Nobody can delete or truncate it before it is finished."""
        self.add(item)
        self._unfinished.add(item.id)

    def finish(self, item: Item) -> None:
        """`item` takes the place of the unfinished one with its id, and stays as it is."""
        self._unfinished.remove(item.id)
        self._items[item.id] = item

    def delete(self, item_id: str) -> None:
        """Take an item out."""
        self._finished(item_id)
        self._order.remove(item_id)
        del self._items[item_id]
        self._spoken.pop(item_id, None)

    def speak(self, item_id: str, spoken: SpokenText) -> None:
        """Keep with an item where in its audio each of its words was sent."""
        self._spoken[item_id] = spoken

    def resolve(self, context: Iterable[Item | ItemReference]) -> tuple[Item, ...]:
        """The items of `context` as they are now. One that was referred to and is gone leaves nothing."""
        items = (self._items.get(item.id) if isinstance(item, ItemReference) else item for item in context)
        return tuple(item for item in items if item is not None)

    def unheard_part(self, item_id: str) -> int:
        """Which part of a user item is audio without words, the first if there are several."""
        return next(index for index, part in enumerate(self._message(item_id).content) if _is_unheard(part))

    def hear(self, item_id: str, transcript: str) -> None:
        """Give a user item the words of its audio; the first part without words has them all."""
        item, place = self._message(item_id), self.unheard_part(item_id)
        content = tuple(
            msgspec.structs.replace(part, transcript=transcript if index == place else "")
            if _is_unheard(part)
            else part
            for index, part in enumerate(item.content)
        )
        self._items[item_id] = msgspec.structs.replace(item, content=content)

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> int:
        """Cut an assistant's item to what was heard of it; where it ends now, in ms."""
        item = self._finished(item_id)
        if not (isinstance(item, Message) and item_id in self._spoken):
            raise InvalidRequest(
                "Only model output audio messages can be truncated.", code="unsupported_content_type", param="item_id"
            )
        if content_index >= len(item.content):
            raise InvalidRequest(
                f"The item has no content part {content_index}.", code="invalid_value", param="content_index"
            )
        spoken = self._spoken[item_id]
        if audio_end_ms > spoken.duration_ms + TRUNCATION_SLACK_MS:
            raise InvalidRequest(
                f"Audio content of {int(spoken.duration_ms)}ms is already shorter than {audio_end_ms}ms.",
                code="invalid_value",
                param="audio_end_ms",
            )
        spoken.cut(audio_end_ms)
        self._items[item_id] = msgspec.structs.replace(item, content=(OutputAudio(transcript=spoken.text),))
        return int(spoken.duration_ms)

    def _finished(self, item_id: str) -> Item:
        item = self.get(item_id)
        if item_id in self._unfinished:
            raise InvalidRequest(
                "The item is still being made; cancel its response first.", code="item_in_progress", param="item_id"
            )
        return item

    def _message(self, item_id: str) -> Message:
        item = self.get(item_id)
        assert isinstance(item, Message)
        return item


def characters_of(item: Item) -> int:
    """How much text an item holds, whatever its kind."""
    match item:
        case Message():
            pictures = sum(len(part.image_url) for part in item.content if isinstance(part, InputImage))
            return len(text_of(item)) + pictures
        case FunctionCall() | McpApprovalRequest():
            return len(item.name) + len(item.arguments)
        case McpCall():
            error = item.error.message if item.error else ""
            return len(item.name) + len(item.arguments) + len(item.output or "") + len(error)
        case FunctionCallOutput():
            return len(item.output)
        case McpApprovalResponse():
            return len(item.reason or "")
        case McpListTools():
            return 0


def text_of(item: Item) -> str:
    """The words of a message, whoever said or wrote them; empty where there are none yet."""
    if not isinstance(item, Message):
        return ""
    return "\n".join(words for part in item.content if (words := _words(part)))


def _is_unheard(part: Part) -> TypeGuard[InputAudio]:
    return isinstance(part, InputAudio) and part.transcript is None


def _words(part: Part) -> str:
    match part:
        case InputAudio() | OutputAudio():
            return part.transcript or ""
        case InputText() | OutputText():
            return part.text
        case InputImage():
            return ""  # what it shows is not said in words
