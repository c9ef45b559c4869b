"""docs/realtime-api.md names every event and field that there is, none that there is not, and says what is so.

What there is: all that OpenAI's library can send or read (its unions of events, walked through every model and
`TypedDict`), and all that our own structs have beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias, get_args, get_origin, get_type_hints

import msgspec
import pytest
from openai.types import realtime as openai
from openai.types.beta import realtime as openai_beta
from openai.types.realtime.realtime_client_event_param import RealtimeClientEventParam
from pydantic import BaseModel
from typing_extensions import is_typeddict

from realtime.protocol import client_events
from tests.protocol.client import MODEST, OFFER, Client
from tests.protocol.contract import events_said

DOCUMENT = (Path(__file__).parent.parent / "docs" / "realtime-api.md").read_text(encoding="utf-8")

Place: TypeAlias = tuple[str, str]
"""A heading of the document, and what a row under it is about: `session.audio.input.format`."""

_OBJECTS: dict[str, Place] = {
    "RealtimeSessionCreateRequest": ("The session", "session"),
    "RealtimeTranscriptionSessionCreateRequest": ("The session", "session"),
    "SessionObject": ("The session", "session"),
    "TranscriptionSessionObject": ("The session", "session"),
    "RealtimeResponseCreateParams": ("What a response is asked for", "response"),
    "ResponseParams": ("What a response is asked for", "response"),
    "RealtimeResponse": ("What a response is", "response"),
    "ResponseObject": ("What a response is", "response"),
    "RealtimeFunctionTool": ("Tools", "function"),
    "FunctionTool": ("Tools", "function"),
    "Mcp": ("Tools", "mcp"),
    "RealtimeResponseCreateMcpTool": ("Tools", "mcp"),
    "McpTool": ("Tools", "mcp"),
}
"""What is described once, wherever it appears, by the name of its class."""

_MARKS: Mapping[Any, str] = {list: "[]", tuple: "[]", Iterable: "[]", dict: "{}"}

_ITEMS = {"message", "function_call", "function_call_output"} | {
    f"mcp_{what}" for what in ("list_tools", "call", "approval_request", "approval_response")
}


def walk(kind: Any, section: str, prefix: str) -> Iterator[Place]:
    """Every field of a class, at any depth."""
    for name, annotation in fields_of(kind):
        path = f"{prefix}.{name}" if prefix else name
        yield section, path
        for inner, mark in classes_in(annotation):
            yield from walk(inner, *place_of(inner, section, path + mark))


def place_of(kind: Any, section: str, prefix: str) -> Place:
    """Where a class is described that was found at `prefix`."""
    name = kind.__name__.removesuffix("Param")
    tag = tag_of(kind)
    if tag in _ITEMS and name != "ChosenMcp":
        return "Items", tag
    if name.endswith("ItemReference") or tag == "item_reference":
        return "Items", "item_reference"
    return _OBJECTS.get(name, (section, prefix))


def tag_of(kind: Any) -> str:
    """The one `type` that objects of a class have; empty when there are several or none."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return str(kind.__struct_config__.tag or "")
    options = get_args(dict(fields_of(kind)).get("type"))
    return str(options[0]) if len(options) == 1 else ""


def fields_of(kind: Any) -> Iterator[tuple[str, Any]]:
    """Names and types."""
    if issubclass(kind, BaseModel):
        yield from ((field.alias or name, field.annotation) for name, field in kind.model_fields.items())
        return
    hints = get_type_hints(kind)
    if issubclass(kind, msgspec.Struct):
        if kind.__struct_config__.tag:
            yield "type", Literal[kind.__struct_config__.tag]
        yield from ((name, hints[name]) for name in kind.__struct_fields__)
    else:
        yield from hints.items()


def classes_in(annotation: Any, mark: str = "") -> Iterator[tuple[Any, str]]:
    """The classes in a type with fields of their own, and whether there is a list of them, or an object."""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        if issubclass(annotation, BaseModel | msgspec.Struct) or is_typeddict(annotation):
            yield annotation, mark
        return
    inside = _MARKS.get(get_origin(annotation) or object, mark)
    if get_origin(annotation) not in (None, Literal) or not isinstance(annotation, type):
        for option in get_args(annotation):
            yield from classes_in(option, inside)


def members(union: Any) -> dict[str, Any]:
    """The classes of a union of events, by their `type`."""
    return {tag_of(kind): kind for kind, _ in classes_in(union)}


# --- what there is -----------------------------------------------------------------------------------------------


def places(unions: dict[str, Any], base: str) -> set[Place]:
    """Every field of some events, where the document has to have it; `type` and `event_id` are told of all at once."""
    found = {(base, name) for name in unions}
    for name, kind in unions.items():
        for section, path in walk(kind, f"{base} {name}", ""):
            if path not in ("type", "event_id"):
                found.add((section, path))
    return found


LIBRARY = (
    places(members(openai.RealtimeClientEvent), "Client events")
    | places(members(RealtimeClientEventParam), "Client events")
    | places(members(openai.RealtimeServerEvent), "Server events")
)
OURS = places(members(client_events.ClientEvent), "Client events") | places(events_said(), "Server events")
BETA = {
    (name, path)
    for union in (openai_beta.RealtimeClientEvent, openai_beta.RealtimeServerEvent)
    for name, kind in members(union).items()
    for _, path in walk(kind, "", "")
}

# --- what is written ---------------------------------------------------------------------------------------------

SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL))
OBJECT_SECTIONS = {section for section, _ in _OBJECTS.values()} | {"Items"}
EVENT_SECTIONS = {"Client events", "Server events"}


