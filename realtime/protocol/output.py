"""What a response makes, item by item: messages and calls, each told to the client while the model writes it."""

from __future__ import annotations

from typing import Literal, TypeAlias, TypedDict

import msgspec

from realtime.protocol import server_events as said
from realtime.protocol.config import AudioFormat, Modality
from realtime.protocol.conversation import SpokenText
from realtime.protocol.items import FunctionCall, McpCall, Message, OutputAudio, OutputText, Part
from realtime.protocol.slot import Slot
from realtime.protocol.toolbox import Remote

ItemEnding: TypeAlias = Literal["completed", "incomplete"]


class _Place(TypedDict):
    response_id: str
    item_id: str
    output_index: int


class _PartPlace(_Place):
    content_index: int


class MessageOutput:
    """The assistant's words, aloud or in writing."""

    def __init__(self, item_id: str, slot: Slot, modality: Modality, audio_format: AudioFormat) -> None:
        self.item = Message(id=item_id, role="assistant", status="in_progress", content=())
        self._slot = slot
        self._aloud = modality == "audio"
        self._spoken = SpokenText(audio_format.rate_hz * audio_format.bytes_per_sample // 1000)
        self._written = ""

    def begin(self) -> list[said.ServerEvent]:
        """The model has begun to write."""
        part = said.ContentPart(type="audio", transcript="") if self._aloud else said.ContentPart(type="text", text="")
        return [*self._slot.begin(self.item), said.ContentPartAdded(**self._place(), part=part)]

    def write(self, text: str) -> list[said.ServerEvent]:
        """The next text of a written answer."""
        assert not self._aloud
        self._written += text
        return [said.TextDelta(**self._place(), delta=text)]

    def speak(self, text: str, audio: bytes) -> list[said.ServerEvent]:
        """The next sound of a spoken answer, and the words that begin in it."""
        assert self._aloud
        self._spoken.add(text, len(audio))
        events: list[said.ServerEvent] = []
        if text:
            events.append(said.TranscriptDelta(**self._place(), delta=text))
        if audio:
            events.append(said.AudioDelta(**self._place(), delta=audio))
        return events

    def finish(self, ending: ItemEnding) -> list[said.ServerEvent]:
        """That is all of it."""
        events: list[said.ServerEvent]
        content: Part
        if self._aloud:
            words = self._spoken.text
            content, part = OutputAudio(transcript=words), said.ContentPart(type="audio", transcript=words)
            events = [said.AudioDone(**self._place()), said.TranscriptDone(**self._place(), transcript=words)]
        else:
            content, part = OutputText(text=self._written), said.ContentPart(type="text", text=self._written)
            events = [said.TextDone(**self._place(), text=self._written)]
        self.item = msgspec.structs.replace(self.item, status=ending, content=(content,))
        events += [said.ContentPartDone(**self._place(), part=part), *self._slot.finish(self.item)]
        if self._aloud and self._slot.conversation:
            self._slot.conversation.speak(self.item.id, self._spoken)
        return events

    def _place(self) -> _PartPlace:
        slot = self._slot
        return {
            "response_id": slot.response_id,
            "item_id": self.item.id,
            "output_index": slot.output_index,
            "content_index": 0,
        }


class CallOutput:
    """A call of a function or of an MCP server's tool, as far as the model has written it."""

    def __init__(self, item_id: str, slot: Slot, call_id: str, name: str, remote: Remote | None) -> None:
        self.remote = remote
        self.slot = slot
        self.item: FunctionCall | McpCall
        if remote:
            self.item = McpCall(id=item_id, server_label=remote.server.server_label, name=remote.name, arguments="")
        else:
            self.item = FunctionCall(id=item_id, status="in_progress", name=name, call_id=call_id, arguments="")

    @property
    def asks_before(self) -> bool:
        """Whether the client has to approve it: then it is shown nothing before all is written."""
        return self.remote is not None and self.remote.asks_before

    def begin(self) -> list[said.ServerEvent]:
        """The model has chosen what to call."""
        return [] if self.asks_before else self.slot.begin(self.item)

    def write(self, arguments: str) -> list[said.ServerEvent]:
        """The next piece of the arguments' JSON text."""
        self.item = msgspec.structs.replace(self.item, arguments=self.item.arguments + arguments)
        if self.asks_before:
            return []
        if isinstance(self.item, FunctionCall):
            return [said.FunctionArgumentsDelta(**self._place(), call_id=self.item.call_id, delta=arguments)]
        return [said.McpArgumentsDelta(**self._place(), delta=arguments)]

    def written(self) -> list[said.ServerEvent]:
        """The arguments are whole."""
        arguments = self.item.arguments
        if isinstance(self.item, FunctionCall):
            done = said.FunctionArgumentsDone(
                **self._place(), call_id=self.item.call_id, name=self.item.name, arguments=arguments
            )
            self.item = msgspec.structs.replace(self.item, status="completed")
            return [done, *self.slot.finish(self.item)]
        return [said.McpArgumentsDone(**self._place(), arguments=arguments)]

    def break_off(self) -> list[said.ServerEvent]:
        """The arguments will never be whole. So they are not told as done: clients call what is done."""
        if self.asks_before:
            return []
        if isinstance(self.item, FunctionCall):
            self.item = msgspec.structs.replace(self.item, status="incomplete")
        return self.slot.finish(self.item)

    def finish(self, item: McpCall) -> list[said.ServerEvent]:
        """The tool of an MCP server has ended, and this is what came of it."""
        self.item = item
        return self.slot.finish(item)

    def _place(self) -> _Place:
        return {
            "response_id": self.slot.response_id,
            "item_id": self.item.id,
            "output_index": self.slot.output_index,
        }
