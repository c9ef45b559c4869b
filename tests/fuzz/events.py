"""What a client may send that has lost its mind: events of either dialect, whole and damaged, one after another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from tests.fakes import quiet, voice
from tests.server.house import in_base64

DialectName: TypeAlias = Literal["ga", "beta"]
Path: TypeAlias = tuple[str | int, ...]

SPEECH, TURN, DEEP, NO_NUMBER, HUGE, LONG = "@speech", "@turn", "@deep", "@nan", "@huge", "@long"
_MEANT = {
    SPEECH: f'"{in_base64(voice(400))}"',
    TURN: f'"{in_base64(np.concatenate((voice(300), quiet(700))))}"',
    DEEP: "[" * 5000 + "]" * 5000,
    NO_NUMBER: "NaN",
    HUGE: "1e999",
    LONG: f'"{"x" * 70_000}"',
}
"""What is too long to print when a conversation fails, or is no JSON, by the word that stands for it."""

TOOL = {"type": "function", "name": "get_weather", "description": "", "parameters": {"type": "object"}}
KITCHEN = {"type": "mcp", "server_label": "kitchen", "server_url": "https://kitchen.example/mcp"}
QUESTION = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Where is Paris?"}]}
CALLED = {"type": "function_call", "name": "get_weather", "arguments": "{}", "call_id": "call_1"}
RETURNED = {"type": "function_call_output", "call_id": "call_1", "output": "Rain."}
SPOKEN = {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": SPEECH}]}

_COMMON: list[dict[str, Any]] = [
    {"type": "input_audio_buffer.append", "audio": SPEECH},
    {"type": "input_audio_buffer.append", "audio": TURN},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear"},
    {"type": "output_audio_buffer.clear"},
    {"type": "conversation.item.create", "item": QUESTION},
    {"type": "conversation.item.create", "item": QUESTION | {"id": "mine"}, "previous_item_id": "root"},
    {"type": "conversation.item.create", "item": SPOKEN},
    {"type": "conversation.item.create", "item": CALLED},
    {"type": "conversation.item.create", "item": RETURNED},
    {"type": "conversation.item.retrieve", "item_id": "item_1"},
    {"type": "conversation.item.retrieve", "item_id": "mine"},
    {"type": "conversation.item.truncate", "item_id": "item_2", "content_index": 0, "audio_end_ms": 50},
    {"type": "conversation.item.delete", "item_id": "item_1"},
    {"type": "conversation.item.delete", "item_id": "item_2"},
    {"type": "response.create"},
    {"type": "response.cancel"},
    {"type": "response.cancel", "response_id": "resp_1"},
    {"type": "response.create", "response": {"conversation": "none", "metadata": {"topic": "x"}, "input": [QUESTION]}},
    {"type": "response.create", "response": {"input": [{"type": "item_reference", "id": "item_1"}], "tools": [TOOL]}},
]
_GA: list[dict[str, Any]] = [
    {"type": "session.update", "session": {"type": "realtime", "instructions": "Be brief.", "tools": [TOOL, KITCHEN]}},
    {"type": "session.update", "session": {"type": "realtime", "output_modalities": ["text"]}},
    {"type": "session.update", "session": {"type": "transcription", "audio": {"input": {"turn_detection": None}}}},
    {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "audio": {
                "input": {
                    "format": {"type": "audio/pcmu"},
                    "transcription": {"model": "whisper-1", "language": "en", "delay": "low"},
                    "noise_reduction": {"type": "near_field"},
                    "turn_detection": {"type": "server_vad", "idle_timeout_ms": 5000, "threshold": 0.4},
                },
                "output": {"format": {"type": "audio/pcma"}, "voice": "cedar", "speed": 1.2},
            },
        },
    },
    {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "audio": {"input": {"transcription": {}, "turn_detection": {"type": "server_vad"}}},
            "tool_choice": {"type": "function", "name": "get_weather"},
            "truncation": {"type": "retention_ratio", "retention_ratio": 0.5, "token_limits": {"post_instructions": 9}},
            "tracing": {"workflow_name": "w", "group_id": "g", "metadata": {"a": 1}},
            "include": ["item.input_audio_transcription.logprobs", "response.timing"],
            "reasoning": {"effort": "low"},
        },
    },
    {
        "type": "response.create",
        "response": {
            "output_modalities": ["audio"],
            "audio": {"output": {"voice": "cedar", "format": {"type": "audio/pcmu"}}},
            "tools": [TOOL, KITCHEN],
            "tool_choice": "required",
            "max_output_tokens": 5,
        },
    },
    {
        "type": "conversation.item.create",
        "item": {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True},
    },
]
_BETA: list[dict[str, Any]] = [
    {"type": "session.update", "session": {"modalities": ["text"], "tools": [TOOL], "tool_choice": "get_weather"}},
    {"type": "session.update", "session": {"turn_detection": None, "input_audio_format": "g711_ulaw"}},
    {
        "type": "session.update",
        "session": {
            "voice": "cedar",
            "output_audio_format": "g711_alaw",
            "input_audio_transcription": {"model": "whisper-1", "language": "en"},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 300, "create_response": True},
            "temperature": 0.7,
            "max_response_output_tokens": "inf",
            "speed": 1.1,
        },
    },
    {
        "type": "transcription_session.update",
        "session": {
            "input_audio_format": "pcm16",
            "input_audio_transcription": {"model": "whisper-1"},
            "include": ["item.input_audio_transcription.logprobs"],
        },
    },
    {
        "type": "response.create",
        "response": {"modalities": ["text"], "max_response_output_tokens": 5, "voice": "alloy"},
    },
]
EVENTS: dict[DialectName, list[dict[str, Any]]] = {"ga": _COMMON + _GA, "beta": _COMMON + _BETA}

_ODD_VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1, 2**31, 2**63, 2**64, 0.5, -0.0, 1e308, "", "root", "auto", "item_1", [], {}, [[]], [{}]),
    *("\x00", "\ud800", "☃" * 600, LONG, DEEP, NO_NUMBER, HUGE, {"type": "function"}, {"type": "message"}),
)
_ODD_TEXTS = (
    *("", " ", "null", "[]", "{}", '"text"', "{", "NaN", '{"type":1}', '{"type":"session.update"}', "\ufeff{}"),
    *('{"type":"response.cancel","type":"response.create"}', '{"event_id":[],"type":"response.create"}', "[" * 9000),
)


@dataclass(frozen=True)
class Saying:
    """One message: an event, or what has become of it."""

    event: Any
    cut: int | None = None
    """Only so many characters of the text arrive."""

    def text(self, event_id: str) -> str:
        """As it is sent. The event carries `event_id` unless it has been given another."""
        event = self.event
        if isinstance(event, str) and event in _ODD_TEXTS:
            return event
        if isinstance(event, dict):
            event = {"event_id": event_id} | event
        text = json.dumps(event)
        for mark, meant in _MEANT.items():
            text = text.replace(f'"{mark}"', meant)
        return text[: self.cut]


def sayings(dialect: DialectName) -> SearchStrategy[Saying]:
    """One message: an event of the dialect, whole more often than not."""
    return st.one_of(
        st.sampled_from(EVENTS[dialect]).map(Saying),
        _damaged(dialect),
        _damaged(dialect),
        st.builds(Saying, st.sampled_from(EVENTS["ga"] + EVENTS["beta"])),
        st.builds(Saying, st.sampled_from(EVENTS[dialect]), st.integers(0, 200)),
        st.sampled_from(_ODD_TEXTS).map(Saying),
    )


def bursts(dialect: DialectName) -> SearchStrategy[list[tuple[list[Saying], float]]]:
    """All that a client says: messages at once, and the seconds that pass after them."""
    burst = st.lists(sayings(dialect), min_size=1, max_size=6)
    return st.lists(st.tuples(burst, st.sampled_from([0.0, 0.3, 2.0, 20.0])), min_size=1, max_size=5)


@st.composite
def _damaged(draw: DrawFn, dialect: DialectName) -> Saying:
    event = deepcopy(draw(st.sampled_from(EVENTS[dialect])))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([path for path in _paths(event) if path]))
        _damage(event, path, draw(st.sampled_from(["replace", "drop", "add", "wrap"])), deepcopy(draw(_anything())))
    return Saying(event)


def _anything() -> SearchStrategy[Any]:
    plain = st.one_of(st.sampled_from(_ODD_VALUES), st.integers(), st.text(max_size=5), st.booleans())
    nested = st.recursive(
        plain, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner)
    )
    return st.one_of(plain, nested)


def _paths(value: Any, at: Path = ()) -> Iterator[Path]:
    yield at
    if isinstance(value, dict | list):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _paths(child, (*at, key))


def _damage(event: Any, path: Path, how: str, value: Any) -> None:
    *above, last = path
    place = event
    for step in above:
        place = place[step]
    match how:
        case "drop":
            del place[last]
        case "wrap":
            place[last] = [place[last]]
        case "add" if isinstance(place, dict):
            place["surprise"] = value
        case _:
            place[last] = value
    if event == {}:
        event["type"] = "response.create"
