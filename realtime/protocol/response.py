"""The life of one response, and the events that tell it.

    waiting ──start──▶ running ──finish──▶ done
       └──────────────finish───────────────▶

A response is created *waiting* while words of the user's audio are still missing from its context, and *running* once
the pipeline has been asked to make it. Its one output item opens with the first content and closes in `finish`,
whatever the reason: every `…added` has its `…done` and each response exactly one `response.done`. Nothing comes after
that: reports of a response that is done are stale, and ignored by whoever holds the responses (`responses`).

Order (OpenAI): response.created → output_item.added → conversation.item.added → content_part.added → deltas →
output_audio.done / output_audio_transcript.done / output_text.done → content_part.done → output_item.done →
conversation.item.done → response.done.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal, TypeAlias, TypedDict

import msgspec

from realtime.protocol import server_events as said
from realtime.protocol.config import AudioFormat, CustomVoice, MaxTokens, Modality
from realtime.protocol.conversation import Conversation, SpokenText
from realtime.protocol.items import Item, ItemReference, Message, OutputAudio, OutputText, Part

Context: TypeAlias = tuple[Item | ItemReference, ...]


class Stage(Enum):
    """How far a response has come."""

    WAITING = auto()
    RUNNING = auto()
    DONE = auto()


_ITEM_STATUS: dict[said.Ending, Literal["completed", "incomplete"]] = {
    "completed": "completed",
    "cancelled": "incomplete",
    "incomplete": "incomplete",
    "failed": "incomplete",
}


class _Place(TypedDict):
    response_id: str
    item_id: str
    output_index: int
    content_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What was asked of a response, the session's choices filled in. Fixed when the response is created."""

    instructions: str
    modality: Modality
    output_format: AudioFormat
    voice: str | CustomVoice
    speed: float
    max_output_tokens: MaxTokens
    metadata: dict[str, str] | None
    context: Context
    """What the response reads. References are followed when it starts, so that it has the words known by then."""
    in_conversation: bool
    """Whether its output becomes part of the conversation."""


class Response:
    """One response. Its methods return the events that tell the client what happened."""

    def __init__(self, response_id: str, item_id: str, plan: Plan, conversation: Conversation) -> None:
        self.id = response_id
        self.plan = plan
        self.stage = Stage.WAITING
        self._item_id = item_id
        self._conversation = conversation
        self._item: Message | None = None
        self._spoken = SpokenText(plan.output_format.rate_hz * plan.output_format.bytes_per_sample // 1000)
        self._written = ""

    def created(self) -> list[said.ServerEvent]:
        """The client may know of it."""
        return [said.ResponseCreated(response=self._describe("in_progress"))]

    def start(self) -> None:
        """The pipeline is asked to make it."""
        assert self.stage is Stage.WAITING
        self.stage = Stage.RUNNING

    def begin(self) -> list[said.ServerEvent]:
        """The model has begun to answer: the output item opens."""
        return self._open()

    def write(self, text: str) -> list[said.ServerEvent]:
        """The next text of a written answer."""
        assert not self._aloud
        events = self._open()
        self._written += text
        return [*events, said.TextDelta(**self._place(), delta=text)]

    def speak(self, text: str, audio: bytes) -> list[said.ServerEvent]:
        """The next sound of a spoken answer, and the words that begin in it."""
        assert self._aloud
        events = self._open()
        self._spoken.add(text, len(audio))
        if text:
            events.append(said.TranscriptDelta(**self._place(), delta=text))
        if audio:
            events.append(said.AudioDelta(**self._place(), delta=audio))
        return events

    def finish(
        self, ending: said.Ending, details: said.StatusDetails, usage: said.Usage | None = None
    ) -> list[said.ServerEvent]:
        """The end, once and for all."""
        assert self.stage is not Stage.DONE
        self.stage = Stage.DONE
        events = self._close(_ITEM_STATUS[ending])
        return [*events, said.ResponseDone(response=self._describe(ending, details, usage))]

    def _open(self) -> list[said.ServerEvent]:
        assert self.stage is Stage.RUNNING
        if self._item:
            return []
        self._item = Message(id=self._item_id, role="assistant", status="in_progress", content=())
        events: list[said.ServerEvent] = [said.OutputItemAdded(response_id=self.id, output_index=0, item=self._item)]
        if self.plan.in_conversation:
            previous = self._conversation.last_id
            self._conversation.add(self._item)
            events.append(said.ItemAdded(previous_item_id=previous, item=self._item))
        part = said.ContentPart(type="audio", transcript="") if self._aloud else said.ContentPart(type="text", text="")
        return [*events, said.ContentPartAdded(**self._place(), part=part)]

    def _close(self, status: Literal["completed", "incomplete"]) -> list[said.ServerEvent]:
        if not self._item:
            return []
        events: list[said.ServerEvent]
        content: Part
        if self._aloud:
            words = self._spoken.text
            content, part = OutputAudio(transcript=words), said.ContentPart(type="audio", transcript=words)
            events = [said.AudioDone(**self._place()), said.TranscriptDone(**self._place(), transcript=words)]
        else:
            content, part = OutputText(text=self._written), said.ContentPart(type="text", text=self._written)
            events = [said.TextDone(**self._place(), text=self._written)]
        self._item = msgspec.structs.replace(self._item, status=status, content=(content,))
        events += [
            said.ContentPartDone(**self._place(), part=part),
            said.OutputItemDone(response_id=self.id, output_index=0, item=self._item),
        ]
        if self.plan.in_conversation:
            self._conversation.replace(self._item)
            if self._aloud:
                self._conversation.speak(self._item.id, self._spoken)
            previous = self._conversation.previous_id(self._item.id)
            events.append(said.ItemDone(previous_item_id=previous, item=self._item))
        return events

    @property
    def _aloud(self) -> bool:
        return self.plan.modality == "audio"

    def _place(self) -> _Place:
        return {"response_id": self.id, "item_id": self._item_id, "output_index": 0, "content_index": 0}

    def _describe(
        self,
        status: said.ResponseStatus,
        details: said.StatusDetails | None = None,
        usage: said.Usage | None = None,
    ) -> said.ResponseObject:
        plan = self.plan
        voice = plan.voice.id if isinstance(plan.voice, CustomVoice) else plan.voice
        return said.ResponseObject(
            id=self.id,
            status=status,
            status_details=details,
            output=(self._item,) if self._item else (),
            conversation_id=self._conversation.id if plan.in_conversation else None,
            output_modalities=(plan.modality,),
            max_output_tokens=plan.max_output_tokens,
            audio=said.OutputSettings(output=said.OutputVoice(format=plan.output_format, voice=voice)),
            usage=usage,
            metadata=plan.metadata,
        )
