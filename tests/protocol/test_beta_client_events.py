"""What a client of the beta says is read as what GA would have said, and refused in the beta's words."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.protocol import beta, wire
from realtime.protocol import client_events as asked
from realtime.protocol.config import PcmuFormat
from realtime.protocol.items import (
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputText,
    ItemReference,
    Message,
    OutputAudio,
    OutputText,
)
from realtime.protocol.tools import ChosenFunction, FunctionTool
from tests.protocol.beta_client import TOOL, BetaClient
from tests.protocol.beta_contract import CLIENT_EVENTS
from tests.protocol.effort import examples

MESSAGE = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}

EXAMPLES: dict[str, dict[str, Any]] = {
    "session.update": {"session": {"instructions": "Be brief.", "turn_detection": None}},
    "transcription_session.update": {"session": {"input_audio_format": "pcm16"}},
    "input_audio_buffer.append": {"audio": "AAAA"},
    "input_audio_buffer.commit": {},
    "input_audio_buffer.clear": {},
    "output_audio_buffer.clear": {},
    "conversation.item.create": {"item": MESSAGE, "previous_item_id": "root"},
    "conversation.item.retrieve": {"item_id": "item_1"},
    "conversation.item.truncate": {"item_id": "item_1", "content_index": 0, "audio_end_ms": 100},
    "conversation.item.delete": {"item_id": "item_1"},
    "response.create": {"response": {"instructions": "Be brief.", "modalities": ["text"]}},
    "response.cancel": {"response_id": "resp_1"},
}

ALL = pytest.mark.parametrize(("type_", "fields"), EXAMPLES.items(), ids=EXAMPLES.keys())
SAME = [type_ for type_ in EXAMPLES if type_.startswith(("input_audio", "output_audio", "conversation", "response.ca"))]


def text(type_: str, **fields: Any) -> str:
    return json.dumps({"type": type_, **fields})


def refusal(unreadable: str | bytes) -> wire.UnreadableEvent:
    with pytest.raises(wire.UnreadableEvent) as caught:
        beta.decode(unreadable)
    return caught.value


def item_of(item: dict[str, Any]) -> object:
    event = beta.decode(text("conversation.item.create", item=item))
    assert isinstance(event, asked.ItemCreate)
    return event.item


def params_of(**response: Any) -> asked.ResponseParams:
    event = beta.decode(text("response.create", response=response))
    assert isinstance(event, asked.ResponseCreate)
    assert event.response is not None
    return event.response


# --- every event -------------------------------------------------------------------------------------------------


def test_every_client_event_of_the_beta_has_an_example() -> None:
    assert EXAMPLES.keys() == CLIENT_EVENTS.keys()


@ALL
def test_an_example_is_what_openais_library_would_send(type_: str, fields: dict[str, Any]) -> None:
    event = CLIENT_EVENTS[type_].model_validate_json(text(type_, **fields), strict=True)
    assert not event.model_extra


@ALL
def test_every_client_event_is_read(type_: str, fields: dict[str, Any]) -> None:
    event = beta.decode(text(type_, event_id="mine", **fields))
    assert event.__struct_config__.tag == type_.removeprefix("transcription_")
    assert event.event_id == "mine"


@pytest.mark.parametrize("type_", SAME)
def test_most_are_the_same_in_both_dialects(type_: str) -> None:
    said = text(type_, event_id="mine", **EXAMPLES[type_])
    assert beta.decode(said) == wire.decode(said)


def test_bytes_are_read_like_text() -> None:
    assert beta.decode(text("response.create").encode()) == asked.ResponseCreate()


def test_a_session_is_updated_as_what_it_is() -> None:
    flat = {"session": {"input_audio_format": "g711_ulaw"}}
    for prefix, type_ in (("", "realtime"), ("transcription_", "transcription")):
        event = beta.decode(text(f"{prefix}session.update", **flat))
        tree = {"type": type_, "audio": {"input": {"format": {"type": "audio/pcmu"}}}}
        assert event == asked.SessionUpdate(session=tree)


# --- items -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "item"),
    [
        (MESSAGE, Message(role="user", content=(InputText(text="Hello."),))),
        (
            {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "AQI="}]},
            Message(role="user", content=(InputAudio(audio=b"\1\2"),)),
        ),
        (
            {"type": "message", "id": "i", "role": "assistant", "content": [{"type": "text", "text": "Yes."}]},
            Message(id="i", role="assistant", content=(OutputText(text="Yes."),)),
        ),
        (
            {"type": "message", "role": "assistant", "content": [{"type": "audio", "transcript": "Yes."}]},
            Message(role="assistant", content=(OutputAudio(transcript="Yes."),)),
        ),
        (
            {"type": "function_call", "name": "f", "call_id": "c", "arguments": "{}"},
            FunctionCall(name="f", call_id="c", arguments="{}"),
        ),
        (
            {"type": "function_call_output", "call_id": "c", "output": "7"},
            FunctionCallOutput(call_id="c", output="7"),
        ),
    ],
)
def test_an_item_is_read(said: dict[str, Any], item: object) -> None:
    assert item_of(said) == item


@pytest.mark.parametrize(
    ("item", "code", "param"),
    [
        ({"type": "memo"}, "invalid_value", "item.type"),
        ({"type": "mcp_call"}, "invalid_value", "item.type"),
        (MESSAGE | {"role": "critic"}, "invalid_value", "item.role"),
        (MESSAGE | {"content": [{"type": "output_text", "text": ""}]}, "invalid_value", "item.content[0].type"),
        (MESSAGE | {"content": [{"type": "input_image"}]}, "invalid_value", "item.content[0].type"),
        (MESSAGE | {"content": [{"type": "text", "text": ""}]}, "invalid_value", "item.content[0].type"),
        (
            MESSAGE | {"role": "system", "content": [{"type": "input_audio", "audio": ""}]},
            "invalid_value",
            "item.content[0].type",
        ),
        (MESSAGE | {"content": [{"type": "input_audio", "audio": "A"}]}, "invalid_base64", "item.content[0].audio"),
        (MESSAGE | {"memo": 1}, "unknown_parameter", "item.memo"),
    ],
)
def test_a_wrong_item_is_named(item: dict[str, Any], code: str, param: str) -> None:
    problem = refusal(text("conversation.item.create", item=item, event_id="mine"))
    assert (problem.reason, problem.param, problem.event_id) == (code, param, "mine")


def test_a_part_for_another_role_is_refused_in_words_of_the_beta() -> None:
    item = {"type": "message", "role": "assistant", "content": [{"type": "input_text", "text": ""}]}
    assert refusal(text("conversation.item.create", item=item)).message.endswith("may contain: text, audio.")


# --- responses ---------------------------------------------------------------------------------------------------


def test_everything_that_a_response_may_be_asked_for() -> None:
    assert params_of(
        modalities=["text", "audio"],
        instructions="Rhyme.",
        voice="verse",
        output_audio_format="g711_ulaw",
        tools=[TOOL],
        tool_choice="get_weather",
        temperature=1.2,
        max_response_output_tokens="inf",
        conversation="none",
        metadata={"topic": "tea"},
        input=[{"type": "item_reference", "id": "item_1"}, MESSAGE],
    ) == asked.ResponseParams(
        instructions="Rhyme.",
        output_modalities=("audio",),
        audio=asked.ResponseAudio(output=asked.ResponseAudioOutput(format=PcmuFormat(), voice="verse")),
        conversation="none",
        input=(ItemReference(id="item_1"), Message(role="user", content=(InputText(text="Hello."),))),
        metadata={"topic": "tea"},
        max_output_tokens="inf",
        tools=(FunctionTool(name="get_weather", description=TOOL["description"], parameters=TOOL["parameters"]),),
        tool_choice=ChosenFunction(name="get_weather"),
        temperature=1.2,
    )


def test_nothing_asked_for_is_as_in_the_session() -> None:
    assert params_of() == asked.ResponseParams()
    assert params_of(input=[]) == asked.ResponseParams(input=())
    assert params_of(instructions="", tools=[]) == asked.ResponseParams(instructions="", tools=())


def test_the_older_name_of_the_token_limit_is_understood() -> None:
    assert params_of(max_output_tokens=7) == params_of(max_response_output_tokens=7)


@pytest.mark.parametrize(
    ("response", "code", "param"),
    [
        ({"modalities": ["audio"]}, "invalid_value", "response.modalities"),
        ({"modalities": []}, "invalid_value", "response.modalities"),
        ({"output_audio_format": "mp3"}, "invalid_value", "response.output_audio_format"),
        ({"temperature": 0}, "invalid_value", "response.temperature"),
        ({"max_response_output_tokens": 0}, "invalid_value", "response.max_response_output_tokens"),
        ({"max_output_tokens": 0}, "invalid_value", "response.max_output_tokens"),
        ({"max_output_tokens": 5, "max_response_output_tokens": 5}, "invalid_value", "response.max_output_tokens"),
        ({"conversation": "mine"}, "invalid_value", "response.conversation"),
        ({"tools": [{"type": "mcp"}]}, "invalid_value", "response.tools[0].type"),
        ({"metadata": {"topic": 5}}, "invalid_type", "response.metadata[...]"),
        ({"input": [{"type": "memo"}]}, "invalid_value", "response.input[0].type"),
        (
            {"input": [MESSAGE, MESSAGE | {"role": "assistant"}]},
            "invalid_value",
            "response.input[1].content[0].type",
        ),
        ({"output_modalities": ["text"]}, "unknown_parameter", "response.output_modalities"),
        ({"audio": {}}, "unknown_parameter", "response.audio"),
        # What only the session finds out.
        ({"voice": "otto"}, "invalid_value", "response.voice"),
        ({"tool_choice": "dance"}, "invalid_value", "response.tool_choice"),
        ({"tools": [TOOL, TOOL]}, "invalid_value", "response.tools[1].name"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "item_not_found", "response.input[0].id"),
    ],
)
def test_a_wrong_choice_for_a_response_is_named(response: dict[str, Any], code: str, param: str) -> None:
    error = BetaClient().error("response.create", response=response, event_id="mine")
    assert (error["code"], error["param"], error["event_id"]) == (code, param, "mine")
    assert "audio.output" not in error["message"]


# --- what is no event --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "unreadable",
    [
        "",
        "hello",
        "[]",
        "null",
        "{}",
        '{"type":5}',
        '{"type":"no.such.event","event_id":"mine"}',
        '{"type":"session.update","session":{},}',
        '{"type":"response.create","response":{"voice":5},',
        b'{"type":"response.cancel","response_id":"\xff"}',
        '{"type":"response.cancel","event_id":5}',
        '{"type":"response.cancel","event_id":"' + "x" * 513 + '"}',
        '{"type":"input_audio_buffer.append","event_id":"mine","audio":"A"}',
        '{"type":"input_audio_buffer.append","event_id":"mine"}',
        '{"type":"response.cancel","deep":' + "[" * 100_000 + "]" * 100_000 + "}",
    ],
)
def test_what_cannot_be_read_is_refused_as_in_the_other_dialect(unreadable: str | bytes) -> None:
    with pytest.raises(wire.UnreadableEvent) as caught:
        wire.decode(unreadable)
    told, other = refusal(unreadable), caught.value
    assert (told.reason, told.param, told.event_id) == (other.reason, other.param, other.event_id)
    assert told.message == other.message


def test_an_append_has_the_same_limit() -> None:
    most = base64.b64encode(bytes(wire.MAX_APPEND_BYTES)).decode()
    event = beta.decode(text("input_audio_buffer.append", audio=most))
    assert isinstance(event, asked.AudioAppend)
    assert len(event.audio) == wire.MAX_APPEND_BYTES
    problem = refusal(text("input_audio_buffer.append", audio=most + "AAAA", event_id="mine"))
    assert (problem.reason, problem.param, problem.event_id) == ("string_above_max_length", "audio", "mine")


def test_an_append_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty milliseconds of sound come fifty times a second, from everybody."""

    def read_again(text: str | bytes) -> asked.ClientEvent:
        raise AssertionError("read twice")

    monkeypatch.setattr(wire, "decode", read_again)
    assert beta.decode(text("input_audio_buffer.append", audio="AAAA")) == asked.AudioAppend(audio=b"\0\0\0")


@examples
@given(st.binary(max_size=80) | st.text(max_size=80))
def test_nothing_that_arrives_is_an_exception(noise: str | bytes) -> None:
    refusal(noise)


@examples
@given(st.data())
def test_an_event_damaged_anywhere_is_read_or_refused(data: st.DataObject) -> None:
    type_ = data.draw(st.sampled_from(sorted(EXAMPLES)))
    whole = text(type_, event_id="mine", **EXAMPLES[type_]).encode()
    start = data.draw(st.integers(0, len(whole) - 1))
    end = data.draw(st.integers(start, min(start + 8, len(whole))))
    damaged = whole[:start] + data.draw(st.binary(max_size=4)) + whole[end:]
    with suppress(wire.UnreadableEvent):
        assert isinstance(beta.decode(damaged), asked.ClientEvent)
