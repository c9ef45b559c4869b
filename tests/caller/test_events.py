from __future__ import annotations

import json

import pytest

from realtime.caller.errors import NotAnEvent
from realtime.caller.events import append, read_event, write_event
from realtime.protocol import client_events, server_events, wire


def test_what_a_caller_writes_is_what_the_server_reads() -> None:
    assert wire.decode(append(b"\x01\x02\x03")) == client_events.AudioAppend(audio=b"\x01\x02\x03")
    update = wire.decode(write_event("session.update", session={"type": "realtime"}))
    assert update == client_events.SessionUpdate(session={"type": "realtime"})


def test_what_the_server_writes_is_what_a_caller_reads() -> None:
    delta = server_events.AudioDelta(response_id="r", item_id="i", output_index=0, delta=b"\x01\x02")
    event = read_event(wire.encode(delta, "event_1"))
    assert (event.type, event.response_id, event.sound) == ("response.output_audio.delta", "r", b"\x01\x02")


def test_an_event_nobody_knows_is_no_problem() -> None:
    assert read_event('{"type":"rate_limits.updated","rate_limits":[]}').type == "rate_limits.updated"


@pytest.mark.parametrize("text", ["", "hello", "[]", "{}", b"\xff\x00", '{"type":5}'])
def test_what_is_no_event_is_said_to_be_none(text: str | bytes) -> None:
    with pytest.raises(NotAnEvent, match="no event"):
        read_event(text)


def test_sound_must_be_base64() -> None:
    event = read_event(json.dumps({"type": "response.output_audio.delta", "delta": "§§"}, ensure_ascii=True))
    with pytest.raises(NotAnEvent, match="base64"):
        _ = event.sound
