"""The check itself: what it lets pass and what it must not, so that the rest of the tests can rely on it."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from openai.resources.realtime.realtime import RealtimeConnection

from tests.protocol.client import Client
from tests.protocol.contract import ContractBroken, check_event

ITEM = {
    "id": "item_1",
    "object": "realtime.item",
    "type": "message",
    "status": "completed",
    "role": "user",
    "content": [{"type": "input_text", "text": "Hello."}],
}
EVENT: dict[str, Any] = {
    "type": "conversation.item.added",
    "event_id": "event_1",
    "previous_item_id": None,
    "item": ITEM,
}


def test_an_event_as_openai_sends_it_passes() -> None:
    assert check_event(json.dumps(EVENT)) == EVENT


def test_what_openai_adds_to_a_session_passes(client: Client) -> None:
    assert client.update().event("session.updated")["session"].keys() >= {"id", "object", "expires_at"}


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(EVENT | {"type": "conversation.item.invented"}, id="a type nobody knows"),
        pytest.param({key: EVENT[key] for key in EVENT if key != "type"}, id="no type"),
        pytest.param({key: EVENT[key] for key in EVENT if key != "event_id"}, id="a required field missing"),
        pytest.param({key: EVENT[key] for key in EVENT if key != "previous_item_id"}, id="a usual field missing"),
        pytest.param(EVENT | {"event_id": 1}, id="a number for a string"),
        pytest.param(EVENT | {"extra": 1}, id="a field of our own"),
        pytest.param(EVENT | {"item": ITEM | {"extra": 1}}, id="a field of our own, nested"),
        pytest.param(EVENT | {"item": ITEM | {"status": "finished"}}, id="a word of our own"),
        pytest.param(EVENT | {"item": ITEM | {"role": "assistant"}}, id="a part of another role"),
        pytest.param(EVENT | {"item": ITEM | {"content": [{"type": "text"}]}}, id="a part's old name"),
        pytest.param(EVENT | {"item": ITEM | {"content": [{"type": "input_text", "x": 1}]}}, id="a field in a part"),
        pytest.param(EVENT | {"item": {key: ITEM[key] for key in ITEM if key != "id"}}, id="an item without id"),
    ],
)
def test_an_event_unlike_openais_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ContractBroken):
        check_event(json.dumps(wrong))


TIMING = {"type": "response.timing", "event_id": "event_1", "response_id": "resp_1", "item_id": "item_1"} | {
    "timing": {
        **{"endpoint_ms": 96.0, "transcription_ms": 70.0, "queueing_ms": 0.0, "first_token_ms": 50.0},
        **{"first_sentence_ms": 80.0, "first_sound_ms": 30.0, "send_ms": 1.0, "total_ms": 327.0, "speculated": False},
    }
}
"""An event of our own, as it is written."""


def test_an_extension_passes_as_its_own_struct_has_it() -> None:
    assert check_event(json.dumps(TIMING)) == TIMING


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(TIMING | {"extra": 1}, id="a field nobody declared"),
        pytest.param({key: TIMING[key] for key in TIMING if key != "event_id"}, id="no id"),
        pytest.param({key: TIMING[key] for key in TIMING if key != "item_id"}, id="a field missing"),
        pytest.param(TIMING | {"timing": TIMING["timing"] | {"send_ms": "1"}}, id="text for a number"),  # type: ignore[operator]
    ],
)
def test_an_extension_unlike_its_struct_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ContractBroken):
        check_event(json.dumps(wrong))


def test_openais_library_reads_on_after_an_extension() -> None:
    """As an event that it does not know; a client that has asked for it finds the fields."""
    read: Any = RealtimeConnection(cast(Any, None)).parse_event(json.dumps(TIMING))
    assert (read.type, read.timing["total_ms"]) == ("response.timing", 327.0)


def test_a_key_said_twice_is_refused() -> None:
    with pytest.raises(ContractBroken, match="twice"):
        check_event('{"type":"input_audio_buffer.cleared","event_id":"event_1","event_id":"event_2"}')
