"""How an update changes the configuration: only what is present, and nothing twice."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.protocol.config import (
    AudioFormat,
    NoiseReduction,
    PcmaFormat,
    PcmFormat,
    PcmuFormat,
    SemanticVad,
    ServerVad,
    SessionConfig,
    Transcription,
    format_name,
    merge_update,
)
from tests.protocol.client import Client
from tests.protocol.effort import examples
from tests.protocol.updates import DEFAULT, fault_of, tuned, update, vad

# --- defaults ----------------------------------------------------------------------------------------------------


def test_a_session_begins_as_openais_do(client: Client) -> None:
    session = client.update().event("session.updated")["session"]
    del session["id"]
    assert session == {
        "type": "realtime",
        "object": "realtime.session",
        "model": "parrot",
        "instructions": "",
        "output_modalities": ["audio"],
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.5,
                    "prefix_padding_ms": 300,
                    "silence_duration_ms": 500,
                    "idle_timeout_ms": None,
                    "create_response": True,
                    "interrupt_response": True,
                },
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "alloy", "speed": 1.0},
        },
        "max_output_tokens": "inf",
        "tools": [],
        "tool_choice": "auto",
        "parallel_tool_calls": None,
        "truncation": "auto",
        "tracing": None,
        "prompt": None,
        "reasoning": None,
        "include": None,
        "expires_at": None,
    }


@pytest.mark.parametrize(
    ("audio_format", "name"), [(PcmFormat(), "audio/pcm"), (PcmuFormat(), "audio/pcmu"), (PcmaFormat(), "audio/pcma")]
)
def test_a_format_has_the_name_it_has_on_the_wire(audio_format: AudioFormat, name: str) -> None:
    assert format_name(audio_format) == name
    assert msgspec.to_builtins(audio_format)["type"] == name


# --- only what is present changes --------------------------------------------------------------------------------


def test_an_empty_update_changes_nothing() -> None:
    assert update() == DEFAULT


def test_a_field_that_is_absent_stays() -> None:
    after = update(update(instructions="Be brief."), max_output_tokens=100)
    assert (after.instructions, after.max_output_tokens) == ("Be brief.", 100)


def test_one_side_of_the_audio_changes_without_the_other() -> None:
    after = update(audio={"output": {"speed": 1.25}})
    assert after.audio.input == DEFAULT.audio.input
    assert after.audio.output == msgspec.structs.replace(DEFAULT.audio.output, speed=1.25)


def test_an_empty_text_clears_the_instructions() -> None:
    assert update(update(instructions="Be brief."), instructions="").instructions == ""


def test_an_empty_list_clears_the_tools() -> None:
    assert update(tools=[]).tools == ()


def test_null_turns_turn_detection_off() -> None:
    assert tuned(turn_detection=None).audio.input.turn_detection is None


def test_null_turns_transcription_off() -> None:
    before = tuned(transcription={"model": "whisper-1"})
    assert tuned(before, transcription=None).audio.input.transcription is None


def test_transcription_keeps_what_is_not_mentioned() -> None:
    before = tuned(transcription={"model": "whisper-1", "language": "de"})
    after = tuned(before, transcription={"language": "fr"})
    assert after.audio.input.transcription == Transcription(model="whisper-1", language="fr")


def test_a_format_is_replaced_whole() -> None:
    assert tuned(format={"type": "audio/pcmu"}).audio.input.format == PcmuFormat()


def test_a_new_voice_replaces_a_custom_one_whole() -> None:
    before = update(audio={"output": {"voice": {"id": "anna"}}})
    assert update(before, audio={"output": {"voice": "marin"}}).audio.output.voice == "marin"


def test_turn_detection_keeps_its_knobs_when_its_type_is_said_again() -> None:
    before = tuned(turn_detection={"type": "server_vad", "threshold": 0.7})
    assert vad(before, type="server_vad", silence_duration_ms=300) == ServerVad(threshold=0.7, silence_duration_ms=300)


def test_turn_detection_keeps_its_knobs_when_its_type_is_not_said() -> None:
    before = tuned(turn_detection={"type": "server_vad", "threshold": 0.7})
    assert vad(before, create_response=False) == ServerVad(threshold=0.7, create_response=False)


def test_turn_detection_of_another_type_does_not_inherit_knobs() -> None:
    other = msgspec.structs.replace(DEFAULT.audio.input, turn_detection=SemanticVad(create_response=False))
    before = msgspec.structs.replace(DEFAULT, audio=msgspec.structs.replace(DEFAULT.audio, input=other))
    assert vad(before, type="server_vad") == ServerVad()


def test_turn_detection_that_was_off_begins_with_its_defaults() -> None:
    off = tuned(tuned(turn_detection={"type": "server_vad", "threshold": 0.7}), turn_detection=None)
    assert vad(off, type="server_vad", prefix_padding_ms=100) == ServerVad(prefix_padding_ms=100)


def test_turn_detection_that_was_off_needs_a_type() -> None:
    session = {"type": "realtime", "audio": {"input": {"turn_detection": {"threshold": 0.7}}}}
    assert fault_of(session, before=tuned(turn_detection=None)) == (
        "missing_required_parameter",
        "session.audio.input.turn_detection.type",
    )


def test_a_choice_among_the_tools_falls_with_them() -> None:
    before = update(tools=[{"type": "function", "name": "dance"}], tool_choice={"type": "function", "name": "dance"})
    assert fault_of({"type": "realtime", "tools": []}, before) == ("invalid_value", "session.tool_choice.name")


@pytest.mark.parametrize(
    "truncation",
    [
        "disabled",
        {"type": "retention_ratio", "retention_ratio": 0},
        {"type": "retention_ratio", "retention_ratio": 1, "token_limits": {"post_instructions": 100}},
    ],
)
def test_how_a_conversation_is_cut_is_replaced_whole(truncation: Any) -> None:
    before = update(truncation={"type": "retention_ratio", "retention_ratio": 0.5, "token_limits": {}})
    assert as_json(update(before, truncation=truncation))["truncation"] == truncation


def test_noise_reduction_keeps_its_strength_until_it_is_changed(client: Client) -> None:
    """OpenAI: omitting strength from a session update preserves the current strength."""
    client.tune(noise_reduction={"type": "near_field", "strength": 0.3})
    client.tune(noise_reduction={"type": "far_field"})
    assert client.session.config.audio.input.noise_reduction == NoiseReduction(type="far_field", strength=0.3)
    client.tune(noise_reduction=None)
    client.tune(noise_reduction={"type": "far_field"})
    assert client.session.config.audio.input.noise_reduction == NoiseReduction(type="far_field", strength=1.0)


# --- what is shown only to who has chosen it ---------------------------------------------------------------------


def test_a_temperature_is_shown_to_who_has_chosen_one(client: Client) -> None:
    assert client.update(temperature=0.8).event("session.updated")["session"]["temperature"] == 0.8


def test_the_strength_of_noise_reduction_is_shown_to_who_has_chosen_one(client: Client) -> None:
    told = client.tune(noise_reduction={"type": "near_field"}).event("session.updated")["session"]
    assert told["audio"]["input"]["noise_reduction"] == {"type": "near_field"}
    told = client.tune(noise_reduction={"type": "near_field", "strength": 0.5}).event("session.updated")["session"]
    assert told["audio"]["input"]["noise_reduction"]["strength"] == 0.5


# --- whatever is said --------------------------------------------------------------------------------------------

CHOICES = st.fixed_dictionaries(
    {},
    optional={
        "instructions": st.text(max_size=9),
        "output_modalities": st.sampled_from([["audio"], ["text"]]),
        "max_output_tokens": st.integers(1, 4096) | st.just("inf"),
        "audio": st.fixed_dictionaries(
            {},
            optional={
                "input": st.fixed_dictionaries(
                    {},
                    optional={
                        "format": st.sampled_from([{"type": "audio/pcm"}, {"type": "audio/pcma"}]),
                        "transcription": st.none() | st.fixed_dictionaries({}, optional={"language": st.just("de")}),
                        "turn_detection": st.none()
                        | st.fixed_dictionaries(
                            {"type": st.just("server_vad")},
                            optional={"threshold": st.floats(0, 1), "create_response": st.booleans()},
                        ),
                    },
                ),
                "output": st.fixed_dictionaries({}, optional={"speed": st.floats(0.25, 1.5), "voice": st.just("ash")}),
            },
        ),
    },
)


@examples
@given(CHOICES, CHOICES)
def test_an_update_sets_what_it_says_and_nothing_else(first: dict[str, Any], second: dict[str, Any]) -> None:
    before = update(**first)
    after = update(before, **second)
    assert_holds(as_json(after), second, as_json(before))


def as_json(config: SessionConfig) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(config))
    return plain


def assert_holds(after: dict[str, Any], said: dict[str, Any], before: dict[str, Any]) -> None:
    """What was said holds afterwards; what was not said holds as before, unless its object is a new one."""
    for name, value in after.items():
        if name not in said:
            assert value == before.get(name, value)
        elif isinstance(value, dict) and isinstance(before[name], dict):
            assert_holds(value, said[name], before[name] if name != "format" else {})
        elif isinstance(value, dict):
            assert value.items() >= said[name].items()
        else:
            assert value == said[name]


@examples
@given(CHOICES)
def test_the_same_update_again_changes_nothing(choices: dict[str, Any]) -> None:
    once = update(**choices)
    assert update(once, **choices) == once


@examples
@given(CHOICES)
def test_a_session_sent_back_as_it_is_changes_nothing(choices: dict[str, Any]) -> None:
    before = update(**choices)
    assert merge_update(before, msgspec.to_builtins(before)) == before
