"""A `Config` as a change of a Realtime session: whatever can be chosen arrives where the session has it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.speech_to_speech.config import IGNORED, SpeechParams, in_its_words, read_config
from realtime.backend.speech_to_speech.words import read_session
from realtime.errors import InvalidRequest

HEARD: dict[str, tuple[str, dict[str, Any]]] = {
    "turn_detection": ("semantic_vad", {"turn_detection": {"type": "semantic_vad"}}),
    "threshold": ("0.7", {"turn_detection": {"threshold": 0.7}}),
    "prefix_padding_ms": ("200", {"turn_detection": {"prefix_padding_ms": 200}}),
    "silence_duration_ms": ("300", {"turn_detection": {"silence_duration_ms": 300}}),
    "idle_timeout_ms": ("6000", {"turn_detection": {"idle_timeout_ms": 6000}}),
    "eagerness": ("high", {"turn_detection": {"eagerness": "high"}}),
    "create_response": ("false", {"turn_detection": {"create_response": False}}),
    "interrupt_response": ("0", {"turn_detection": {"interrupt_response": False}}),
    "barge_in": ("confirmed", {"turn_detection": {"barge_in": "confirmed"}}),
    "transcription": ("off", {"transcription": None}),
    "language": ("de", {"transcription": {"language": "de"}}),
    "noise_reduction": ("near_field", {"noise_reduction": {"type": "near_field"}}),
    "echo_cancellation": ("on", {"echo_cancellation": {"type": "server"}}),
}
CHOSEN: dict[str, tuple[str, dict[str, Any]]] = {
    "temperature": ("0.5", {"temperature": 0.5}),
    "max_new_tokens": ("9", {"max_output_tokens": 9}),
    "max_tokens": ("9", {"max_output_tokens": 9}),
    "max_output_tokens": ("9", {"max_output_tokens": 9}),
    "modality": ("text", {"output_modalities": ["text"]}),
    "tool_choice": ("weather", {"tool_choice": {"type": "function", "name": "weather"}}),
    "parallel_tool_calls": ("true", {"parallel_tool_calls": True}),
}
ELSEWHERE = {"speed", "lead_ms", "echo_delay_ms"}


def session(**params: str) -> dict[str, Any]:
    """What becomes of the session."""
    return read_config(pb.AudioToAudioConfig(params=params)).session


@pytest.mark.parametrize("name", HEARD)
def test_how_the_user_is_heard(name: str) -> None:
    text, heard = HEARD[name]
    assert session(**{name: text}) == {"type": "realtime", "audio": {"input": heard, "output": {}}}


@pytest.mark.parametrize("name", CHOSEN)
def test_how_it_is_answered(name: str) -> None:
    text, chosen = CHOSEN[name]
    assert session(**{name: text}) == {"type": "realtime", "audio": {"input": {}, "output": {}}, **chosen}


def test_no_param_is_without_effect() -> None:
    """Save those that are said to be."""
    assert set(SpeechParams.__struct_fields__) == HEARD.keys() | CHOSEN.keys() | ELSEWHERE
    assert read_config(pb.AudioToAudioConfig(params={"lead_ms": "250"})).lead_ms == 250
    assert session(speed="1.25")["audio"]["output"] == {"speed": 1.25}
    echo = session(echo_cancellation="on", echo_delay_ms="40")["audio"]["input"]["echo_cancellation"]
    assert echo == {"type": "server", "delay_ms": 40}
    assert session(**dict.fromkeys(IGNORED, "1")) == session()


def test_what_it_says_nothing_about_stays() -> None:
    wanted = read_config(pb.AudioToAudioConfig())
    assert (wanted.input_hz, wanted.output_hz, wanted.lead_ms) == (None, None, None)
    assert wanted.session == {"type": "realtime", "audio": {"input": {}, "output": {}}}


def test_functions_are_those_of_chat_completions() -> None:
    function = {"name": "weather", "description": None, "parameters": {"type": "object"}, "strict": True}
    config = pb.AudioToAudioConfig(tools=json.dumps([{"type": "function", "function": function}]))
    assert read_config(config).session["tools"] == [
        {"type": "function", "name": "weather", "parameters": {"type": "object"}}
    ]


def test_a_problem_is_told_in_the_words_of_the_config() -> None:
    """By the field that the client has written; one that it has not stays as it is."""
    problem = InvalidRequest("Invalid 'session.tools[0].name': odd.", param="session.tools[0].name")
    assert str(in_its_words(problem)) == "Invalid 'tools[0].name': odd."
    nowhere = InvalidRequest("Odd.")
    assert in_its_words(nowhere) is nowhere


def test_a_session_may_be_told_in_all_dialects_at_once() -> None:
    """Flat fields come to where they belong, beside what is there."""
    told = {
        "instructions": "Rhyme.",
        "voice": "emma",
        "audio": {"input": {"noise_reduction": None}, "output": {"speed": 1.5}},
        "turn_detection": "none",
        "modalities": ["text", "audio"],
        "input_audio_format": "pcm16",
        "max_response_output_tokens": 7,
        "tools": [{"type": "function", "function": {"name": "weather"}}],
        "tool_choice": "weather",
    }
    assert read_session(told) == {
        "type": "realtime",
        "instructions": "Rhyme.",
        "audio": {
            "input": {"noise_reduction": None, "turn_detection": None, "format": {"type": "audio/pcm"}},
            "output": {"voice": "emma", "speed": 1.5},
        },
        "output_modalities": ["audio"],
        "max_output_tokens": 7,
        "tools": [{"type": "function", "name": "weather"}],
        "tool_choice": {"type": "function", "name": "weather"},
    }
