"""The lives of items and responses as their events tell them, and what they must not tell.

An item lives from its first `…added` to its last `…done`; what may come in between, and in which order, depends on
what is being made. A response is the frame around the items of its output.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from realtime.protocol import reports
from realtime.protocol import server_events as said
from realtime.protocol.items import (
    FunctionCall,
    Item,
    McpApprovalRequest,
    McpCall,
    McpListTools,
    Message,
    OutputAudio,
    OutputText,
)

Event: TypeAlias = type[said.ServerEvent]
Course: TypeAlias = dict[Event, tuple[Event, ...]]
"""Which events about an item may come next. Outside the conversation `conversation.item.…` is left out."""

AUDIO_DELTAS = (said.TranscriptDelta, said.AudioDelta)
WHOLE: Course = {said.ItemAdded: (said.ItemDone,)}
SHOWN: Course = {said.OutputItemAdded: (said.ItemAdded,), said.ItemAdded: (said.OutputItemDone,)}
MESSAGE: Course = {
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
}
FUNCTION: Course = {
    said.OutputItemAdded: (said.ItemAdded,),
    said.ItemAdded: (said.FunctionArgumentsDelta, said.FunctionArgumentsDone, said.OutputItemDone),
    said.FunctionArgumentsDelta: (said.FunctionArgumentsDelta, said.FunctionArgumentsDone, said.OutputItemDone),
    said.FunctionArgumentsDone: (said.OutputItemDone,),
}
TOOL: Course = {
    said.OutputItemAdded: (said.ItemAdded,),
    said.ItemAdded: (said.McpArgumentsDelta, said.McpArgumentsDone, said.OutputItemDone),
    said.McpArgumentsDelta: (said.McpArgumentsDelta, said.McpArgumentsDone, said.OutputItemDone),
    said.McpArgumentsDone: (said.McpCallInProgress,),
    said.McpCallInProgress: (said.McpCallCompleted, said.McpCallFailed),
    said.McpCallCompleted: (said.OutputItemDone,),
    said.McpCallFailed: (said.OutputItemDone,),
}
APPROVED_TOOL: Course = {
    said.ItemAdded: (said.McpCallInProgress,),
    said.McpCallInProgress: (said.McpCallCompleted, said.McpCallFailed),
    said.McpCallCompleted: (said.ItemDone,),
    said.McpCallFailed: (said.ItemDone,),
}
LISTING: Course = {
    said.ItemAdded: (said.McpListInProgress,),
    said.McpListInProgress: (said.McpListCompleted, said.McpListFailed),
    said.McpListCompleted: (said.ItemDone,),
    said.McpListFailed: (said.ItemDone,),
}
RESTS = (
    said.ContentPartAdded,
    said.TextDelta,
    *AUDIO_DELTAS,
    said.FunctionArgumentsDelta,
    said.McpArgumentsDelta,
    said.McpCallInProgress,
    said.McpListInProgress,
)
"""After which events about an item something else may happen first."""

Content: TypeAlias = (
    said.ContentPartAdded
    | said.ContentPartDone
    | said.TextDelta
    | said.TextDone
    | said.AudioDelta
    | said.AudioDone
    | said.TranscriptDelta
    | said.TranscriptDone
    | said.FunctionArgumentsDelta
    | said.FunctionArgumentsDone
    | said.McpArgumentsDelta
    | said.McpArgumentsDone
)


@dataclass
class ItemLife:
    """What is known of an item that is being made."""

    item: Item
    course: Course
    in_conversation: bool = True
    output_index: int | None = None
    aloud: bool = False
    last: Event | None = None
    words: str = ""
    """What the deltas have said: of a message, or of a call's arguments."""
    whole: bool = False
    """Whether a call's arguments were said to be."""

    @property
    def over(self) -> bool:
        return self.last is (said.ItemDone if self.in_conversation else said.OutputItemDone)

    @property
    def rests(self) -> bool:
        """Whether the server may be silent about it for a while."""
        begun = said.ItemAdded if self.in_conversation else said.OutputItemAdded
        return self.last in RESTS or (self.course in (FUNCTION, TOOL) and self.last is begun)

    def goes_on(self, event: said.ServerEvent) -> None:
        """Its next event: is this the time for it?"""
        allowed = self._next()
        assert type(event) in allowed, f"{type(event).__name__} after {self.last and self.last.__name__}"
        self.last = type(event)

    def _next(self) -> tuple[Event, ...]:
        if self.last is None:
            return (next(iter(self.course)),)
        if self.last is said.OutputItemDone:
            return (said.ItemDone,) if self.in_conversation else ()
        allowed = self.course[self.last]
        return self.course[said.ItemAdded] if allowed == (said.ItemAdded,) and not self.in_conversation else allowed

    def content(self, event: Content) -> None:
        """An event about what it says."""
        self.goes_on(event)
        assert (event.item_id, event.output_index) == (self.item.id, self.output_index)
        match event:
            case said.TextDelta() | said.TranscriptDelta() | said.FunctionArgumentsDelta() | said.McpArgumentsDelta():
                self.words += event.delta
            case said.TextDone():
                assert not self.aloud
                assert event.text == self.words
            case said.TranscriptDone():
                assert event.transcript == self.words
            case said.AudioDone():
                assert self.aloud
            case said.ContentPartAdded() | said.ContentPartDone():
                assert event.content_index == 0
                assert event.part == self._part(self.words)
            case said.FunctionArgumentsDone() | said.McpArgumentsDone():
                assert event.arguments == self.words
                self.whole = True
        if isinstance(event, said.FunctionArgumentsDelta | said.FunctionArgumentsDone):
            assert isinstance(self.item, FunctionCall)
            assert event.call_id == self.item.call_id
            assert getattr(event, "name", self.item.name) == self.item.name

    def _part(self, words: str) -> said.ContentPart:
        if self.aloud:
            return said.ContentPart(type="audio", transcript=words)
        return said.ContentPart(type="text", text=words)

    def ends_as(self, item: Item, ending_of_tool: Event | None) -> None:
        """The item as it is in the end. `ending_of_tool`: the last that was said of a tool that ran."""
        match item:
            case Message():
                content = OutputAudio(transcript=self.words) if self.aloud else OutputText(text=self.words)
                assert (item.role, item.content) == ("assistant", (content,))
            case FunctionCall():
                assert item.status == ("completed" if self.whole else "incomplete")
                assert item.arguments == self.words
            case McpCall():
                assert item.arguments == self.words
                assert (item.output is not None) == (ending_of_tool is said.McpCallCompleted)
                assert (item.error is not None) == (ending_of_tool is said.McpCallFailed)
            case _:
                assert item == self.item
        assert item.id == self.item.id
        self.item = item


