"""What is wrong with an update: every fault by the name of its field."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.protocol.config import ServerVad
from tests.protocol.updates import fault_of, vad

VAD = "session.audio.input.turn_detection"


@pytest.mark.parametrize(
    ("knobs", "code", "param"),
    [
        ({"threshold": -0.1}, "invalid_value", f"{VAD}.threshold"),
        ({"threshold": 1.1}, "invalid_value", f"{VAD}.threshold"),
        ({"threshold": "high"}, "invalid_type", f"{VAD}.threshold"),
        ({"threshold": None}, "invalid_type", f"{VAD}.threshold"),
        ({"prefix_padding_ms": -1}, "invalid_value", f"{VAD}.prefix_padding_ms"),
        ({"prefix_padding_ms": 10_001}, "invalid_value", f"{VAD}.prefix_padding_ms"),
        ({"prefix_padding_ms": 0.5}, "invalid_type", f"{VAD}.prefix_padding_ms"),
        ({"silence_duration_ms": -1}, "invalid_value", f"{VAD}.silence_duration_ms"),
        ({"silence_duration_ms": 60_001}, "invalid_value", f"{VAD}.silence_duration_ms"),
        ({"idle_timeout_ms": 4999}, "invalid_value", f"{VAD}.idle_timeout_ms"),
        ({"idle_timeout_ms": 30_001}, "invalid_value", f"{VAD}.idle_timeout_ms"),
        ({"create_response": "yes"}, "invalid_type", f"{VAD}.create_response"),
        ({"interrupt_response": 1}, "invalid_type", f"{VAD}.interrupt_response"),
        ({"eagerness": "low"}, "unknown_parameter", f"{VAD}.eagerness"),
        ({"type": "psychic"}, "invalid_value", f"{VAD}.type"),
        ({"type": 5}, "invalid_type", f"{VAD}.type"),
    ],
)
def test_a_knob_out_of_range_is_named(knobs: dict[str, Any], code: str, param: str) -> None:
    session = {"type": "realtime", "audio": {"input": {"turn_detection": knobs}}}
    assert fault_of(session) == (code, param)


@pytest.mark.parametrize(
    "knobs",
    [
        {"threshold": 0},
        {"threshold": 1},
        {"prefix_padding_ms": 0},
        {"prefix_padding_ms": 10_000},
        {"silence_duration_ms": 0},
        {"silence_duration_ms": 60_000},
    ],
)
def test_a_knob_at_its_limit_is_accepted(knobs: dict[str, Any]) -> None:
    assert vad(**knobs) == ServerVad(**knobs)


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"model": 5}, "invalid_type", "session.model"),
        ({"model": None}, "invalid_type", "session.model"),
        ({"instructions": None}, "invalid_type", "session.instructions"),
        ({"instructions": ["Be brief."]}, "invalid_type", "session.instructions"),
        ({"output_modalities": []}, "invalid_value", "session.output_modalities"),
        ({"output_modalities": ["audio", "text"]}, "invalid_value", "session.output_modalities"),
        ({"output_modalities": ["smell"]}, "invalid_value", "session.output_modalities[0]"),
        ({"output_modalities": "audio"}, "invalid_type", "session.output_modalities"),
        ({"max_output_tokens": 0}, "invalid_value", "session.max_output_tokens"),
        ({"max_output_tokens": 4097}, "invalid_value", "session.max_output_tokens"),
        ({"max_output_tokens": "many"}, "invalid_value", "session.max_output_tokens"),
        ({"audio": None}, "invalid_type", "session.audio"),
        ({"audio": {"input": 5}}, "invalid_type", "session.audio.input"),
        ({"audio": {"input": {"format": {"type": "audio/mp3"}}}}, "invalid_value", "session.audio.input.format.type"),
        ({"audio": {"input": {"format": {}}}}, "missing_required_parameter", "session.audio.input.format.type"),
        (
            {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 8000}}}},
            "invalid_value",
            "session.audio.input.format.rate",
        ),
        ({"audio": {"input": {"transcription": "on"}}}, "invalid_type", "session.audio.input.transcription"),
        (
            {"audio": {"input": {"transcription": {"delay": "long"}}}},
            "invalid_value",
            "session.audio.input.transcription.delay",
        ),
        ({"audio": {"output": {"speed": 0.24}}}, "invalid_value", "session.audio.output.speed"),
        ({"audio": {"output": {"speed": 1.51}}}, "invalid_value", "session.audio.output.speed"),
        ({"audio": {"output": {"voice": None}}}, "invalid_type", "session.audio.output.voice"),
        ({"audio": {"output": {"voice": {}}}}, "missing_required_parameter", "session.audio.output.voice.id"),
        ({"tool_choice": "perhaps"}, "invalid_value", "session.tool_choice"),
        ({"tool_choice": {"type": "function", "name": "sing"}}, "invalid_value", "session.tool_choice.name"),
        ({"tools": [{"name": "dance"}]}, "missing_required_parameter", "session.tools[0].type"),
        ({"tools": [{"type": "hammer", "name": "dance"}]}, "invalid_value", "session.tools[0].type"),
        ({"tools": [{"type": "function"}]}, "missing_required_parameter", "session.tools[0].name"),
        (
            {"truncation": {"type": "retention_ratio", "retention_ratio": 1.1}},
            "invalid_value",
            "session.truncation.retention_ratio",
        ),
        (
            {
                "truncation": {
                    "type": "retention_ratio",
                    "retention_ratio": 0.5,
                    "token_limits": {"post_instructions": -1},
                }
            },
            "invalid_value",
            "session.truncation.token_limits.post_instructions",
        ),
        ({"tracing": {"name": "tea"}}, "unknown_parameter", "session.tracing.name"),
        ({"reasoning": {"effort": "much"}}, "invalid_value", "session.reasoning.effort"),
        ({"prompt": {}}, "missing_required_parameter", "session.prompt.id"),
        (
            {"audio": {"input": {"noise_reduction": {"type": "near_field", "strength": 1.1}}}},
            "invalid_value",
            "session.audio.input.noise_reduction.strength",
        ),
        ({"truncation": "perhaps"}, "invalid_value", "session.truncation"),
        ({"tracing": "perhaps"}, "invalid_value", "session.tracing"),
        ({"include": ["everything"]}, "invalid_value", "session.include[0]"),
        ({"type": "séance"}, "invalid_value", "session.type"),
        ({"type": None}, "invalid_type", "session.type"),
        ({"temperature": -0.1}, "invalid_value", "session.temperature"),
        ({"temperature": 2.1}, "invalid_value", "session.temperature"),
        ({"voice": "alloy"}, "unknown_parameter", "session.voice"),
        ({"id": "sess_1"}, "unknown_parameter", "session.id"),
        ({"audio": {"input": {"echo": True}}}, "unknown_parameter", "session.audio.input.echo"),
    ],
)
def test_a_wrong_field_is_named(session: dict[str, Any], code: str, param: str) -> None:
    assert fault_of({"type": "realtime"} | session) == (code, param)


def test_an_update_must_say_its_type() -> None:
    assert fault_of({"instructions": "Be brief."}) == ("missing_required_parameter", "session.type")
