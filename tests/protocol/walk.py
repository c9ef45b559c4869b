"""Random walks: a client, a pipeline and a network that do anything at all, at any time.

A walk is a list of inputs, made up one by one from what the witness knows by then: ids that exist, ids that are over,
ids nobody ever heard of. Identifiers count, so the same inputs lead to the same session, and a walk that fails can be
walked again with inputs left out, until what is left is short enough to read.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from random import Random
from typing import Any, TypeAlias

from realtime.protocol import reports
from realtime.protocol.config import LOGPROBS, RESPONSE_TIMING
from realtime.protocol.items import (
    FunctionCall,
    Item,
    ListedTool,
    McpApprovalRequest,
    McpCall,
    McpExecutionError,
    Message,
)
from realtime.protocol.offer import Offer
from realtime.protocol.server_events import RateLimit
from realtime.protocol.wishes import AnswerRest, EndTurn, SaidAll, Wish
from tests.protocol.client import Client, Told
from tests.protocol.timing import WATERFALL

Input: TypeAlias = str | bytes | Wish | reports.Report
"""Text from the client, a wish of one that has fewer words, or a report from the pipeline."""

STEPS = 150
INPUTS: list[dict[str, Any]] = [
    {},
    {"transcription": {}},
    {"turn_detection": {"interrupt_response": False}, "transcription": {}},
    {"turn_detection": {"create_response": False}},
    {"turn_detection": {"barge_in": "confirmed"}},
    {"turn_detection": {"barge_in": "confirmed"}},
    {"turn_detection": None},
    {"turn_detection": {"idle_timeout_ms": 5000}},
    {"transcription": {"delay": "low"}},
    {"transcription": {"delay": "low"}, "turn_detection": None},
]
DANCE: dict[str, Any] = {"type": "function", "name": "dance", "parameters": {"type": "object"}}
SHOP: dict[str, Any] = {
    "type": "mcp",
    "server_label": "shop",
    "server_url": "https://shop.example/mcp",
    "authorization": "secret",
    "require_approval": {"never": {"read_only": True}},
}
TOOLS: list[list[dict[str, Any]]] = [[], [DANCE], [SHOP, DANCE], [SHOP | {"authorization": "other"}, DANCE]]
WISHES = (EndTurn(), AnswerRest(), AnswerRest(once_called=True), SaidAll())
OFFER = Offer(
    voices=frozenset({"anna"}),
    languages=frozenset({"en", "de"}),
    abilities=frozenset({"tools", "images", "counting"}),
    max_buffer_ms=1500,
)


def begin() -> Client:
    """Where every walk begins."""
    client = Client(offer=OFFER)
    client.open()
    return client


def step(client: Client, given: Input) -> Told:
    """One step; the witness objects to what must not be."""
    match given:
        case str() | bytes():
            return client.send_text(given)
        case EndTurn() | AnswerRest() | SaidAll():
            return client.wish(given)
    return client.report(given)


class Walker:
    """Makes up what happens next."""

    def __init__(self, random: Random, servers: bool = False, wishes: bool = False) -> None:
        """`servers`: whether the walk comes by MCP servers, of which not every dialect knows; `wishes`: by those."""
        self._wishes = wishes
        self._random = random
        self._tools = TOOLS if servers else TOOLS[:2]
        self._calm = random.choice([0.1, 0.5, 0.8])
        """How often the walk does what a well-behaved client and pipeline would do next."""
        self._ids = 0
        self._first = [json.dumps({"type": "session.update", "session": self._session()})]

    def next_input(self, client: Client) -> Input:
        """Anything at all, but likelier something that leads on."""
        if self._first:
            return self._first.pop()
        if self._wishes and self._random.random() < 0.15:
            return self._random.choice(WISHES)
        if self._random.random() < self._calm:
            return self._sensible(client)
        if self._random.random() < 0.5:
            return self._report(client)
        text = json.dumps(self._client_event(client))
        return self._damage(text) if self._random.random() < 0.05 else text

    def _session(self) -> dict[str, Any]:
        """What the client asks for first."""
        audio = {"input": self._random.choice(INPUTS)}
        if self._random.random() < 0.1:
            return {"type": "transcription", "audio": audio}
        modality, tools = self._random.choice(["audio", "audio", "text"]), self._random.choice(self._tools)
        return {"type": "realtime", "audio": audio, "output_modalities": [modality], "tools": tools}

    # --- the pipeline --------------------------------------------------------------------------------------------

    def _sensible(self, client: Client) -> Input:
        witness = client.witness
        running = [id_ for id_, life in witness.live.items() if life.started]
        dice = self._random.random()
        if witness.ears.ducked or (witness.ears.confirms and witness.ears.heard and dice > 0.5):
            return self._doubting()
        if dice < 0.35 and (waiting := self._servers(client)):
            return waiting
        if witness.ears.awaiting and dice < 0.45:
            return reports.NobodySpoke()
        if running and dice < 0.6:
            return self._speaking(client, self._random.choice(running))
        if witness.unheard and dice < 0.8:
            return self._hearing(self._random.choice(sorted(witness.unheard)))
        if self._spoken(client) and dice > 0.95:
            return json.dumps(self._truncate(client))
        if witness.detecting:
            return (
                reports.SpeechEnded(audio_end_ms=900)
                if witness.ears.speaking
                else reports.SpeechBegan(audio_start_ms=0)
            )
        return json.dumps({"type": self._random.choice(["input_audio_buffer.commit", "response.create"])})

    def _report(self, client: Client) -> reports.Report:
        witness = client.witness
        match self._random.randrange(16):
            case 15:
                return self._doubting()
            case 12:
                return reports.NobodySpoke()
            case 13 | 14:
                return self._tool_report(client)
            case 9 if self._random.random() < 0.05:
                return reports.Expired()
            case 0:
                return reports.SpeechBegan(audio_start_ms=self._random.randrange(500))
            case 1 | 2:
                return reports.SpeechEnded(audio_end_ms=self._random.randrange(2000))
            case 3 | 4 | 5 | 6:
                return self._hearing(self._any([witness.ears.following or "nobody"], witness.unheard, witness.order))
            case 7 if self._random.random() < 0.05:
                return reports.Draining()
            case 8 if self._random.random() < 0.05:
                return reports.HungUp()
        return self._speaking(client, self._any(witness.live, witness.made.done))

    def _doubting(self) -> reports.Report:
        options: list[reports.SpeechReport] = [reports.SpeechSuspected(), reports.SpeechDismissed()]
        return self._random.choice([*options, reports.SpeechBegan(audio_start_ms=0)])

    def _hearing(self, item_id: str) -> reports.Report:
        words = self._random.choice(["Hello.", "Stop!", "Go on.", "", " "])
        match self._random.randrange(8):
            case 0 | 1:
                return reports.Heard(item_id=item_id, text=words, words=(reports.HeardWord(words, -0.1),))
            case 2:
                return reports.NotHeard(item_id=item_id, code="engine_failed", message="It broke.")
        return reports.HeardAll(item_id=item_id, text=words, speech_seconds=1.5)

    def _speaking(self, client: Client, response_id: str) -> reports.Report:
        words = self._random.choice(["Well, ", "then.", ""])
        life = client.witness.live.get(response_id)
        match self._random.randrange(23):
            case 0:
                return reports.Began(response_id=response_id)
            case 14 | 15 | 16 | 17 | 18 | 19:
                return self._calling(life.writing if life else set(), response_id)
            case 20:
                return reports.PromptRead(response_id=response_id, prompt_tokens=30, cached_tokens=20)
            case 21:
                limit = RateLimit(name="tokens", limit=100, remaining=60, reset_seconds=1.5)
                return reports.Allowance(response_id=response_id, limits=(limit,))
            case 22:
                return reports.Timed(response_id=response_id, waterfall=WATERFALL)
            case 1:
                return reports.Failed(response_id=response_id, code="engine_failed", message="It broke.")
            case 2 | 3:
                return reports.Answered(
                    response_id=response_id,
                    reason=self._random.choice(["stop", "tool_calls", "length", "content_filter"]),
                    prompt_tokens=30,
                    cached_tokens=20,
                    completion_tokens=7,
                )
        if life.aloud if life else self._random.random() < 0.5:
            return reports.Spoke(
                response_id=response_id, text=words, audio=self._random.randbytes(self._random.choice([0, 7, 480]))
            )
        return reports.Wrote(response_id=response_id, text=words, tokens=self._random.randrange(9))

    def _calling(self, writing: set[str], response_id: str) -> reports.Report:
        if not writing or self._random.random() < 0.2:
            self._ids += 1
            name = self._random.choice(["dance", "buy", "look", "look"])
            return reports.CallBegan(response_id=response_id, call_id=f"call_{self._ids}", name=name)
        call_id = self._random.choice(sorted(writing))
        if self._random.random() < 0.5:
            return reports.CallEnded(response_id=response_id, call_id=call_id)
        return reports.CallWrote(response_id=response_id, call_id=call_id, text=self._random.choice(["{", "}", ""]))

    def _servers(self, client: Client) -> Input | None:
        """What would happen next with the MCP servers, if anything is to."""
        servers = client.witness.servers
        if servers.unapproved and self._random.random() < 0.5:
            return json.dumps(self._decide(client))
        return self._tool_report(client) if servers.listing or servers.calling else None

    def _tool_report(self, client: Client) -> reports.Report:
        servers = client.witness.servers
        if self._random.random() < 0.5:
            item_id = self._any(servers.listing, client.witness.order)
            if self._random.random() < 0.2:
                return reports.ToolsNotListed(item_id=item_id)
            tools = tuple(
                ListedTool(name=name, input_schema={}, annotations={"readOnlyHint": name == "look"})
                for name in ("buy", "look")
            )
            return reports.ToolsListed(item_id=item_id, tools=tools)
        item_id = self._any(servers.calling, self._ids_of(client, McpCall))
        if self._random.random() < 0.5:
            return reports.ToolFailed(item_id=item_id, error=McpExecutionError(message="It broke."))
        return reports.ToolAnswered(item_id=item_id, output="Done.")

    # --- the client ----------------------------------------------------------------------------------------------

    def _client_event(self, client: Client) -> dict[str, Any]:
        make: Callable[[Client], dict[str, Any]] = self._random.choice(
            [
                self._append,
                self._append,
                self._plain,
                self._plain,
                self._update,
                self._switch_turns,
                self._create_item,
                self._create_item,
                self._about_item,
                self._about_item,
                self._create_response,
                self._create_response,
                self._cancel,
            ]
        )
        event = make(client)
        if self._random.random() < 0.5:
            event["event_id"] = self._random.choice(["mine", "", "x" * 512, "x" * 513, 5, None])
        return event

    def _append(self, client: Client) -> dict[str, Any]:
        audio: Any = base64.b64encode(bytes(self._random.choice([0, 1, 7, 480, 4801, 30_000, 60_000]))).decode()
        return {"type": "input_audio_buffer.append", "audio": self._or_wrong(audio, "AAA", 5)}

    def _plain(self, client: Client) -> dict[str, Any]:
        if self._random.random() < 0.2:
            return self._decide(client)
        types = ["input_audio_buffer.commit", "input_audio_buffer.clear", "output_audio_buffer.clear", "no.such.event"]
        return {"type": self._random.choices(types, [6, 2, 1, 1])[0]}

    def _update(self, client: Client) -> dict[str, Any]:
        choose = self._random.choice
        detection = [
            None,
            {"type": "server_vad"},
            {"create_response": choose([True, False])},
            {"type": "server_vad", "interrupt_response": choose([True, False]), "threshold": choose([0.3, 0.7, 3])},
            {"type": "server_vad", "idle_timeout_ms": choose([None, 5000, 6000, 1])},
            {"type": "semantic_vad"},
            {"barge_in": choose(["immediate", "confirmed", "confirmed", "perhaps"])},
        ]
        audio_input = {
            "format": choose([{"type": "audio/pcm"}, {"type": "audio/pcmu"}, {"type": "audio/pcma"}, {"type": "x"}]),
            "transcription": choose([None, {}, {"language": "de"}, {"langauge": "de"}, {"delay": "low"}]),
            "turn_detection": choose(detection),
            "noise_reduction": choose([None, {"type": "near_field"}]),
        }
        audio_output = {
            "format": choose([{"type": "audio/pcm"}, {"type": "audio/pcmu"}]),
            "voice": choose(["alloy", "anna", "otto", {"id": "anna"}]),
            "speed": choose([1.0, 1.5, 9]),
        }
        session = {
            "audio": {"input": self._some(audio_input), "output": self._some(audio_output)},
            "instructions": choose(["", "Be brief.", 5]),
            "output_modalities": choose([["audio"], ["text"], []]),
            "model": choose(["parrot", "parrot", "cockatoo"]),
            "tools": choose(
                [*self._tools, *self._tools, [{"type": "function"}], [{"type": "mcp", "server_label": "shop"}]]
            ),
            "tool_choice": choose(["auto", "none", "required", {"type": "mcp", "server_label": "shop"}]),
            "truncation": choose(["auto", "disabled", {"type": "retention_ratio", "retention_ratio": 0.5}]),
            "tracing": choose([None, "auto", {"workflow_name": "tea"}]),
            "reasoning": choose([None, None, {"effort": "low"}]),
            "include": choose([None, [LOGPROBS], [RESPONSE_TIMING]]),
        }
        kind = {"type": "transcription" if self._random.random() < 0.1 else "realtime"}
        return {"type": "session.update", "session": self._or_wrong(kind | self._some(session), {}, 5)}

    def _switch_turns(self, client: Client) -> dict[str, Any]:
        detection = None if client.witness.detecting else {"type": "server_vad"}
        session = {"type": "realtime", "audio": {"input": {"turn_detection": detection}}}
        return {"type": "session.update", "session": session}

    def _create_item(self, client: Client) -> dict[str, Any]:
        choose = self._random.choice
        audio = base64.b64encode(bytes(480)).decode()
        parts = [
            {"type": "input_text", "text": choose(["Hello.", "", " "])},
            {"type": "input_audio", "audio": audio},
            {"type": "input_audio", "transcript": "Hello."},
            {"type": "output_text", "text": "Good morning."},
            {"type": "output_audio", "transcript": "Good morning."},
            {"type": "input_image", "image_url": choose(["data:", "data:image/png;base64,"])},
        ]
        weights = [8, 4, 2, 2, 1, 1]
        item: dict[str, Any] = {
            "type": "message",
            "role": self._random.choices(["user", "assistant", "system", "critic"], [6, 2, 2, 1])[0],
            "content": self._random.choices(parts, weights, k=self._random.choice([0, 1, 1, 1, 2])),
        }
        if self._random.random() < 0.1:
            item = {"type": "function_call_output", "call_id": self._any(self._calls(client)), "output": "danced"}
        if self._random.random() < 0.05:
            item = {"type": "function_call", "name": "dance", "arguments": choose(["{}", "{}", "", "[]"])}
            item |= self._some({"call_id": self._any(self._calls(client))})
        if self._random.random() < 0.6:
            item["id"] = self._new_or_known_id(client)
        event = {"type": "conversation.item.create", "item": item}
        if self._random.random() < 0.4:
            event["previous_item_id"] = choose(["root", self._any(client.witness.order)])
        return event

    def _about_item(self, client: Client) -> dict[str, Any]:
        event: dict[str, Any] = {"item_id": self._any(client.witness.order, client.witness.unheard)}
        match self._random.randrange(3):
            case 0:
                return {"type": "conversation.item.delete"} | event
            case 1:
                return {"type": "conversation.item.retrieve"} | event
        return self._truncate(client)

    def _truncate(self, client: Client) -> dict[str, Any]:
        return {
            "type": "conversation.item.truncate",
            "item_id": self._any(self._spoken(client), client.witness.order),
            "content_index": self._random.choices([0, 1, -1], [8, 1, 1])[0],
            "audio_end_ms": self._random.choice([0, 1, 10, 15, 100, 10_000, -1, 1.5, 10**20]),
        }

    def _spoken(self, client: Client) -> list[str]:
        items = client.witness.items.values()
        return [item.id for item in items if isinstance(item, Message) and item.role == "assistant"]

    def _calls(self, client: Client) -> list[str]:
        return [item.call_id for item in client.witness.items.values() if isinstance(item, FunctionCall)]

    def _ids_of(self, client: Client, kind: type[Item]) -> list[str]:
        return [item.id for item in client.witness.items.values() if isinstance(item, kind)]

    def _decide(self, client: Client) -> dict[str, Any]:
        item = {
            "type": "mcp_approval_response",
            "approval_request_id": self._any(
                client.witness.servers.unapproved, self._ids_of(client, McpApprovalRequest)
            ),
            "approve": self._random.choice([True, True, False]),
        }
        return {"type": "conversation.item.create", "item": item}

    def _create_response(self, client: Client) -> dict[str, Any]:
        choose = self._random.choice
        given = [
            {"type": "item_reference", "id": self._any(client.witness.order)},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": choose(["Hello.", ""])}]},
            {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "AAAA"}]},
        ]
        response = {
            "conversation": choose(["auto", "none", "none", "mine"]),
            "output_modalities": choose([["audio"], ["text"], ["smell"]]),
            "input": self._random.choices(given, [6, 3, 1], k=self._random.randrange(3)),
            "metadata": choose([{"topic": "tea"}, {"topic": 5}]),
            "max_output_tokens": choose(["inf", 100, 0]),
            "audio": {"output": self._some({"voice": choose(["alloy", "anna"]), "format": {"type": "audio/pcma"}})},
            "tools": choose([*self._tools, [{"type": "function"}]]),
            "tool_choice": choose(["auto", "required", {"type": "mcp", "server_label": "shop", "name": "look"}]),
        }
        if len(self._tools) > 2 and self._random.random() < 0.2:  # a tool that its server has perhaps to tell of first
            own = [SHOP | {"authorization": choose(["secret", "other", "third", "fourth"])}]
            chosen = choose(["required", {"type": "mcp", "server_label": "shop", "name": choose(["look", "jump"])}])
            response |= {"conversation": choose(["auto", "none"]), "tools": own, "tool_choice": chosen}
            names = ("conversation", "tools", "tool_choice")
            return {"type": "response.create", "response": {name: response[name] for name in names}}
        return {"type": "response.create"} | self._some({"response": self._some(response)})

    def _cancel(self, client: Client) -> dict[str, Any]:
        return {"type": "response.cancel"} | self._some({"response_id": self._any(client.witness.live)})

    # --- dice ----------------------------------------------------------------------------------------------------

    def _any(self, *known: Any) -> str:
        """An id out of `known`, likelier out of the first; sometimes one nobody ever heard of."""
        for ids in known:
            if ids and self._random.random() < 0.7:
                return str(self._random.choice(sorted(ids)))
        return "nobody"

    def _new_or_known_id(self, client: Client) -> str:
        announced = client.witness.ears.announced
        if announced is not None and self._random.random() < 0.2:
            return announced
        if self._random.random() < 0.2:
            return self._any(client.witness.order)
        self._ids += 1
        return self._random.choice([f"mine_{self._ids}", f"mine_{self._ids}", "", "root"])

    def _some(self, fields: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in fields.items() if self._random.random() < 0.4}

    def _or_wrong(self, right: Any, *wrong: Any) -> Any:
        return self._random.choice(wrong) if self._random.random() < 0.05 else right

    def _damage(self, text: str) -> bytes:
        if self._random.random() < 0.1:
            return self._random.choice([b"[]", b"null", b"{}"])
        data = bytearray(text.encode())
        data[self._random.randrange(len(data))] = self._random.randrange(256)
        return bytes(data[: self._random.randrange(len(data)) + 1] if self._random.random() < 0.5 else data)
