"""The flat session and GA's tree say the same: what goes in comes out, and what is wrong is named where it was said."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.beta.realtime import (
    response_create_event,
    session_create_params,
    session_update_event,
    transcription_session_create_params,
)
from openai.types.beta.realtime import transcription_session_update as transcription_update
from pydantic import BaseModel

from realtime.errors import InvalidRequest
from realtime.protocol import beta
from realtime.protocol.beta import config as flat
from realtime.protocol.beta.client_events import ResponseParams
from realtime.protocol.config import SessionConfig, SessionType, first_config, merge_update
from realtime.protocol.session_object import describe_session
from realtime.protocol.tools import McpTool
from realtime.structs import Strict
from tests.protocol.beta_client import TOOL, BetaClient
from tests.protocol.effort import examples

EVERYTHING: dict[str, Any] = {
    "model": "parrot",
    "modalities": ["text"],
    "instructions": "Rhyme.",
    "voice": "verse",
    "input_audio_format": "g711_ulaw",
    "output_audio_format": "g711_alaw",
    "input_audio_transcription": {"model": "whisper-1", "language": "en", "prompt": "tea"},
    "input_audio_noise_reduction": {"type": "far_field"},
    "turn_detection": {"type": "semantic_vad", "eagerness": "high", "create_response": False},
    "tools": [TOOL],
    "tool_choice": "required",
    "temperature": 1.1,
    "max_response_output_tokens": 200,
    "speed": 1.25,
    "tracing": {"workflow_name": "tea"},
}


def shown(config: SessionConfig) -> dict[str, Any]:
    return beta.to_beta_session(describe_session(config, "sess_1", None))


def after(update: dict[str, Any], type_: SessionType = "realtime") -> dict[str, Any]:
    """What the client is shown when a session begins with `update`."""
    return shown(merge_update(first_config("parrot", "Be kind.", type_), beta.to_ga_session(update, type_)))


def is_part_of(said: Any, whole: Any) -> bool:
    if isinstance(said, dict) and isinstance(whole, dict):
        return all(is_part_of(value, whole[key]) for key, value in said.items())
    if isinstance(said, list):
        return len(said) == len(whole) and all(map(is_part_of, said, whole))
    return bool(said == whole)


# --- what is known -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (session_update_event.Session, flat.RealtimeSession),
        (transcription_update.Session, flat.TranscriptionSession),
        (response_create_event.Response, ResponseParams),
    ],
)
def test_every_field_of_openais_library_is_known(theirs: type[BaseModel], ours: type[Strict]) -> None:
    assert set(theirs.model_fields) <= set(ours.__struct_fields__)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (session_create_params.SessionCreateParams, flat.RealtimeSession),
        (transcription_session_create_params.TranscriptionSessionCreateParams, flat.TranscriptionSession),
    ],
)
def test_so_is_every_field_of_a_session_made_over_http(theirs: Any, ours: type[Strict]) -> None:
    assert set(theirs.__annotations__) <= set(ours.__struct_fields__)


# --- flat to GA --------------------------------------------------------------------------------------------------


def test_everything_has_its_place() -> None:
    assert beta.to_ga_session(EVERYTHING) == {
        "type": "realtime",
        "model": "parrot",
        "output_modalities": ("text",),
        "instructions": "Rhyme.",
        "audio": {
            "input": {
                "format": {"type": "audio/pcmu"},
                "transcription": {"model": "whisper-1", "language": "en", "prompt": "tea"},
                "noise_reduction": {"type": "far_field"},
                "turn_detection": {"type": "semantic_vad", "eagerness": "high", "create_response": False},
            },
            "output": {"format": {"type": "audio/pcma"}, "voice": "verse", "speed": 1.25},
        },
        "tools": (TOOL,),
        "tool_choice": "required",
        "temperature": 1.1,
        "max_output_tokens": 200,
        "tracing": {"workflow_name": "tea"},
    }


@pytest.mark.parametrize("type_", ["realtime", "transcription"])
def test_nothing_said_is_nothing_changed(type_: SessionType) -> None:
    assert beta.to_ga_session({}, type_) == {"type": type_}


@pytest.mark.parametrize(
    "update",
    [
        {"turn_detection": None},
        {"input_audio_transcription": None},
        {"input_audio_noise_reduction": None},
        {"tracing": None},
        {"instructions": ""},
        {"tools": []},
    ],
)
def test_what_is_taken_away_is_gone(update: dict[str, Any]) -> None:
    before = {field: value for field, value in EVERYTHING.items() if field != "model"}
    config = merge_update(first_config("parrot", "Be kind."), beta.to_ga_session(before))
    changed = shown(merge_update(config, beta.to_ga_session(update)))
    assert is_part_of(update, changed)
    assert is_part_of({field: value for field, value in EVERYTHING.items() if field not in update}, changed)


def test_a_tool_needs_no_type() -> None:
    assert beta.to_ga_session({"tools": [{"name": "dance"}]})["tools"] == ({"type": "function", "name": "dance"},)


@pytest.mark.parametrize("choice", ["get_weather", {"type": "function", "name": "get_weather"}])
def test_a_function_is_chosen_by_its_name(choice: Any) -> None:
    update = {"tools": [TOOL], "tool_choice": choice}
    assert beta.to_ga_session(update)["tool_choice"] == {"type": "function", "name": "get_weather"}
    assert after(update)["tool_choice"] == "get_weather"


@pytest.mark.parametrize(
    ("update", "code", "param"),
    [
        ({"modalities": ["audio"]}, "invalid_value", "session.modalities"),
        ({"modalities": []}, "invalid_value", "session.modalities"),
        ({"modalities": ["smell"]}, "invalid_value", "session.modalities[0]"),
        ({"voice": None}, "invalid_type", "session.voice"),
        ({"input_audio_format": "opus"}, "invalid_value", "session.input_audio_format"),
        ({"output_audio_format": {"type": "audio/pcm"}}, "invalid_type", "session.output_audio_format"),
        ({"temperature": 0.5}, "invalid_value", "session.temperature"),
        ({"temperature": 1.3}, "invalid_value", "session.temperature"),
        ({"max_response_output_tokens": 4097}, "invalid_value", "session.max_response_output_tokens"),
        ({"speed": 2}, "invalid_value", "session.speed"),
        ({"tools": [{"type": "mcp", "server_label": "x"}]}, "invalid_value", "session.tools[0].type"),
        ({"tool_choice": 5}, "invalid_type", "session.tool_choice"),
        ({"turn_detection": {"type": "none"}}, "invalid_value", "session.turn_detection.type"),
        ({"turn_detection": {"idle_timeout_ms": 6000}}, "unknown_parameter", "session.turn_detection.idle_timeout_ms"),
        (
            {"input_audio_transcription": {"languages": ["en"]}},
            "unknown_parameter",
            "session.input_audio_transcription.languages",
        ),
        ({"client_secret": {}}, "unsupported_value", "session.client_secret"),
        # Words of the other dialect are unknown in this one.
        ({"audio": {}}, "unknown_parameter", "session.audio"),
        ({"type": "realtime"}, "unknown_parameter", "session.type"),
        ({"output_modalities": ["text"]}, "unknown_parameter", "session.output_modalities"),
        ({"max_output_tokens": 5}, "unknown_parameter", "session.max_output_tokens"),
        # What only GA's merge finds out.
        ({"turn_detection": {"threshold": 3}}, "invalid_value", "session.turn_detection.threshold"),
        ({"turn_detection": {"eagerness": "low"}}, "unknown_parameter", "session.turn_detection.eagerness"),
        ({"tool_choice": "dance"}, "invalid_value", "session.tool_choice"),
        ({"tools": [TOOL, TOOL]}, "invalid_value", "session.tools[1].name"),
        ({"voice": "otto"}, "invalid_value", "session.voice"),
        ({"model": "cockatoo"}, "invalid_value", "session.model"),
    ],
)
def test_what_is_wrong_is_named_where_it_was_said(update: dict[str, Any], code: str, param: str) -> None:
    error = BetaClient().error("session.update", session=update, event_id="mine")
    assert (error["code"], error["param"], error["event_id"]) == (code, param, "mine")
    assert ".audio." not in error["message"]


@pytest.mark.parametrize(
    ("update", "param"),
    [
        ({"instructions": "Rhyme."}, "session.instructions"),
        ({"input_audio_transcription": None}, "session.input_audio_transcription"),
        ({"include": ["everything"]}, "session.include[0]"),
        ({"turn_detection": {"silence_duration_ms": -1}}, "session.turn_detection.silence_duration_ms"),
    ],
)
def test_so_it_is_in_a_session_that_only_listens(update: dict[str, Any], param: str) -> None:
    error = BetaClient("transcription").error("transcription_session.update", session=update)
    assert error["param"] == param


@pytest.mark.parametrize(
    ("param", "code", "expected"),
    [
        (None, None, None),
        ("session.audio.output.voice", "invalid_value", "session.voice"),
        ("session.audio.output.voice.id", "invalid_type", "session.voice"),
        ("session.audio.input.format.rate", "invalid_value", "session.input_audio_format"),
        ("session.audio.input.transcription.language", None, "session.input_audio_transcription.language"),
        ("session.tools[3].parameters.type", None, "session.tools[3].parameters.type"),
        ("session.max_output_tokens", "invalid_type", "session.max_response_output_tokens"),
        ("session.max_output_tokens", "unknown_parameter", "session.max_output_tokens"),
        ("response.audio.output.voice", None, "response.voice"),
        ("response.tool_choice.name", None, "response.tool_choice"),
        ("item.content[0].type", None, "item.content[0].type"),
    ],
)
def test_a_path_is_translated(param: str | None, code: str | None, expected: str | None) -> None:
    assert beta.to_beta_param(param, code) == expected


# --- GA to flat --------------------------------------------------------------------------------------------------


def test_what_the_beta_has_no_word_for_is_not_shown() -> None:
    config = first_config("parrot", "Be kind.")
    vad = {"type": "server_vad", "idle_timeout_ms": 6000}
    update = {
        "type": "realtime",
        "audio": {
            "input": {"turn_detection": vad, "transcription": {"languages": ["en"]}},
            "output": {"voice": {"id": "anna"}},
        },
        "tools": [{"type": "mcp", "server_label": "teas", "server_url": "https://example.com"}, TOOL],
        "tool_choice": {"type": "mcp", "server_label": "teas"},
        "parallel_tool_calls": False,
    }
    config = merge_update(config, update)
    assert isinstance(config.tools[0], McpTool)
    session = shown(config)
    assert "idle_timeout_ms" not in session["turn_detection"]
    assert session["input_audio_transcription"] == {"model": None, "language": None, "prompt": None}
    assert (session["voice"], session["tools"], session["tool_choice"]) == ("anna", [TOOL], "required")
    assert "parallel_tool_calls" not in session


def test_a_session_that_only_listens_shows_what_it_hears() -> None:
    update = {
        "input_audio_format": "g711_alaw",
        "input_audio_transcription": {"model": "whisper-1"},
        "input_audio_noise_reduction": {"type": "near_field"},
        "turn_detection": {"type": "server_vad", "create_response": True, "silence_duration_ms": 300},
        "include": ["item.input_audio_transcription.logprobs"],
        "modalities": ["text"],
    }
    session = after(update, "transcription")
    assert session.pop("object") == "realtime.transcription_session"
    assert session == {
        "id": "sess_1",
        "expires_at": None,
        "input_audio_format": "g711_alaw",
        "input_audio_transcription": {"model": "whisper-1", "language": None, "prompt": None},
        "input_audio_noise_reduction": {"type": "near_field"},
        "turn_detection": {
            "type": "server_vad",
            "threshold": 0.5,
            "prefix_padding_ms": 300,
            "silence_duration_ms": 300,
        },
        "include": ("item.input_audio_transcription.logprobs",),
        "client_secret": None,
    }


# --- there and back ----------------------------------------------------------------------------------------------

FORMATS = st.sampled_from(["pcm16", "g711_ulaw", "g711_alaw"])
SERVER_VAD = st.fixed_dictionaries(
    {"type": st.just("server_vad")},
    optional={
        "threshold": st.floats(0, 1),
        "prefix_padding_ms": st.integers(0, 10_000),
        "silence_duration_ms": st.integers(0, 60_000),
        "create_response": st.booleans(),
        "interrupt_response": st.booleans(),
    },
)
SEMANTIC_VAD = st.fixed_dictionaries(
    {"type": st.just("semantic_vad")},
    optional={
        "eagerness": st.sampled_from(["low", "medium", "high", "auto"]),
        "create_response": st.booleans(),
        "interrupt_response": st.booleans(),
    },
)
HEARD: dict[str, st.SearchStrategy[Any]] = {
    "input_audio_format": FORMATS,
    "input_audio_transcription": st.fixed_dictionaries(
        {}, optional={"model": st.none() | st.text(), "language": st.none() | st.text(), "prompt": st.text()}
    ),
    "input_audio_noise_reduction": st.none() | st.fixed_dictionaries({"type": st.sampled_from(["near_field"])}),
    "turn_detection": st.none() | SERVER_VAD | SEMANTIC_VAD,
}
SPOKEN: dict[str, st.SearchStrategy[Any]] = {
    "model": st.text(),
    "modalities": st.sampled_from([["text"], ["text", "audio"]]),
    "instructions": st.text(),
    "voice": st.text(),
    "output_audio_format": FORMATS,
    "input_audio_transcription": st.none() | HEARD["input_audio_transcription"],
    "tools": st.sampled_from([[], [TOOL]]),
    "tool_choice": st.sampled_from(["auto", "none", "required"]),
    "temperature": st.floats(0.6, 1.2),
    "max_response_output_tokens": st.just("inf") | st.integers(1, 4096),
    "speed": st.floats(0.25, 1.5),
    "tracing": st.none() | st.just("auto") | st.fixed_dictionaries({"group_id": st.text()}),
}


@examples
@given(st.fixed_dictionaries({}, optional=HEARD | SPOKEN))
def test_what_a_client_chooses_it_is_shown(update: dict[str, Any]) -> None:
    assert is_part_of(update, after(update))


@examples
@given(st.fixed_dictionaries({}, optional=HEARD | SPOKEN))
def test_what_a_client_is_shown_it_may_say_again(update: dict[str, Any]) -> None:
    first = after(update)
    echo = {field: first[field] for field in first if field not in ("id", "object", "expires_at")}
    assert after(echo) == first


@examples
@given(st.fixed_dictionaries({}, optional=HEARD), st.sampled_from(["create_response", "interrupt_response"]))
def test_what_a_listener_chooses_it_is_shown(
    update: dict[str, Any], unheard: Literal["create_response", "interrupt_response"]
) -> None:
    session = after(update, "transcription")
    assert unheard not in (session["turn_detection"] or {})
    detection = {
        knob: value
        for knob, value in (update.get("turn_detection") or {}).items()
        if knob not in ("create_response", "interrupt_response")
    }
    assert is_part_of({field: update[field] for field in update if field != "turn_detection"}, session)
    assert is_part_of(detection, session["turn_detection"] or {})


@examples
@given(st.dictionaries(st.sampled_from([*EVERYTHING, "audio", "include"]), st.none() | st.text() | st.integers()))
def test_whatever_is_said_is_translated_or_refused(update: dict[str, Any]) -> None:
    param: str | None = "session"
    try:
        beta.to_ga_session(update)
    except InvalidRequest as problem:
        param = problem.param
    assert param == "session" or (param and param.removeprefix("session.").partition("[")[0] in update)
