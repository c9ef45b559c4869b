"""Speech over an answer that has to be meant, as the session sees it. Who decides tells it; it holds, and goes on."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from openai._models import construct_type
from openai.types.realtime import RealtimeServerEvent

from realtime.protocol import reports, wire
from realtime.protocol.beta import encode
from realtime.protocol.interruption import OutputDucked, OutputResumed
from tests.protocol.client import STARTED, Client, Told

DUCKED = ["response.output_audio.ducked", "HoldVoice"]
RESUMED = ["response.output_audio.resumed", "ReleaseVoice"]


@pytest.fixture
def client() -> Client:
    """Who wants to be asked."""
    client = Client()
    client.open()
    client.tune(turn_detection={"barge_in": "confirmed"})
    return client


def speaks(client: Client) -> str:
    """An answer of which something was heard; its response's id."""
    response_id = client.create(instructions="Speak.")
    client.say(response_id, "Well, ", 100)
    return response_id


def suspect(client: Client) -> Told:
    """Somebody may be talking over it."""
    return client.report(reports.SpeechSuspected())


def dismiss(client: Client) -> Told:
    """Nobody was."""
    return client.report(reports.SpeechDismissed())


def test_what_was_heard_last_is_ducked_and_goes_on(client: Client) -> None:
    response_id = speaks(client)
    told = suspect(client)
    assert told.names == DUCKED
    item_id = told.event(DUCKED[0])["item_id"]
    assert told.event(DUCKED[0])["response_id"] == response_id
    told = dismiss(client)
    assert told.names == RESUMED
    assert told.event(RESUMED[0])["item_id"] == item_id
    assert "response.output_audio.delta" in client.say(response_id, "then.", 100).names


def test_who_meant_it_interrupts_as_ever(client: Client) -> None:
    """Then the voice is free again, of whichever response comes next."""
    speaks(client)
    suspect(client)
    told = client.begin_speech(700)
    assert (told.names[0], told.names[-1]) == (STARTED, "ReleaseVoice")
    assert told.event("response.done")["response"]["status_details"]["reason"] == "turn_detected"
    assert told.names.index("StopReply") < told.names.index("ReleaseVoice"), "nothing more of it gets out"
    assert dismiss(client).names == []


def test_without_anything_heard_nobody_is_suspected(client: Client) -> None:
    assert suspect(client).names == []
    client.put(client.create(instructions="Write.", output_modalities=["text"]), "Well")
    assert suspect(client).names == []


@pytest.mark.parametrize("detection", [{"barge_in": "immediate"}, {"interrupt_response": False}, None])
def test_only_who_wants_it_is_told(client: Client, detection: dict[str, Any] | None) -> None:
    client.tune(turn_detection=detection)
    speaks(client)
    assert suspect(client).names == []


def test_nobody_is_suspected_twice_or_while_speaking(client: Client) -> None:
    speaks(client)
    suspect(client)
    assert suspect(client).names == []
    client.begin_speech()
    assert suspect(client).names == []


def test_the_end_of_the_answer_changes_nothing(client: Client) -> None:
    """It was sent, and not yet heard to its end."""
    response_id = speaks(client)
    suspect(client)
    assert "response.done" in client.finish(response_id).names
    assert dismiss(client).event(RESUMED[0])["response_id"] == response_id


def test_a_cancel_does_not_end_the_doubt(client: Client) -> None:
    speaks(client)
    suspect(client)
    assert RESUMED[0] not in client.send("response.cancel").names
    assert dismiss(client).names == RESUMED


def test_what_was_cancelled_is_not_played_any_more(client: Client) -> None:
    """Neither is what the user has interrupted."""
    speaks(client)
    client.send("response.cancel")
    assert suspect(client).names == []
    speaks(client)
    client.begin_speech()
    client.end_speech()
    assert suspect(client).names == []


def test_it_goes_on_with_what_was_ducked(client: Client) -> None:
    """Sound of another answer that was on its way by then does not change which that was."""
    first = speaks(client)
    other = client.create(conversation="none", instructions="Speak too.")
    suspect(client)
    client.say(other, "Well, ", 100)
    assert dismiss(client).event(RESUMED[0])["response_id"] == first


@pytest.mark.parametrize("what", ["clear", "commit"])
def test_who_takes_the_sound_ends_the_doubt(client: Client, what: str) -> None:
    speaks(client)
    client.append_ms(200)
    suspect(client)
    assert client.send(f"input_audio_buffer.{what}").names[:2] == RESUMED
    assert dismiss(client).names == []


def test_a_commit_that_is_refused_does_not(client: Client) -> None:
    speaks(client)
    suspect(client)
    assert client.send("input_audio_buffer.commit").fault[0] == "input_audio_buffer_commit_empty"
    assert dismiss(client).names == RESUMED


@pytest.mark.parametrize(
    "detection", [{"barge_in": "immediate"}, {"interrupt_response": False}, {"type": "semantic_vad"}, None]
)
def test_who_wants_to_be_asked_no_longer_ends_the_doubt(client: Client, detection: dict[str, Any] | None) -> None:
    """Another kind of detection has knobs of its own, and barge-in is one of them."""
    speaks(client)
    suspect(client)
    assert client.tune(turn_detection=detection).names[:4] == ["TuneInput", "session.updated", *RESUMED]


def test_another_change_does_not(client: Client) -> None:
    speaks(client)
    suspect(client)
    assert client.tune(turn_detection={"threshold": 0.7}).names == ["TuneInput", "session.updated"]
    assert dismiss(client).names == RESUMED


def test_silence_that_is_a_turn_ends_the_doubt(client: Client) -> None:
    """The buffer is empty then, whoever made a sound in it."""
    client.tune(turn_detection={"idle_timeout_ms": 5000})
    client.finish(speaks(client))
    suspect(client)
    assert client.report(reports.NobodySpoke()).names[:2] == RESUMED


@pytest.mark.parametrize("kind", ["server_vad", "semantic_vad"])
def test_the_setting_is_shown_to_who_has_chosen_it(kind: str) -> None:
    client = Client()
    assert "barge_in" not in client.open().event("session.created")["session"]["audio"]["input"]["turn_detection"]
    for value in ("confirmed", "immediate"):
        told = client.tune(turn_detection={"type": kind, "barge_in": value}).event("session.updated")
        assert told["session"]["audio"]["input"]["turn_detection"]["barge_in"] == value
    assert client.tune(turn_detection={"barge_in": "perhaps"}).fault == (
        "invalid_value",
        "session.audio.input.turn_detection.barge_in",
    )


@pytest.mark.parametrize("kind", [OutputDucked, OutputResumed])
def test_openais_library_reads_on_and_the_beta_has_no_word_for_it(kind: type[OutputDucked | OutputResumed]) -> None:
    event = kind(response_id="resp_1", item_id="item_1")
    read: Any = construct_type(type_=cast(Any, RealtimeServerEvent), value=json.loads(wire.encode(event, "event_1")))
    assert (read.type, read.item_id) == (str(kind.__struct_config__.tag), "item_1")
    assert encode(event, lambda: "event_1") == ()
