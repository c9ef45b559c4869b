"""JSON in, JSON out: whatever arrives becomes an event or an error that says what was wrong, never an exception."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.protocol import client_events as asked
from realtime.protocol import server_events as said
from realtime.protocol import wire
from realtime.protocol.faults import MAX_NESTING
from realtime.protocol.items import InputAudio, InputText, Message, OutputText
from tests.protocol.client import Client
from tests.protocol.contract import CLIENT_EVENTS, check_event
from tests.protocol.effort import examples

MESSAGE = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}

EXAMPLES: dict[str, dict[str, Any]] = {
    "session.update": {"session": {"type": "realtime", "instructions": "Be brief."}},
    "input_audio_buffer.append": {"audio": "AAAA"},
    "input_audio_buffer.commit": {},
    "input_audio_buffer.clear": {},
    "output_audio_buffer.clear": {},
    "conversation.item.create": {"item": MESSAGE, "previous_item_id": "root"},
    "conversation.item.retrieve": {"item_id": "item_1"},
    "conversation.item.truncate": {"item_id": "item_1", "content_index": 0, "audio_end_ms": 100},
    "conversation.item.delete": {"item_id": "item_1"},
    "response.create": {"response": {"instructions": "Be brief.", "metadata": {"topic": "tea"}}},
    "response.cancel": {"response_id": "resp_1"},
}

ALL = pytest.mark.parametrize(("type_", "fields"), EXAMPLES.items(), ids=EXAMPLES.keys())


def text(type_: str, **fields: Any) -> str:
    return json.dumps({"type": type_, **fields})


def refusal(unreadable: str | bytes) -> wire.UnreadableEvent:
    with pytest.raises(wire.UnreadableEvent) as caught:
        wire.decode(unreadable)
    return caught.value


# --- in ----------------------------------------------------------------------------------------------------------


def test_every_client_event_of_openai_has_an_example() -> None:
    assert EXAMPLES.keys() == CLIENT_EVENTS.keys()


@ALL
def test_an_example_is_what_openais_library_would_send(type_: str, fields: dict[str, Any]) -> None:
    event = CLIENT_EVENTS[type_].model_validate_json(text(type_, **fields), strict=True)
    assert not event.model_extra


@ALL
def test_every_client_event_is_read(type_: str, fields: dict[str, Any]) -> None:
    event = wire.decode(text(type_, event_id="mine", **fields))
    assert event.__struct_config__.tag == type_
    assert event.event_id == "mine"
    assert all(hasattr(event, name) for name in fields)


@ALL
def test_an_event_needs_no_id(type_: str, fields: dict[str, Any]) -> None:
    assert wire.decode(text(type_, **fields)).event_id is None


def test_bytes_are_read_like_text() -> None:
    assert wire.decode(text("response.cancel").encode()) == wire.decode(text("response.cancel"))


def test_base64_is_decoded() -> None:
    event = wire.decode(text("input_audio_buffer.append", audio=base64.b64encode(b"\x01\x02\xff").decode()))
    assert event == asked.AudioAppend(audio=b"\x01\x02\xff")


def test_text_beyond_ascii_arrives_whole() -> None:
    words = "Grüße \N{SNOWMAN} \N{GRINNING FACE} \x00 \u2028"
    event = wire.decode(text("conversation.item.retrieve", item_id=words))
    assert event == asked.ItemRetrieve(item_id=words)


def test_an_item_in_an_event_is_typed() -> None:
    event = wire.decode(text("conversation.item.create", item=MESSAGE))
    assert event == asked.ItemCreate(item=Message(role="user", content=(InputText(text="Hello."),)))


# --- what is no event --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "unreadable",
    [
        "",
        " ",
        "hello",
        "{",
        '{"type":"response.cancel"',
        '{"type":"response.cancel",}',
        '{"type":"response.cancel"} {}',
        "{'type':'response.cancel'}",
        "\N{ZERO WIDTH NO-BREAK SPACE}{}",
        '{"type":"response.cancel","response_id":NaN}',
        '{"type":"response.cancel","response_id":"\\ud800"}',
        '{"type":"response.cancel","response_id":"\ud800"}',
        b'{"type":"response.cancel","response_id":"\xff"}',
        b"\xff\xfe{\x00}\x00",
    ],
)
def test_what_is_not_json_is_refused(unreadable: str | bytes) -> None:
    problem = refusal(unreadable)
    assert (problem.reason, problem.param, problem.event_id) == ("invalid_json", None, None)
    assert problem.message.startswith("Not valid JSON: ")


HALF = ["\\ud83d", "\\uDE00", "\\ud83d\\u0041", "\\uDE00\\uD83D", "\\\\\\ud83d", "\\ud83d\\ude00\\ud83d"]


@pytest.mark.parametrize("half", HALF)
@pytest.mark.parametrize(
    "where", ['{"event_id":"mine","type":"response.cancel","response_id":"%s"}', '{"x":"%s","event_id":"mine"}']
)
def test_half_an_emoji_does_not_hide_how_an_event_is_called(where: str, half: str) -> None:
    for unreadable in (where.replace("%s", half), where.replace("%s", half).encode()):
        problem = refusal(unreadable)
        assert (problem.reason, problem.event_id) == ("invalid_json", "mine")


@pytest.mark.parametrize(
    "unreadable",
    [
        '{"type":"x","item":{"event_id":"theirs","text":"\\ud83d"}}',
        '{"type":"x","text":"\\"event_id\\":\\"theirs\\"\\ud83d"}',
        '{"event_id":5,"text":"\\ud83d"}',
        '{"event_id":"mine \\ud83d","type":"response.cancel"}',
        '{"event_id":"' + "x" * 513 + '","text":"\\ud83d"}',
        '{"event_id":"mine","text":"\\ud83d' + "x" * wire.MAX_MENDED_BYTES + '"}',
    ],
)
def test_nothing_else_is_taken_for_an_events_name(unreadable: str) -> None:
    assert refusal(unreadable).event_id is None


@pytest.mark.parametrize(
    "unreadable",
    [
        '{"type":"no.such.event",}',
        '{"type":"input_audio_buffer.append","audio":5,}',
        '{"type":5,"event_id":"mine", and so on',
        b'{"type":"no.such.event","event_id":"\xff"}',
    ],
)
def test_a_fault_in_an_event_does_not_hide_that_the_rest_is_not_json(unreadable: str | bytes) -> None:
    assert refusal(unreadable).reason == "invalid_json"


@pytest.mark.parametrize("unreadable", ["[]", "5", '"response.cancel"', "null", "true", '[{"type":"response.cancel"}]'])
def test_json_that_is_no_object_is_refused(unreadable: str) -> None:
    problem = refusal(unreadable)
    assert (problem.reason, problem.message) == ("invalid_event", "An event must be a JSON object.")


@pytest.mark.parametrize("unreadable", ["{}", '{"event_id":"mine"}', '{"type":null}'])
def test_a_missing_type_is_named(unreadable: str) -> None:
    problem = refusal(unreadable)
    assert (problem.reason, problem.param) == ("missing_required_parameter", "type")


@pytest.mark.parametrize("type_", [5, [], {}, True, 1.5])
def test_a_type_that_is_no_string_is_named(type_: object) -> None:
    problem = refusal(json.dumps({"type": type_, "event_id": "mine"}))
    assert (problem.reason, problem.param, problem.event_id) == ("invalid_type", "type", "mine")


@pytest.mark.parametrize("type_", ["no.such.event", "", "response.audio.delta", "session.created", "Response.cancel"])
def test_an_unknown_type_is_named(type_: str) -> None:
    problem = refusal(text(type_, event_id="mine"))
    assert (problem.reason, problem.param, problem.event_id) == ("invalid_value", "type", "mine")
    assert problem.message == f"Invalid value: {type_!r} is no client event."


@pytest.mark.parametrize(
    ("unreadable", "code", "param"),
    [
        (text("input_audio_buffer.append"), "missing_required_parameter", "audio"),
        (text("input_audio_buffer.append", audio=5), "invalid_type", "audio"),
        (text("input_audio_buffer.append", audio=None), "invalid_type", "audio"),
        (text("input_audio_buffer.append", audio="AAAA", rate=8000), "unknown_parameter", "rate"),
        (text("session.update"), "missing_required_parameter", "session"),
        (text("session.update", session=[]), "invalid_type", "session"),
        (text("conversation.item.create"), "missing_required_parameter", "item"),
        (text("conversation.item.create", item={"type": "message"}), "missing_required_parameter", "item.role"),
        (text("conversation.item.create", item=MESSAGE | {"type": "memo"}), "invalid_value", "item.type"),
        (text("conversation.item.create", item=MESSAGE | {"role": "critic"}), "invalid_value", "item.role"),
        (
            text("conversation.item.create", item=MESSAGE | {"content": [{"type": "input_text"}]}),
            "missing_required_parameter",
            "item.content[0].text",
        ),
        (text("conversation.item.create", item=MESSAGE, previous_item_id=1), "invalid_type", "previous_item_id"),
        (text("conversation.item.retrieve"), "missing_required_parameter", "item_id"),
        (text("conversation.item.delete", item_id=None), "invalid_type", "item_id"),
        (text("response.create", response=[]), "invalid_type", "response"),
        (text("response.cancel", response_id=7), "invalid_type", "response_id"),
    ],
)
def test_a_wrong_field_is_named(unreadable: str, code: str, param: str) -> None:
    problem = refusal(unreadable)
    assert (problem.reason, problem.param) == (code, param)


@pytest.mark.parametrize("audio", ["A", "AAA", "AA A", "AA=A", "-_-_", "Ä===", "AAAA\n"])
def test_base64_that_is_none_is_refused(audio: str) -> None:
    problem = refusal(text("input_audio_buffer.append", audio=audio, event_id="mine"))
    assert (problem.reason, problem.param, problem.event_id) == ("invalid_base64", "audio", "mine")


def test_an_append_may_carry_15_mib() -> None:
    audio = base64.b64encode(bytes(15 * 1024 * 1024)).decode()
    event = wire.decode(text("input_audio_buffer.append", audio=audio))
    assert isinstance(event, asked.AudioAppend)
    assert len(event.audio) == 15 * 1024 * 1024


def test_an_append_beyond_15_mib_is_refused() -> None:
    audio = base64.b64encode(bytes(15 * 1024 * 1024 + 1)).decode()
    problem = refusal(text("input_audio_buffer.append", audio=audio, event_id="mine"))
    assert (problem.reason, problem.param, problem.event_id) == ("string_above_max_length", "audio", "mine")


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 5000, "1.5", "-1", "true", '"0"'])
def test_a_number_that_is_no_position_is_refused(number: str) -> None:
    problem = refusal(
        '{"type":"conversation.item.truncate","item_id":"a","content_index":0,"audio_end_ms":' + number + "}"
    )
    assert problem.reason in ("invalid_value", "invalid_type")
    assert problem.param == "audio_end_ms"


def test_a_number_out_of_range_is_named_even_where_the_type_should_be() -> None:
    assert refusal('{"type":1e999}').param == "type"


@pytest.mark.parametrize("type_", ["1e999", '{"a":[1e999]}', "9" * 5000, "{}", "null"])
def test_an_error_carries_the_events_name_whatever_its_type_holds(type_: str) -> None:
    assert refusal(f'{{"type":{type_},"event_id":"mine"}}').event_id == "mine"


def test_a_huge_position_is_beyond_the_end_and_not_a_crash(client: Client) -> None:
    item_id = client.spoken_item(("Hi.", 20))
    told = client.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=10**30)
    assert told.fault == ("invalid_value", "audio_end_ms")


@pytest.mark.parametrize(
    "nested",
    [
        '{"type":"session.update","session":{"type":"realtime","tracing":%s}}',
        '{"type":"no.such.event","deep":%s}',
        '{"type":5,"deep":%s}',
    ],
)
def test_an_event_nested_without_end_is_refused(nested: str, client: Client) -> None:
    assert client.send_text(nested.replace("%s", "[" * 100_000 + "]" * 100_000)).error["code"] == "invalid_json"


@pytest.mark.parametrize("depth", range(100, 1000, 60))
def test_nesting_short_of_that_is_judged_like_everything_else(depth: int, client: Client) -> None:
    session = '{"type":"realtime","tracing":{"metadata":{"deep":' + "[" * depth + "]" * depth + "}}}"
    told = client.send_text('{"type":"session.update","session":' + session + "}")
    assert told.fault in (("invalid_value", "session.tracing"), ("invalid_json", None))


@pytest.mark.parametrize("depth", [30, 300])
@pytest.mark.parametrize(
    ("type_", "inside"), [("session.update", "session"), ("response.create", "response")], ids=["session", "response"]
)
def test_a_schema_nested_too_deeply_is_refused(type_: str, inside: str, depth: int, client: Client) -> None:
    schema = '{"properties":{"a":' * depth + "{}" + "}}" * depth
    tools = '[{"type":"function","name":"dance","parameters":' + schema + "}]"
    kind = '"type":"realtime",' if inside == "session" else ""
    told = client.send_text('{"type":"' + type_ + '","' + inside + '":{' + kind + '"tools":' + tools + "}}")
    assert told.error["code"] == "invalid_value"
    assert told.error["param"].startswith(f"{inside}.tools")


def test_values_nested_as_deeply_as_they_may_are_taken(client: Client) -> None:
    tools = [{"type": "function", "name": "dance", "parameters": nested(MAX_NESTING - 2)}]
    assert client.update(tools=tools).names == ["session.updated", "ReadAhead"]


def nested(depth: int) -> dict[str, Any]:
    """Objects within each other."""
    schema: dict[str, Any] = {}
    for _ in range((depth - 1) // 2):
        schema = {"properties": {"a": schema}}
    return schema


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
        assert isinstance(wire.decode(damaged), asked.ClientEvent)


# --- the event's name in the answer ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"type": "no.such.event"}, id="no event"),
        pytest.param({"type": "input_audio_buffer.append"}, id="an event with a fault"),
        pytest.param({"type": "response.cancel"}, id="an event that is refused"),
        pytest.param({}, id="no type"),
    ],
)
def test_an_error_carries_the_name_of_the_event(fields: dict[str, Any], client: Client) -> None:
    assert client.send_text(json.dumps(fields | {"event_id": "mine"})).error["event_id"] == "mine"


@pytest.mark.parametrize("fields", [{"type": "no.such.event"}, {"type": "response.cancel"}])
def test_an_error_about_an_unnamed_event_carries_none(fields: dict[str, Any], client: Client) -> None:
    assert client.send_text(json.dumps(fields)).error["event_id"] is None


@pytest.mark.parametrize("type_", ["response.cancel", "no.such.event"])
def test_a_name_may_have_512_characters(type_: str, client: Client) -> None:
    name = "\N{SNOWMAN}" * 512
    assert client.send(type_, event_id=name).error["event_id"] == name


@pytest.mark.parametrize("name", ["x" * 513, 5, [], {}])
def test_a_name_that_is_none_is_refused_and_not_repeated(name: object, client: Client) -> None:
    error = client.send("response.cancel", event_id=name).error
    assert error["param"] == "event_id"
    assert error["event_id"] is None


def test_an_unusable_name_is_not_repeated_either_when_something_else_is_wrong(client: Client) -> None:
    assert client.send("no.such.event", event_id="x" * 513).error["event_id"] is None


# --- out ---------------------------------------------------------------------------------------------------------


def test_an_event_is_written_with_its_id() -> None:
    assert wire.encode(said.AudioCleared(), "event_7") == '{"event_id":"event_7","type":"input_audio_buffer.cleared"}'


def test_audio_is_written_as_base64() -> None:
    event = said.AudioDelta(response_id="resp_1", item_id="item_1", output_index=0, delta=b"\x01\x02\xff")
    assert check_event(wire.encode(event, "event_1"))["delta"] == "AQL/"


def test_a_field_that_is_unknown_yet_is_null_and_one_that_does_not_apply_is_left_out() -> None:
    item = Message(id="item_1", role="user", content=(InputAudio(),))
    event = check_event(wire.encode(said.ItemRetrieved(item=item), "event_1"))
    assert event["item"]["content"] == [{"type": "input_audio", "transcript": None}]


@examples
@given(st.text())
def test_any_words_come_out_as_they_went_in(words: str) -> None:
    item = Message(id="item_1", role="assistant", content=(OutputText(text=words),))
    event = check_event(wire.encode(said.ItemRetrieved(item=item), "event_1"))
    assert event["item"]["content"][0]["text"] == words
