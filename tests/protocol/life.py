"""The life of one response as its events tell it, and what they must not tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from realtime.protocol import server_events as said
from realtime.protocol.items import Item, Message, OutputAudio, OutputText

AUDIO_DELTAS = (said.TranscriptDelta, said.AudioDelta)

FOLLOWS: dict[type[said.ServerEvent], tuple[type[said.ServerEvent], ...]] = {
    said.ResponseCreated: (said.OutputItemAdded, said.ResponseDone),
    said.OutputItemAdded: (said.ItemAdded,),
    said.ItemAdded: (said.ContentPartAdded,),
    said.ContentPartAdded: (*AUDIO_DELTAS, said.TextDelta, said.AudioDone, said.TextDone),
    said.TextDelta: (said.TextDelta, said.TextDone),
    said.TranscriptDelta: (*AUDIO_DELTAS, said.AudioDone),
    said.AudioDelta: (*AUDIO_DELTAS, said.AudioDone),
    said.TextDone: (said.ContentPartDone,),
    said.AudioDone: (said.TranscriptDone,),
    said.TranscriptDone: (said.ContentPartDone,),
    said.ContentPartDone: (said.OutputItemDone,),
    said.OutputItemDone: (said.ItemDone,),
    said.ItemDone: (said.ResponseDone,),
}
"""Which events of a response may come next. One outside the conversation leaves `conversation.item.…` out."""

Content: TypeAlias = (
    said.ContentPartAdded
    | said.ContentPartDone
    | said.TextDelta
    | said.TextDone
    | said.AudioDelta
    | said.AudioDone
    | said.TranscriptDelta
    | said.TranscriptDone
)


@dataclass
class Life:
    """What is known of a response in progress."""

    created: said.ResponseObject
    last: type[said.ServerEvent] = said.ResponseCreated
    item: Item | None = None
    words: str = ""
    audio: bytes = b""
    started: bool = False
    stopped: bool = False

    @property
    def in_conversation(self) -> bool:
        return self.created.conversation_id is not None

    @property
    def aloud(self) -> bool:
        return self.created.output_modalities == ("audio",)

    def goes_on(self, event: said.ServerEvent) -> None:
        """Its next event: is this the time for it?"""
        allowed = FOLLOWS[self.last]
        if not self.in_conversation and allowed[0] in (said.ItemAdded, said.ItemDone):
            allowed = FOLLOWS[allowed[0]]
        assert type(event) in allowed, f"{type(event).__name__} after {self.last.__name__}"
        self.last = type(event)

    def content(self, event: Content) -> None:
        """An event about its one content part."""
        assert self.item is not None
        assert (event.item_id, event.output_index, event.content_index) == (self.item.id, 0, 0)
        match event:
            case said.TextDelta() | said.TranscriptDelta():
                assert not self.stopped, "words after the reply was stopped"
                self.words += event.delta
            case said.AudioDelta():
                assert not self.stopped, "sound after the reply was stopped"
                self.audio += event.delta
            case said.TextDone():
                assert not self.aloud
                assert event.text == self.words
            case said.TranscriptDone():
                assert event.transcript == self.words
            case said.AudioDone():
                assert self.aloud
            case said.ContentPartAdded():
                assert event.part == self.part("")
            case said.ContentPartDone():
                assert event.part == self.part(self.words)

    def part(self, words: str) -> said.ContentPart:
        """Its content part, as events about it show it."""
        if self.aloud:
            return said.ContentPart(type="audio", transcript=words)
        return said.ContentPart(type="text", text=words)

    def finished_item(self, item: Item) -> None:
        """Its item as it is in the end."""
        assert isinstance(item, Message)
        assert item.role == "assistant"
        assert item.content == ((OutputAudio(transcript=self.words) if self.aloud else OutputText(text=self.words)),)
        self.item = item
