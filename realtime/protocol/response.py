"""The life of one response, and the events that tell it.

    waiting ──start──▶ running ──finish──▶ done
       └──────────────finish───────────────▶

A response is created *waiting* while words of the user's audio are still missing from its context, and *running* once
the pipeline has been asked to make it. An output item opens with its first content and closes in `finish` at the
latest, whatever the reason: every `…added` has its `…done` and each response exactly one `response.done`. Only a call
of an MCP server's tool is closed by the tool's end, which may come later (`tool_servers`). Reports of a response that
is done are stale, and ignored by whoever holds the responses (`responses`).

Order (OpenAI): response.created → rate_limits.updated → output_item.added → conversation.item.added →
content_part.added → deltas → output_audio.done / output_audio_transcript.done / output_text.done → content_part.done →
output_item.done → conversation.item.done → response.done. A call has function_call_arguments.delta and .done, or
mcp_call_arguments.delta and .done, in place of the content part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TypeAlias

from realtime.ids import NewId
from realtime.protocol import reports
from realtime.protocol import server_events as said
from realtime.protocol.config import AudioFormat, CustomVoice, Effort, MaxTokens, Modality, Truncation
from realtime.protocol.conversation import Conversation
from realtime.protocol.effects import Effect, StartReply
from realtime.protocol.items import Item, ItemReference, McpApprovalRequest, McpCall
from realtime.protocol.output import CallOutput, MessageOutput
from realtime.protocol.slot import Slot
from realtime.protocol.timing import ResponseTiming, Waterfall
from realtime.protocol.tool_servers import ToolServers
from realtime.protocol.toolbox import NO_TOOLS, Listed, Toolbox
from realtime.protocol.tools import McpTool

Context: TypeAlias = tuple[Item | ItemReference, ...]
Output: TypeAlias = said.ServerEvent | Effect


@dataclass(frozen=True, slots=True)
class Unlisted:
    """MCP servers that have not told their tools yet, though one of these has to be called."""

    servers: tuple[McpTool, ...]
    fill: Callable[[Listed], Toolbox]
    """The toolbox once they have; `InvalidRequest` when what was chosen is not in it."""


class Stage(Enum):
    """How far a response has come."""

    WAITING = auto()
    RUNNING = auto()
    DONE = auto()


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
    toolbox: Toolbox = NO_TOOLS
    unlisted: Unlisted | None = None
    """What the toolbox waits for."""
    parallel_tool_calls: bool = True
    temperature: float | None = None
    effort: Effort | None = None
    truncation: Truncation = "auto"
    even_without_words: bool = False
    """Whether it answers also when the user has said nothing."""


def start_reply(response_id: str, plan: Plan, items: tuple[Item, ...]) -> StartReply:
    """What the pipeline needs to know of a planned response."""
    return StartReply(
        response_id=response_id,
        instructions=plan.instructions,
        items=items,
        modality=plan.modality,
        max_output_tokens=plan.max_output_tokens,
        output_format=plan.output_format,
        voice=plan.voice,
        speed=plan.speed,
        tools=plan.toolbox.tools,
        tool_choice=plan.toolbox.choice,
        parallel_tool_calls=plan.parallel_tool_calls,
        temperature=plan.temperature,
        effort=plan.effort,
        truncation=plan.truncation,
        in_conversation=plan.in_conversation,
    )


class Response:
    """One response. Its methods return the events that tell the client what happened."""

    def __init__(
        self, response_id: str, plan: Plan, conversation: Conversation, servers: ToolServers, new_id: NewId
    ) -> None:
        self.id = response_id
        self.plan = plan
        self.stage = Stage.WAITING
        self._conversation = conversation
        self._servers = servers
        self._new_id = new_id
        self._outputs: list[MessageOutput | CallOutput | McpApprovalRequest] = []
        self._message: MessageOutput | None = None
        """The message that the model writes, while it does."""
        self._calls: dict[str, CallOutput] = {}
        """The calls that the model writes, by call id, until their arguments are whole."""
        self._read: reports.PromptRead | reports.Answered | None = None
        self._tokens_written = 0

    def created(self) -> list[Output]:
        """The client may know of it."""
        return [said.ResponseCreated(response=self._describe("in_progress"))]

    def fill_toolbox(self) -> None:
        """All that its tools depend on has been told; `InvalidRequest` when what was chosen is not there."""
        if self.plan.unlisted:
            self.plan = replace(self.plan, toolbox=self.plan.unlisted.fill(self._servers.listed), unlisted=None)

    def start(self, items: tuple[Item, ...]) -> StartReply:
        """Ask the pipeline to make it."""
        assert self.stage is Stage.WAITING
        self.stage = Stage.RUNNING
        return start_reply(self.id, self.plan, items)

    def count(self, read: reports.PromptRead | reports.Answered) -> None:
        """What the model has read; at the end, also what it has written."""
        self._read = read
        if isinstance(read, reports.Answered):
            self._tokens_written = read.completion_tokens

    def begin(self) -> list[Output]:
        """The model has begun to answer in words: a message opens."""
        assert self.stage is Stage.RUNNING
        if self._message:
            return []
        plan = self.plan
        message = MessageOutput(self._new_id("item"), self._next_slot(), plan.modality, plan.output_format)
        self._outputs.append(message)
        self._message = message
        return [*message.begin()]

    def write(self, text: str, tokens: int) -> list[Output]:
        """The next text of a written answer, of which there are `tokens` by now."""
        events = self.begin()
        self._tokens_written = tokens
        assert self._message
        return [*events, *self._message.write(text)]

    def speak(self, text: str, audio: bytes, tokens: int) -> list[Output]:
        """The next sound of a spoken answer, and the words that begin in it."""
        events = self.begin()
        self._tokens_written = tokens
        assert self._message
        return [*events, *self._message.speak(text, audio)]

    def time(self, waterfall: Waterfall) -> list[Output]:
        """How long it was until there was something to be heard, or read."""
        assert self.stage is Stage.RUNNING
        if self._message is None:
            return []
        return [ResponseTiming(response_id=self.id, item_id=self._message.item.id, timing=waterfall)]

    def begin_call(self, call_id: str, name: str) -> list[Output]:
        """The model calls one of its tools."""
        assert self.stage is Stage.RUNNING
        assert call_id not in self._calls
        tool = next((tool for tool in self.plan.toolbox.tools if tool.name == name), None)
        remote = tool.remote if tool else None
        call = CallOutput(self._new_id("item"), self._next_slot(), call_id, name, remote)
        self._calls[call_id] = call
        if not call.asks_before:
            self._outputs.append(call)
        return [*call.begin()]

    def write_call(self, call_id: str, arguments: str) -> list[Output]:
        """The next piece of a call's arguments."""
        assert self.stage is Stage.RUNNING
        call = self._calls.get(call_id)
        return [*call.write(arguments)] if call else []

    def end_call(self, call_id: str) -> list[Output]:
        """A call's arguments are whole: the client makes it, or this server does, perhaps after asking."""
        assert self.stage is Stage.RUNNING
        call = self._calls.pop(call_id)
        if call.asks_before:
            call.slot = self._next_slot()  # where the client is asked; until now it was shown nothing
        written: list[Output] = [*call.written()]
        if call.remote is None:
            return written
        assert isinstance(call.item, McpCall)
        if not call.asks_before:
            return [*written, *self._servers.call(call.item, call.remote, call.slot.output_index, call.finish)]
        request = self._servers.ask(call.item, call.remote, call.slot.output_index)
        self._outputs.append(request)
        return [*written, *call.slot.begin(request), *call.slot.finish(request)]

    def finish(self, ending: said.Ending, details: said.StatusDetails) -> list[Output]:
        """The end, once and for all."""
        assert self.stage is not Stage.DONE
        self.stage = Stage.DONE
        events: list[Output] = []
        if self._message:
            events += self._message.finish("completed" if ending == "completed" else "incomplete")
        for call in self._calls.values():
            events += call.break_off()
        return [*events, said.ResponseDone(response=self._describe(ending, details))]

    def _next_slot(self) -> Slot:
        conversation = self._conversation if self.plan.in_conversation else None
        return Slot(response_id=self.id, output_index=len(self._outputs), conversation=conversation)

    def _describe(self, status: said.ResponseStatus, details: said.StatusDetails | None = None) -> said.ResponseObject:
        plan = self.plan
        voice = plan.voice.id if isinstance(plan.voice, CustomVoice) else plan.voice
        return said.ResponseObject(
            id=self.id,
            status=status,
            status_details=details,
            output=tuple(_item(output) for output in self._outputs),
            conversation_id=self._conversation.id if plan.in_conversation else None,
            output_modalities=(plan.modality,),
            max_output_tokens=plan.max_output_tokens,
            audio=said.OutputSettings(output=said.OutputVoice(format=plan.output_format, voice=voice)),
            usage=_usage(self._read, self._tokens_written) if self._read else None,
            metadata=plan.metadata,
        )


def _item(output: MessageOutput | CallOutput | McpApprovalRequest) -> Item:
    return output if isinstance(output, McpApprovalRequest) else output.item


def _usage(read: reports.PromptRead | reports.Answered, written: int) -> said.Usage:
    return said.Usage(
        total_tokens=read.prompt_tokens + written,
        input_tokens=read.prompt_tokens,
        output_tokens=written,
        input_token_details=said.InputTokens(
            text_tokens=read.prompt_tokens,
            cached_tokens=read.cached_tokens,
            cached_tokens_details=said.CachedTokens(text_tokens=read.cached_tokens),
        ),
        output_token_details=said.OutputTokens(text_tokens=written),
    )