class Row(NamedTuple):
    """What is said about one field or event."""

    verdict: str
    code: str | None = None


def rows(section: str) -> Iterator[list[str]]:
    """The cells of a section's tables."""
    for line in SECTIONS[section].splitlines():
        if line.startswith("| ") and not re.match(r"\| (event|field|beta|endpoint|code|of) ", line):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def written() -> Iterator[tuple[Place, Row]]:
    """Every row about a field or an event; an event's fields are rows of their own."""
    for section in OBJECT_SECTIONS:
        for field, verdict, _ in rows(section):
            (code,) = re.findall(r"`(\w+)`", verdict) or [None]
            yield (section, field.strip("`")), Row(verdict.split(" `")[0], code)
    for section in EVENT_SECTIONS:
        for event, fields, *_ in rows(section):
            name = event.strip("~`")
            yield (section, name), Row("never" if "~~" in event else "sent")
            for mark, field in re.findall(r"(\*|~~|)`([^`]+)`", fields):
                yield (f"{section} {name}", field), Row({"~~": "never", "*": "sometimes"}.get(mark, "sent"))


ROWS = dict(written())


def rows_of(*verdicts: str) -> list[Place]:
    """The places that have one of these verdicts."""
    return sorted(place for place, row in ROWS.items() if row.verdict in verdicts)


def test_every_event_and_field_is_accounted_for_and_none_is_made_up() -> None:
    """Of the library's, read and written, and of our own structs."""
    assert sorted((LIBRARY | OURS) - set(ROWS)) == []
    assert sorted(set(ROWS) - LIBRARY - OURS) == []


def test_nothing_is_told_twice() -> None:
    """Where two rows might say two things."""
    places_written = [place for place, _ in written()]
    assert len(places_written) == len(set(places_written))


def test_the_verdicts_are_what_the_structs_say() -> None:
    """What is never sent or not known we have no word for; what is ours the library has none for."""
    assert {row.verdict for row in ROWS.values()} == {
        *("honoured", "ours", "no effect", "refused", "shown", "sent", "sometimes", "never")
    }
    assert sorted(place for place in rows_of("never") if place in OURS) == []
    assert (
        sorted(place for place in rows_of("refused") if (place in OURS) != (ROWS[place].code == "unsupported_value"))
        == []
    )
    assert sorted(place for place in rows_of("ours") if place in LIBRARY) == []
    accounted = {place for place in ROWS if ROWS[place].verdict not in ("never", "refused")}
    assert sorted(accounted - OURS) == []


# --- what is so --------------------------------------------------------------------------------------------------

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


# --- the beta, and the errors ------------------------------------------------------------------------------------

_BETA_SECTIONS = {"session": ("The session",), "response": ("What a response is asked for", "What a response is")}


def test_the_beta_is_accounted_for_by_its_table_and_by_what_is_said_of_ga() -> None:
    """Every event, every field."""
    words = {beta.strip("`"): ga.strip("`–") for beta, ga, _ in rows("The beta dialect")}
    lost = [(event, path) for event, path in sorted(BETA) if path not in ("type", "event_id")]
    lost = [(event, path) for event, path in lost if not any(place in ROWS for place in in_ga(words, event, path))]
    assert [(event, path) for event, path in lost if not _has_no_word(words, path)] == []
    known = {event for event, _ in BETA} | {f"{path}" for _, path in BETA} | {"item.content[].id"}
    assert sorted(set(words) - known) == []
    assert sorted(ga for ga in words.values() if ga and not any(ga == path for _, path in ROWS)) == []


def in_ga(words: dict[str, str], event: str, path: str) -> Iterator[Place]:
    """Where the document may have told of a field of the beta's."""
    if found := re.search(r"(?:^item|response\.input\[\]|response\.output\[\])\.(.*)", path):
        yield from (("Items", f"{kind}.{found[1]}") for kind in _ITEMS | {"item_reference"})
    if found := re.search(r"tools\[\]\.(.*)", path):
        yield "Tools", f"function.{found[1]}"
    beta = max((word for word in words if path == word or path.startswith(f"{word}.")), key=len, default="")
    ga = words[beta] + path.removeprefix(beta) if beta else path
    for section in _BETA_SECTIONS.get(path.split(".")[0], ()):
        yield section, ga
    for base in EVENT_SECTIONS:
        yield f"{base} {words.get(event, event)}", path


def _has_no_word(words: dict[str, str], path: str) -> bool:
    item = re.sub(r"^response\.(input|output)\[\]", "item", path)
    return any(not ga and (item == beta or item.startswith(f"{beta}.")) for beta, ga in words.items())


def test_every_code_that_the_server_uses_is_in_a_table_and_no_other() -> None:
    """As the source has them."""
    package = Path(__file__).parent.parent / "realtime"
    files: Iterable[Path] = [
        path for room in ("protocol", "server", "conductor") for path in (package / room).rglob("*.py")
    ]
    source = "\n".join(path.read_text(encoding="utf-8") for path in [*files, package / "errors.py"])
    used = set(re.findall(r"\bcode(?:: ClassVar\[str\])? ?= ?\"(\w+)\"", source))
    used |= set(re.findall(r"error_response\(\d+, \"(\w+)\"", source)) | set(re.findall(r"\), \"(\w+)\"\),", source))
    told = {cells[0].strip("`") for cells in rows("Errors")}
    only_grpc = {"permission_denied", "not_implemented", "model_not_loaded"}
    never_told = {"bad_configuration", "model_unavailable", "unknown_engine", "invalid_request", "no_room"}
    assert used - told == never_told | only_grpc
    assert told - used == set()
