"""What only a session can judge of an update, and what the update sets in motion."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from realtime.protocol import effects
from realtime.protocol.config import AudioConfig, AudioInput, Transcription
from realtime.protocol.offer import OPENAI_VOICES
from tests.protocol.client import OFFER, Client

DANCE = {"type": "function", "name": "dance"}


def test_the_model_stays(client: Client) -> None:
    assert client.update(model="cockatoo").fault == ("invalid_value", "session.model")


def test_a_client_that_came_without_naming_a_model_may_name_one_once() -> None:
    """The Agents SDK does, wherever it is not connected to OpenAI."""
    client = Client(offer=replace(OFFER, default_model="parrot"))
    client.open()
    assert client.update(model="cockatoo").names == ["session.updated"]
    assert client.session.config.model == "cockatoo"
    assert client.update(model="macaw").fault == ("invalid_value", "session.model")


def test_the_model_may_be_said_again(client: Client) -> None:
    assert client.update(model="parrot").names == ["session.updated"]


@pytest.mark.parametrize("voice", ["anna", {"id": "anna"}, *sorted(OPENAI_VOICES)])
def test_a_voice_of_the_server_or_of_openai_is_accepted(voice: object, client: Client) -> None:
    told = client.update(audio={"output": {"voice": voice}})
    assert told.event("session.updated")["session"]["audio"]["output"]["voice"] == voice


@pytest.mark.parametrize("voice", ["otto", "", "Anna", {"id": "otto"}])
def test_a_voice_nobody_has_is_refused_and_the_others_are_named(voice: object, client: Client) -> None:
    told = client.update(audio={"output": {"voice": voice}})
    assert told.fault == ("invalid_value", "session.audio.output.voice")
    assert all(name in told.error["message"] for name in ("anna", *OPENAI_VOICES))


def test_the_voice_may_change_until_it_was_heard(client: Client) -> None:
    response_id = client.create()
    client.say(response_id, "Hm", ms=0)
    assert client.update(audio={"output": {"voice": "anna"}}).names == ["session.updated"]


def test_the_voice_stays_once_it_was_heard(client: Client) -> None:
    client.spoken_item(("Hm", 20))
    told = client.update(audio={"output": {"voice": "anna"}})
    assert told.fault == ("cannot_update_voice", "session.audio.output.voice")


def test_the_voice_may_be_said_again_once_it_was_heard(client: Client) -> None:
    client.spoken_item(("Hm", 20))
    assert client.update(audio={"output": {"voice": "alloy"}}).names == ["session.updated"]


def test_sound_of_a_reply_that_is_over_does_not_fix_the_voice(client: Client) -> None:
    response_id = client.create()
    client.send("response.cancel")
    client.say(response_id, "Hm", 20)
    assert client.update(audio={"output": {"voice": "anna"}}).names == ["session.updated"]


def test_a_response_may_have_a_voice_of_its_own_until_one_was_heard(client: Client) -> None:
    told = client.send("response.create", response={"audio": {"output": {"voice": "anna"}}})
    assert told.event("response.created")["response"]["audio"]["output"]["voice"] == "anna"


def test_a_response_keeps_to_the_voice_that_was_heard(client: Client) -> None:
    client.spoken_item(("Hm", 20))
    told = client.send("response.create", response={"audio": {"output": {"voice": "anna"}}})
    assert told.fault == ("cannot_update_voice", "response.audio.output.voice")


def test_a_response_may_name_the_sessions_voice_once_it_was_heard(client: Client) -> None:
    client.spoken_item(("Hm", 20))
    assert client.create(audio={"output": {"voice": "alloy"}})


def test_a_response_cannot_have_a_voice_nobody_has(client: Client) -> None:
    told = client.send("response.create", response={"audio": {"output": {"voice": "otto"}}})
    assert told.fault == ("invalid_value", "response.audio.output.voice")


# --- what the update sets in motion ------------------------------------------------------------------------------


def test_a_change_of_the_input_reaches_the_microphone_before_the_client(client: Client) -> None:
    assert client.tune(format={"type": "audio/pcmu"}).names == ["TuneInput", "session.updated"]


def test_a_change_of_anything_else_leaves_the_microphone_alone(client: Client) -> None:
    told = client.update(instructions="Be brief.", audio={"output": {"speed": 1.5}})
    assert told.names == ["session.updated", "ReadAhead"]


@pytest.mark.parametrize(
    "changed", [{"instructions": "Be brief."}, {"tools": [DANCE]}, {"tools": [DANCE], "tool_choice": "required"}]
)
def test_what_answers_begin_with_is_read_ahead(changed: dict[str, Any], client: Client) -> None:
    """Once for each change: then the model has it in mind before anybody speaks."""
    assert client.update(**changed).names == ["session.updated", "ReadAhead"]
    assert client.update(**changed).names == ["session.updated"]


def test_what_is_read_ahead_is_what_the_next_answer_begins_with(client: Client) -> None:
    client.write("Hello.")
    ahead = client.update(instructions="Be brief.", tools=[DANCE]).effect(effects.ReadAhead).reply
    started = client.send("response.create").effect(effects.StartReply)
    assert (ahead.instructions, ahead.tools, ahead.items) == (started.instructions, started.tools, started.items)


def test_where_nobody_answers_nothing_is_read_ahead() -> None:
    client = Client(type="transcription", audio=AudioConfig(input=AudioInput(transcription=Transcription())))
    assert "ReadAhead" not in client.open().names
