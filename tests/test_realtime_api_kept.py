"""What docs/realtime-api.md promises is so: what is honoured is taken, and what is refused is refused as it says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api_document import ROWS, rows, rows_of
from tests.api_fields import Place
from tests.protocol.client import MODEST, OFFER, Client

# --- what a client may set ---------------------------------------------------------------------------------------

FUNCTION = {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}}
SERVER = {
    "type": "mcp",
    "server_label": "kitchen",
    "server_url": "https://kitchen.example/mcp",
    "authorization": "key",
    "headers": {"a": "b"},
    "server_description": "cooks",
    "allowed_tools": {"tool_names": ["boil"], "read_only": False},
    "require_approval": {
        "always": {"tool_names": ["boil"], "read_only": False},
        "never": {"tool_names": ["fry"], "read_only": True},
    },
}
PROMPT = {
    "id": "greeting",
    "version": "2",
    "variables": {"name": {"type": "input_text", "text": "Ann"}, "tone": "warm"},
}
SOUND = {"format": {"type": "audio/pcm", "rate": 24000}, "speed": 1.2, "voice": {"id": "anna"}}
HEARD = {
    "format": {"type": "audio/pcm", "rate": 24000},
    "transcription": {
        **{"model": "whisper-1", "language": "en", "languages": ["de"], "keywords": ["Seine"]},
        **{"prompt": "France", "delay": "low"},
    },
    "noise_reduction": {"type": "near_field", "strength": 0.5},
    "echo_cancellation": {"type": "server", "delay_ms": 100},
    "turn_detection": {
        **{"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500},
        **{"idle_timeout_ms": 5000, "create_response": False, "interrupt_response": False},
        "barge_in": "confirmed",
    },
}
COMMON = {
    **{"instructions": "Be brief.", "output_modalities": ["audio"], "max_output_tokens": 99, "temperature": 0.7},
    **{"tools": [FUNCTION, SERVER], "tool_choice": {"type": "function", "name": "f"}, "parallel_tool_calls": True},
    **{"prompt": PROMPT, "reasoning": {"effort": "low"}},
}
SESSION = COMMON | {
    "type": "realtime",
    "model": "parrot",
    "audio": {"input": HEARD, "output": SOUND},
    "include": ["item.input_audio_transcription.logprobs", "response.timing"],
    "truncation": {"type": "retention_ratio", "retention_ratio": 0.5, "token_limits": {"post_instructions": 99}},
    "tracing": {"workflow_name": "w", "group_id": "g", "metadata": {"a": "b"}},
}
MESSAGE = {"type": "message", "object": "realtime.item", "status": "completed"}
ITEMS: list[dict[str, Any]] = [
    MESSAGE
    | {"id": "m", "role": "user", "content": [{"type": "input_image", "image_url": "https://x", "detail": "low"}]},
    MESSAGE | {"role": "user", "content": [{"type": "input_audio", "audio": "AAAA", "transcript": "Hello."}]},
    MESSAGE | {"role": "assistant", "content": [{"type": "output_text", "text": "Hello."}]},
    MESSAGE | {"type": "function_call", "id": "c", "name": "f", "arguments": "{}", "call_id": "call_7"},
    MESSAGE | {"type": "function_call_output", "id": "o", "call_id": "call_7", "output": "done"},
    {
        **{"type": "mcp_call", "id": "r", "server_label": "kitchen", "name": "boil", "arguments": "{}"},
        **{"approval_request_id": "mcpr_9", "output": None},
        "error": {"type": "http_error", "code": 502, "message": "gone"},
    },
]
APPROVAL = {"type": "mcp_approval_response", "id": "a", "approval_request_id": "mcpr_1", "approve": True, "reason": "r"}
RESPONSE = COMMON | {
    **{"audio": {"output": SOUND}, "conversation": "none", "metadata": {"a": "b"}},
    "input": [ITEMS[2], {"type": "item_reference", "id": "m"}],
}
EVENTS: list[dict[str, Any]] = [
    {"type": "session.update", "session": SESSION},
    {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "tool_choice": {"type": "mcp", "server_label": "kitchen", "name": "boil"},
            "audio": {"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "low"}}},
        },
    },
    *({"type": "conversation.item.create", "item": item, "previous_item_id": None} for item in ITEMS),
    {"type": "conversation.item.retrieve", "item_id": "m"},
    {"type": "response.create", "response": RESPONSE},
    {"type": "response.cancel", "response_id": "resp_1"},
    {
        "type": "response.create",
        "response": {
            "input": [],
            "tool_choice": {"type": "mcp", "server_label": "kitchen", "name": "boil"},
        },
    },
    {"type": "conversation.item.delete", "item_id": "m"},
    {"type": "input_audio_buffer.append", "audio": "AAAA" * 4000},
    {"type": "input_audio_buffer.clear"},
    {"type": "session.update", "session": {"type": "realtime", "audio": {"input": {"turn_detection": None}}}},
    {"type": "input_audio_buffer.append", "audio": "AAAA" * 4000},
    {"type": "input_audio_buffer.commit"},
]
"""A conversation in which everything that a client may set is set."""

OUTSIDE = {"conversation.item.truncate", "output_audio_buffer.clear"}
"""One needs an answer that was spoken, the other is refused: both have a test of their own."""


# --- what is honoured --------------------------------------------------------------------------------------------


def named(event: dict[str, Any]) -> set[Place]:
    """Every field in an event, where the document has it."""
    base = f"Client events {event['type']}"
    found = {("Client events", event["type"])}
    for name, value in event.items():
        if name != "type":
            found |= {(base, name)} | set(_below(value, base, name))
    return found


def _below(value: Any, section: str, path: str) -> Iterator[Place]:
    if path == "session":
        section = "The session"
    elif path == "response":
        section = "What a response is asked for"
    if isinstance(value, list):
        for element in value:
            yield from _below(element, section, f"{path}[]")
    elif isinstance(value, dict):
        kind = str(value.get("type", ""))
        if path.endswith("tools[]"):
            section, path = "Tools", kind
        elif path == "item" or path.endswith("input[]"):
            section, path = "Items", kind
        for name, inner in value.items():
            inside = f"{path}{{}}" if path.endswith("prompt.variables") else f"{path}.{name}"
            if not path.endswith((".metadata", ".headers", ".parameters")):
                yield section, inside
                yield from _below(inner, section, inside)


def test_what_is_honoured_is_taken() -> None:
    """All of it, in one conversation."""
    client = Client(offer=OFFER)
    client.open()
    for event in EVENTS:
        if event.get("response") and event["response"].get("tool_choice", {}).get("type") == "mcp":
            client.list_tools("boil")
        told = client.send(**{"type_" if name == "type" else name: value for name, value in event.items()})
        assert "error" not in told.names, (event, told.events)


def test_everything_that_is_honoured_is_tried() -> None:
    """By the conversation above."""
    tried = set().union(*map(named, [*EVENTS, {"type": "conversation.item.create", "item": APPROVAL}]))
    promised = {
        place for place in rows_of("honoured", "ours", "no effect", "sent") if not place[0].startswith("Server")
    }
    untried = {place for place in promised - tried if place[1] not in OUTSIDE and place[0].split()[-1] not in OUTSIDE}
    assert sorted(untried) == []


# --- what is refused ---------------------------------------------------------------------------------------------


def refusals() -> Iterator[tuple[Place, dict[str, Any]]]:
    """For every row that says so, an event that sets the field."""
    for section, path in rows_of("refused"):
        *_, field = path.split("{}.")[-1].split(".")
        if section == "Items":
            kind = path.split(".")[0]
            given = {"type": kind, "server_label": "l"} | ({} if "list" in kind else {"name": "n", "arguments": "{}"})
            yield (section, path), {"type": "conversation.item.create", "item": given}
        elif section == "Tools":
            value = {"allowed_callers": ["programmatic"], "defer_loading": True}.get(field, "x")
            tool = {"type": "mcp", "server_label": "l", field: value}
            yield (section, path), {"type": "session.update", "session": {"type": "realtime", "tools": [tool]}}
        else:
            outer = path.split("{}.")[1].split(".")[0]
            odd = {"type": "input_text", "text": "Ann", outer: {field: "x"} if field != outer else "x"}
            prompt = PROMPT | {"variables": {"name": odd, "tone": "warm"}}
            if section == "The session":
                yield (section, path), {"type": "session.update", "session": {"type": "realtime", "prompt": prompt}}
            else:
                yield (section, path), {"type": "response.create", "response": {"prompt": prompt}}


@pytest.mark.parametrize(
    ("place", "event"), list(refusals()), ids=lambda value: value[1] if isinstance(value, tuple) else ""
)
def test_what_is_refused_is_refused_with_that_code(place: Place, event: dict[str, Any]) -> None:
    """And by name."""
    client = Client(offer=OFFER)
    client.open()
    code, param = client.send(event["type"], **{name: value for name, value in event.items() if name != "type"}).fault
    assert code == ROWS[place].code
    field = place[1].split("{}.")[-1].split(".")
    assert param
    assert set(field) & set(re.split(r"[.\[\]]", param))


def test_a_modest_server_refuses_what_it_cannot_do() -> None:
    """With the code that the rows of these fields name."""
    asked: dict[str, dict[str, Any]] = {
        "session.tools": {"tools": [FUNCTION]},
        "session.reasoning.effort": {"reasoning": {"effort": "low"}},
        "session.truncation.type": {"truncation": {"type": "retention_ratio", "retention_ratio": 0.5}},
        "session.audio.input.turn_detection.type": {"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}},
    }
    for field, session in asked.items():
        client = Client(offer=MODEST)
        client.open()
        code, _ = client.send("session.update", session={"type": "realtime"} | session).fault
        text = next(cells[2] for cells in rows("The session") if cells[0] == f"`{field}`")
        assert f"`{code}`" in text, field