@dataclass
class Life:
    """What is known of a response in progress."""

    created: said.ResponseObject
    outputs: list[ItemLife] = field(default_factory=list)
    asked: said.McpArgumentsDone | None = None
    """The arguments of a call that the client is about to be asked to approve."""
    started: bool = False
    stopped: bool = False
    read: reports.PromptRead | reports.Answered | None = None
    tokens: int = 0
    """What the model has written."""
    writing: set[str] = field(default_factory=set)
    """The call ids of calls whose arguments are being written."""

    @property
    def in_conversation(self) -> bool:
        return self.created.conversation_id is not None

    @property
    def aloud(self) -> bool:
        return self.created.output_modalities == ("audio",)

    def reads(self, report: reports.Report) -> None:
        """What the model has read and written by now."""
        if isinstance(report, reports.CallBegan):
            self.writing.add(report.call_id)
        if isinstance(report, reports.CallEnded):
            self.writing.remove(report.call_id)
        if isinstance(report, reports.PromptRead | reports.Answered):
            self.read = report
        if isinstance(report, reports.Answered):
            self.tokens = report.completion_tokens
        if isinstance(report, reports.Wrote | reports.Spoke):
            self.tokens = report.tokens

    def opens(self, event: said.OutputItemAdded) -> ItemLife:
        """An item of its output is begun."""
        item = event.item
        assert self.started, "content of a response that was never started"
        assert not self.stopped, "an item was begun after the reply was stopped"
        assert event.output_index == len(self.outputs), "output is not counted one by one"
        match item:
            case Message():
                assert item == Message(id=item.id, role="assistant", status="in_progress", content=())
                course = MESSAGE
            case FunctionCall():
                assert (item.status, item.arguments) == ("in_progress", "")
                course = FUNCTION
            case McpCall():
                assert (item.arguments, item.output, item.error, item.approval_request_id) == ("", None, None, None)
                course = TOOL
            case McpApprovalRequest():
                assert self.asked is not None
                assert (item.arguments, event.output_index) == (self.asked.arguments, self.asked.output_index)
                course = SHOWN
            case _:
                raise AssertionError(f"a response does not make {item}")
        self.outputs.append(ItemLife(item, course, self.in_conversation, event.output_index, self.aloud))
        return self.outputs[-1]

    def ends(self, response: said.ResponseObject) -> None:
        """Its `response.done`: does it say what was said before?"""
        assert response.status != "in_progress"
        assert response.output == tuple(self._left(life) for life in self.outputs)
        assert response.status_details is not None
        assert response.status_details.type == response.status
        assert response.metadata == self.created.metadata
        assert self.stopped == (self.started and response.status == "cancelled"), "StopReply does not match the ending"
        for life in self.outputs:
            assert life.over or life.last is said.McpCallInProgress, f"{life.item} is neither whole nor with its tool"
            if isinstance(life.item, Message):
                assert life.item.status == ("completed" if response.status == "completed" else "incomplete")
        usage = response.usage
        assert (usage is None) == (self.read is None), "usage is told of what was read, and of nothing else"
        if usage and self.read:
            assert (usage.input_tokens, usage.output_tokens) == (self.read.prompt_tokens, self.tokens)
            assert usage.total_tokens == usage.input_tokens + usage.output_tokens

    def _left(self, life: ItemLife) -> Item:
        """The item as it is when the response ends: a call whose tool still runs has all of its arguments."""
        if not isinstance(life.item, McpCall) or life.over:
            return life.item
        item = life.item
        return McpCall(id=item.id, server_label=item.server_label, name=item.name, arguments=life.words)


def course_of(item: Item, approved: bool) -> Course:
    """How an item that no response makes will come about."""
    if isinstance(item, McpListTools):
        return LISTING
    return APPROVED_TOOL if approved else WHOLE
