"""Both ends of one session: a client that speaks JSON, and the pipeline that reports. Steps are checked as they happen.

What a client sends goes through `wire.decode`; what it is told goes through `wire.encode` and is held against the
contract. A witness watches. A refused event and a stale report must leave the session as it was, to the last field.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Any, Literal, TypeAlias, TypeVar

import msgspec

from realtime.ids import counting_ids
from realtime.protocol import effects, reports, wire
from realtime.protocol import server_events as said
from realtime.protocol.config import SessionConfig
from realtime.protocol.items import ListedTool, McpError
from realtime.protocol.offer import Offer, StoredPrompt
from realtime.protocol.response import Output
from realtime.protocol.session import Session
from realtime.protocol.session_object import AnySessionObject, TranscriptionSessionObject
from realtime.protocol.tools import McpTool, ToolConfig
from realtime.protocol.wishes import Wish
from tests.protocol.contract import check_event
from tests.protocol.witness import Given, Witness

STARTED = "input_audio_buffer.speech_started"
STOPPED = "input_audio_buffer.speech_stopped"
COMPLETED = "conversation.item.input_audio_transcription.completed"
DELTAS = ["response.output_audio_transcript.delta", "response.output_audio.delta"]
OPENING = ["response.output_item.added", "conversation.item.added", "response.content_part.added"]
AUDIO_CLOSING = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "response.output_item.done",
    "conversation.item.done",
    "response.done",
]
TEXT_CLOSING = ["response.output_text.done", *AUDIO_CLOSING[2:]]
COMMITTING = [
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
    "TranscribeInput",
]

OFFER = Offer(
    voices=frozenset({"anna"}),
    languages=frozenset({"en", "de", "fr"}),
    abilities=frozenset({"tools", "images", "reasoning", "counting"}),
    semantic_turns=True,
    echo_cancellation=True,
    prompts={"greeting": StoredPrompt(instructions="Greet {{ name }} in {{tone}} words.", version="2")},
    max_buffer_ms=2000,
)
"""A server that can do everything."""

MODEST = Offer(voices=frozenset({"anna"}), mcp=False)
"""One that can do nothing more than answer."""

E = TypeVar("E", bound=effects.Effect)
Reason: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass(frozen=True)
class Told:
    """What followed from one step: events as the client reads them, and effects, in their order."""

    outputs: list[dict[str, Any] | effects.Effect]

    @property
    def names(self) -> list[str]:
        """The types of the events and the names of the effects."""
        return [output["type"] if isinstance(output, dict) else type(output).__name__ for output in self.outputs]

    @property
    def events(self) -> list[dict[str, Any]]:
        """What the client was told."""
        return [output for output in self.outputs if isinstance(output, dict)]

    def event(self, type_: str) -> dict[str, Any]:
        """The one event of that type."""
        (event,) = [event for event in self.events if event["type"] == type_]
        return event

    def effect(self, kind: type[E]) -> E:
        """The one effect of that kind."""
        (effect,) = [output for output in self.outputs if isinstance(output, kind)]
        return effect

    @property
    def error(self) -> dict[str, Any]:
        """The error that is the only answer."""
        assert self.names == ["error"], self.names
        error: dict[str, Any] = self.events[0]["error"]
        return error

    @property
    def fault(self) -> tuple[str | None, str | None]:
        """Code and parameter of the error that is the only answer."""
        return self.error["code"], self.error["param"]


class Client:
    """One session with everybody around it."""

    def __init__(self, *, offer: Offer = OFFER, **config: Any) -> None:
        self.new_id = counting_ids()
        self.session = Session(SessionConfig(**{"model": "parrot"} | config), offer, self.new_id)
        self.witness = Witness()

    def open(self) -> Told:
        """The session begins."""
        return self._step(None, self.session.open)

    def send(self, type_: str, **fields: Any) -> Told:
        """The client says something."""
        return self.send_text(json.dumps({"type": type_, **fields}))

    def send_text(self, text: str | bytes) -> Told:
        """The client says something that may not even be an event."""
        try:
            event = wire.decode(text)
        except wire.UnreadableEvent as problem:
            unreadable = problem
            return self._step(unreadable, lambda: self.session.refuse(unreadable, unreadable.event_id))
        return self._step(event, lambda: self.session.receive(event))

    def report(self, report: reports.Report) -> Told:
        """The pipeline says something."""
        return self._step(report, lambda: self.session.receive(report))

    def wish(self, wish: Wish) -> Told:
        """The client wants something that no event says."""
        return self._step(wish, lambda: self.session.receive(wish))

    def _step(self, given: Given, act: Callable[[], list[Output]]) -> Told:
        may_change = given is None or (isinstance(given, reports.Report) and not self.witness.is_stale(given))
        before = None if may_change else snapshot(self.session)
        outputs = act()
        told = Told([self._read(output) for output in outputs])
        self.witness.saw(given, outputs)
        if before is not None and (isinstance(given, reports.Report) or told.names == ["error"]):
            assert snapshot(self.session) == before, f"{given} was refused or stale, yet changed the session"
        if self.witness.settings is not None:
            assert_shows(self.witness.settings, self.session.config)
        assert [item.id for item in self.session._conversation.items] == self.witness.order
        return told

    def _read(self, output: Output) -> dict[str, Any] | effects.Effect:
        return self.read(output) if isinstance(output, said.ServerEvent) else output

    def read(self, event: said.ServerEvent) -> dict[str, Any]:
        """An event as a client reads it."""
        return check_event(wire.encode(event, self.new_id("event")))

    # --- the user's voice ----------------------------------------------------------------------------------------

    def append(self, audio: bytes) -> Told:
        """Audio as it is."""
        return self.send("input_audio_buffer.append", audio=base64.b64encode(audio).decode())

    def append_ms(self, ms: int) -> Told:
        """Silence in the session's format."""
        form = self.session.config.audio.input.format
        return self.append(bytes(ms * form.rate_hz * form.bytes_per_sample // 1000))

    def begin_speech(self, at_ms: int = 0) -> Told:
        """The detector hears speech."""
        return self.report(reports.SpeechBegan(audio_start_ms=at_ms))

    def end_speech(self, at_ms: int = 1000) -> Told:
        """The detector hears that it is over."""
        return self.report(reports.SpeechEnded(audio_end_ms=at_ms))

    def hear_all(self, item_id: str, text: str) -> Told:
        """The transcriber has the words of an item."""
        return self.report(reports.HeardAll(item_id=item_id, text=text, speech_seconds=1.5))

    def not_heard(self, item_id: str) -> Told:
        """The transcriber has failed."""
        return self.report(reports.NotHeard(item_id=item_id, code="engine_failed", message="It broke."))

    def speak(self) -> str:
        """A turn by voice that the detector ends. The id of its item, which has no words yet."""
        self.begin_speech()
        item_id: str = self.end_speech().event("input_audio_buffer.committed")["item_id"]
        return item_id

    def commit(self) -> str:
        """A turn by voice that the client ends. The id of its item, which has no words yet."""
        self.append_ms(200)
        item_id: str = self.send("input_audio_buffer.commit").event("input_audio_buffer.committed")["item_id"]
        return item_id

    def turn(self, words: str = "Hello.") -> str:
        """A turn by voice, put into words; the response it asks for, if it does, is running. The id of its item."""
        item_id = self.speak()
        self.hear_all(item_id, words)
        return item_id

    # --- tools of MCP servers ------------------------------------------------------------------------------------

    def begin_answer(self) -> str:
        """A turn, and the beginning of what is said to it; the response's id."""
        self.turn()
        (response_id,) = self.witness.live
        self.say(response_id, "Well, ", 20)
        return response_id

    def list_tools(self, *names: str, read_only: bool = False) -> Told:
        """The MCP server that is asked for its tools has these."""
        (item_id,) = self.witness.servers.listing
        annotations = {"readOnlyHint": True} if read_only else None
        tools = tuple(ListedTool(name=name, input_schema={"type": "object"}, annotations=annotations) for name in names)
        return self.report(reports.ToolsListed(item_id=item_id, tools=tools))

    def tool_answers(self, item_id: str, output: str = "done") -> Told:
        """A tool has done its work."""
        return self.report(reports.ToolAnswered(item_id=item_id, output=output))

    def tool_fails(self, item_id: str, error: McpError) -> Told:
        """A tool has not."""
        return self.report(reports.ToolFailed(item_id=item_id, error=error))

    def approve(self, request_id: str, approve: bool = True, **fields: Any) -> Told:
        """The client decides about a call."""
        item = {"type": "mcp_approval_response", "approval_request_id": request_id, "approve": approve} | fields
        return self.send("conversation.item.create", item=item)

    # --- items and responses -------------------------------------------------------------------------------------

    def write(self, text: str, **fields: Any) -> Told:
        """The client puts a message of the user into the conversation, in writing."""
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        previous = {"previous_item_id": fields.pop("after")} if "after" in fields else {}
        return self.send("conversation.item.create", item=item | fields, **previous)

    def update(self, **session: Any) -> Told:
        """The client changes its session."""
        return self.send("session.update", session={"type": "realtime", **session})

    def tune(self, **audio_input: Any) -> Told:
        """The client changes how it is listened to."""
        return self.update(audio={"input": audio_input})

    def create(self, **response: Any) -> str:
        """The client asks for a response, and gets one. Its id."""
        told = self.send("response.create", response=response)
        response_id: str = told.event("response.created")["response"]["id"]
        return response_id

    def say(self, response_id: str, text: str, ms: float = 0) -> Told:
        """A reply is spoken."""
        return self.report(reports.Spoke(response_id=response_id, text=text, audio=bytes(int(48 * ms))))

    def call(self, response_id: str, name: str, arguments: str = "{}", call_id: str = "call_1") -> Told:
        """A reply calls a tool. What followed from the end of the call."""
        self.report(reports.CallBegan(response_id=response_id, call_id=call_id, name=name))
        self.report(reports.CallWrote(response_id=response_id, call_id=call_id, text=arguments))
        return self.report(reports.CallEnded(response_id=response_id, call_id=call_id))

    def put(self, response_id: str, text: str) -> Told:
        """A reply is written."""
        return self.report(reports.Wrote(response_id=response_id, text=text))

    def finish(self, response_id: str, reason: Reason = "stop") -> Told:
        """A reply is complete."""
        return self.report(
            reports.Answered(
                response_id=response_id, reason=reason, prompt_tokens=30, cached_tokens=20, completion_tokens=7
            )
        )

    def fail(self, response_id: str) -> Told:
        """A reply cannot go on."""
        return self.report(reports.Failed(response_id=response_id, code="engine_failed", message="It broke."))

    def spoken_item(self, *pieces: tuple[str, float]) -> str:
        """The id of an item that was spoken: pieces of text with the length of their sound in ms."""
        response_id = self.create()
        for text, ms in pieces:
            self.say(response_id, text, ms)
        item_id: str = self.finish(response_id).event("conversation.item.done")["item"]["id"]
        return item_id

    def retrieve(self, item_id: str) -> dict[str, Any]:
        """An item as the server has it."""
        told = self.send("conversation.item.retrieve", item_id=item_id)
        if told.names == ["ShowItem"]:  # whoever keeps the sound sends it
            told = Told([self.read(said.ItemRetrieved(item=told.effect(effects.ShowItem).item))])
        item: dict[str, Any] = told.event("conversation.item.retrieved")["item"]
        return item

    @property
    def order(self) -> list[str]:
        """The ids of the conversation's items, first to last, as a client knows them."""
        return list(self.witness.order)


def assert_shows(shown: AnySessionObject, config: SessionConfig) -> None:
    """The client was shown the configuration that is in effect, all of it but what is secret."""
    if isinstance(shown, TranscriptionSessionObject):
        assert (shown.type, shown.audio.input, shown.include) == (config.type, config.audio.input, config.include)
        return
    for name in set(SessionConfig.__struct_fields__) - {"tools"}:
        assert getattr(shown, name) == getattr(config, name), f"{name} is not what the client was told"
    assert [_labelled(tool) for tool in shown.tools] == [_labelled(tool) for tool in config.tools]
    assert not any(tool.authorization or tool.headers for tool in shown.tools if isinstance(tool, McpTool))


def _labelled(tool: ToolConfig) -> str:
    return f"mcp:{tool.server_label}:{tool.server_url}" if isinstance(tool, McpTool) else repr(tool)


def snapshot(value: object, seen: set[int] | None = None) -> object:
    """All state behind `value`, as plain values that can be compared later. What is held twice is looked at once."""
    seen = set() if seen is None else seen
    match value:
        case msgspec.Struct() | Enum() | str() | bytes() | int() | float() | None:
            return value
        case dict():
            return {key: snapshot(held, seen) for key, held in value.items()}
        case list() | tuple():
            return [snapshot(held, seen) for held in value]
        case set() | frozenset():
            return frozenset(value)
    if callable(value) or id(value) in seen:
        return None
    seen.add(id(value))
    if is_dataclass(value):
        return [snapshot(getattr(value, field.name), seen) for field in fields(value)]
    return {name: snapshot(held, seen) for name, held in vars(value).items()}
