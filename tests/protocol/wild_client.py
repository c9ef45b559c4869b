"""A client that says anything at all, of which some makes sense and some is not even JSON."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from realtime.protocol.config import LOGPROBS, RESPONSE_TIMING
from realtime.protocol.items import FunctionCall, Item, McpApprovalRequest, Message
from tests.protocol.client import Client
from tests.protocol.dice import Dice
from tests.protocol.shop import SHOP

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
KEYED = SHOP | {"authorization": "secret", "require_approval": {"never": {"read_only": True}}}
TOOLS: list[list[dict[str, Any]]] = [[], [DANCE], [KEYED, DANCE], [KEYED | {"authorization": "other"}, DANCE]]


def spoken_by(client: Client) -> list[str]:
    """The items that the assistant has said."""
    items = client.witness.items.values()
    return [item.id for item in items if isinstance(item, Message) and item.role == "assistant"]


def calls_of(client: Client) -> list[str]:
    """The ids of all calls of functions."""
    return [item.call_id for item in client.witness.items.values() if isinstance(item, FunctionCall)]


def ids_of(client: Client, kind: type[Item]) -> list[str]:
    """The items of one kind."""
    return [item.id for item in client.witness.items.values() if isinstance(item, kind)]


class WildClient:
    """Makes up events, as JSON would have them."""

    def __init__(self, dice: Dice, servers: bool) -> None:
        """`servers`: whether it has MCP servers."""
        self._dice, self._random = dice, dice.random
        self._tools = TOOLS if servers else TOOLS[:2]

    def session(self) -> dict[str, Any]:
        """What the client asks for first."""
        audio = {"input": self._random.choice(INPUTS)}
        if self._random.random() < 0.1:
            return {"type": "transcription", "audio": audio}
        modality, tools = self._random.choice(["audio", "audio", "text"]), self._random.choice(self._tools)
        return {"type": "realtime", "audio": audio, "output_modalities": [modality], "tools": tools}

    def event(self, client: Client) -> dict[str, Any]:
        """Anything, likelier about what there is."""
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

    def damage(self, text: str) -> bytes:
        """What was to be said, as a network might spoil it."""
        if self._random.random() < 0.1:
            return self._random.choice([b"[]", b"null", b"{}"])
        data = bytearray(text.encode())
        data[self._random.randrange(len(data))] = self._random.randrange(256)
        return bytes(data[: self._random.randrange(len(data)) + 1] if self._random.random() < 0.5 else data)

    def _append(self, client: Client) -> dict[str, Any]:
        audio: Any = base64.b64encode(bytes(self._random.choice([0, 1, 7, 480, 4801, 30_000, 60_000]))).decode()
        return {"type": "input_audio_buffer.append", "audio": self._dice.or_wrong(audio, "AAA", 5)}

    def _plain(self, client: Client) -> dict[str, Any]:
        if self._random.random() < 0.2:
            return self.decide(client)
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
            "audio": {"input": self._dice.some(audio_input), "output": self._dice.some(audio_output)},
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
        return {"type": "session.update", "session": self._dice.or_wrong(kind | self._dice.some(session), {}, 5)}

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
            item = {"type": "function_call_output", "call_id": self._dice.any(calls_of(client)), "output": "danced"}
        if self._random.random() < 0.05:
            item = {"type": "function_call", "name": "dance", "arguments": choose(["{}", "{}", "", "[]"])}
            item |= self._dice.some({"call_id": self._dice.any(calls_of(client))})
        if self._random.random() < 0.6:
            item["id"] = self._new_or_known_id(client)
        event = {"type": "conversation.item.create", "item": item}
        if self._random.random() < 0.4:
            event["previous_item_id"] = choose(["root", self._dice.any(client.witness.order)])
        return event

    def _about_item(self, client: Client) -> dict[str, Any]:
        event: dict[str, Any] = {"item_id": self._dice.any(client.witness.order, client.witness.unheard)}
        match self._random.randrange(3):
            case 0:
                return {"type": "conversation.item.delete"} | event
            case 1:
                return {"type": "conversation.item.retrieve"} | event
        return self.truncate(client)

    def truncate(self, client: Client) -> dict[str, Any]:
        """It has not heard all that was said."""
        return {
            "type": "conversation.item.truncate",
            "item_id": self._dice.any(spoken_by(client), client.witness.order),
            "content_index": self._random.choices([0, 1, -1], [8, 1, 1])[0],
            "audio_end_ms": self._random.choice([0, 1, 10, 15, 100, 10_000, -1, 1.5, 10**20]),
        }

    def _new_or_known_id(self, client: Client) -> str:
        announced = client.witness.ears.announced
        if announced is not None and self._random.random() < 0.2:
            return announced
        if self._random.random() < 0.2:
            return self._dice.any(client.witness.order)
        mine = f"mine_{self._dice.number()}"
        return self._random.choice([mine, mine, "", "root"])

    def decide(self, client: Client) -> dict[str, Any]:
        """It approves a call, or does not."""
        item = {
            "type": "mcp_approval_response",
            "approval_request_id": self._dice.any(
                client.witness.servers.unapproved, ids_of(client, McpApprovalRequest)
            ),
            "approve": self._random.choice([True, True, False]),
        }
        return {"type": "conversation.item.create", "item": item}

    def _create_response(self, client: Client) -> dict[str, Any]:
        choose, some = self._random.choice, self._dice.some
        given = [
            {"type": "item_reference", "id": self._dice.any(client.witness.order)},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": choose(["Hello.", ""])}]},
            {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "AAAA"}]},
        ]
        response = {
            "conversation": choose(["auto", "none", "none", "mine"]),
            "output_modalities": choose([["audio"], ["text"], ["smell"]]),
            "input": self._random.choices(given, [6, 3, 1], k=self._random.randrange(3)),
            "metadata": choose([{"topic": "tea"}, {"topic": 5}]),
            "max_output_tokens": choose(["inf", 100, 0]),
            "audio": {"output": some({"voice": choose(["alloy", "anna"]), "format": {"type": "audio/pcma"}})},
            "tools": choose([*self._tools, [{"type": "function"}]]),
            "tool_choice": choose(["auto", "required", {"type": "mcp", "server_label": "shop", "name": "look"}]),
        }
        if len(self._tools) > 2 and self._random.random() < 0.2:  # a tool that its server has perhaps to tell of first
            own = [KEYED | {"authorization": choose(["secret", "other", "third", "fourth"])}]
            chosen = choose(["required", {"type": "mcp", "server_label": "shop", "name": choose(["look", "jump"])}])
            response |= {"conversation": choose(["auto", "none"]), "tools": own, "tool_choice": chosen}
            names = ("conversation", "tools", "tool_choice")
            return {"type": "response.create", "response": {name: response[name] for name in names}}
        return {"type": "response.create"} | some({"response": some(response)})

    def _cancel(self, client: Client) -> dict[str, Any]:
        return {"type": "response.cancel"} | self._dice.some({"response_id": self._dice.any(client.witness.live)})
