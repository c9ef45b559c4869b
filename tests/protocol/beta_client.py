"""A session whose client speaks the beta: what it is told is held against the contract and heard by an old client."""

from __future__ import annotations

import json
from typing import Any, Literal

from realtime.ids import counting_ids
from realtime.protocol import beta, reports, wire
from realtime.protocol import server_events as said
from realtime.protocol.config import SessionType, first_config
from realtime.protocol.effects import Effect
from realtime.protocol.offer import Offer
from realtime.protocol.response import Output
from realtime.protocol.session import Session
from tests.protocol.beta_contract import check_beta_event
from tests.protocol.old_client import OldClient

OFFER = Offer(voices=frozenset({"anna"}), abilities=frozenset({"tools"}), semantic_turns=True)

TOOL: dict[str, Any] = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a town.",
    "parameters": {"type": "object", "properties": {"town": {"type": "string"}}},
}


class BetaClient:
    """One client, its session, and the pipeline behind it."""

    def __init__(self, session_type: SessionType = "realtime") -> None:
        self.old = OldClient()
        self.told: list[dict[str, Any]] = []
        self.effects: list[Effect] = []
        self._new_id = counting_ids()
        self.session = Session(first_config("parrot", "Be kind.", session_type), OFFER, self._new_id)
        self.opening = self._hear(self.session.open())

    def send(self, type_: str, **fields: Any) -> list[dict[str, Any]]:
        """The client says something. What it is told in answer."""
        try:
            event = beta.decode(json.dumps({"type": type_, **fields}))
        except wire.UnreadableEvent as problem:
            return self._hear(self.session.refuse(problem, problem.event_id))
        return self._hear(self.session.receive(event))

    def update(self, **session: Any) -> dict[str, Any]:
        """The client changes its session. The session it is shown."""
        (event,) = self.send("session.update", session=session)
        assert event["type"] == "session.updated", event
        shown: dict[str, Any] = event["session"]
        return shown

    def error(self, type_: str, **fields: Any) -> dict[str, Any]:
        """The client says something wrong. The error that is the only answer."""
        (event,) = self.send(type_, **fields)
        assert event["type"] == "error", event
        error: dict[str, Any] = event["error"]
        return error

    def report(self, *told: reports.Report) -> list[dict[str, Any]]:
        """The pipeline says something. What the client is told."""
        return [event for report in told for event in self._hear(self.session.receive(report))]

    def write(self, text: str) -> list[dict[str, Any]]:
        """The client puts a message of the user into the conversation."""
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        return self.send("conversation.item.create", item=item)

    def create(self, **response: Any) -> str:
        """The client asks for a response. Its id."""
        created = self.send("response.create", response=response)[0]
        assert created["type"] == "response.created", created
        response_id: str = created["response"]["id"]
        return response_id

    def speak(self) -> str:
        """A turn by voice. The id of its item, which has no words yet."""
        self.report(reports.SpeechBegan(audio_start_ms=0), reports.SpeechEnded(audio_end_ms=900))
        return str(self.last("input_audio_buffer.committed")["item_id"])

    def say(self, response_id: str, text: str, audio: bytes = b"") -> list[dict[str, Any]]:
        """A reply is spoken."""
        return self.report(reports.Spoke(response_id=response_id, text=text, audio=audio, tokens=1))

    def put(self, response_id: str, text: str) -> list[dict[str, Any]]:
        """A reply is written."""
        return self.report(reports.Wrote(response_id=response_id, text=text, tokens=1))

    def finish(self, response_id: str, reason: Literal["stop", "length"] = "stop") -> list[dict[str, Any]]:
        """A reply is complete."""
        return self.report(
            reports.Answered(
                response_id=response_id, reason=reason, prompt_tokens=30, cached_tokens=20, completion_tokens=7
            )
        )

    def last(self, type_: str) -> dict[str, Any]:
        """The last event of that type."""
        return next(event for event in reversed(self.told) if event["type"] == type_)

    def _hear(self, outputs: list[Output]) -> list[dict[str, Any]]:
        heard = []
        for output in outputs:
            if isinstance(output, said.ServerEvent):
                heard += [check_beta_event(text) for text in beta.encode(output, lambda: self._new_id("event"))]
            else:
                self.effects.append(output)
        for event in heard:
            self.old.hear(event)
        self.told += heard
        return heard
