"""Silence after an answer: it is waited for, ends when anybody speaks, and is answered when it lasts too long."""

from __future__ import annotations

import pytest

from realtime.protocol import reports
from realtime.protocol.effects import AwaitSpeech, StartReply, StopAwaitingSpeech
from tests.protocol.client import Client


@pytest.fixture
def patient(client: Client) -> Client:
    """A client that is spoken to again after five seconds of silence."""
    client.tune(turn_detection={"idle_timeout_ms": 5000})
    return client


def answered(client: Client) -> None:
    client.finish(client.create())


def test_silence_is_awaited_once_an_answer_is_over(patient: Client) -> None:
    response_id = patient.create()
    assert patient.finish(response_id).effect(AwaitSpeech).within_ms == 5000


@pytest.mark.parametrize("how", ["cancelled", "failed"])
def test_it_does_not_matter_how_the_answer_ended(how: str, patient: Client) -> None:
    response_id = patient.create()
    told = patient.send("response.cancel") if how == "cancelled" else patient.fail(response_id)
    assert told.names[-1] == "AwaitSpeech"


def test_nobody_waits_who_was_not_asked_to(client: Client) -> None:
    response_id = client.create()
    assert client.finish(response_id).names == ["response.done"]


def test_nobody_waits_before_the_first_answer(patient: Client) -> None:
    assert patient.append_ms(6000).names == ["Listen"]
    assert patient.report(reports.NobodySpoke()).names == []


def test_an_answer_beside_the_conversation_is_none(patient: Client) -> None:
    assert patient.finish(patient.create(conversation="none", input=[])).names == ["response.done"]


def test_speech_ends_the_silence(patient: Client) -> None:
    answered(patient)
    assert patient.begin_speech().names == ["input_audio_buffer.speech_started", "StopAwaitingSpeech"]


def test_another_answer_ends_the_silence(patient: Client) -> None:
    answered(patient)
    assert patient.send("response.create").names == ["response.created", "StartReply", "StopAwaitingSpeech"]


@pytest.mark.parametrize("detection", [None, {"idle_timeout_ms": None}, {"idle_timeout_ms": 6000}])
def test_other_settings_end_the_silence(detection: dict[str, int | None] | None, patient: Client) -> None:
    answered(patient)
    assert patient.tune(turn_detection=detection).effect(StopAwaitingSpeech)


def test_nothing_is_awaited_of_a_server_that_stops(patient: Client) -> None:
    answered(patient)
    assert patient.report(reports.Draining()).names == ["StopAwaitingSpeech"]


def test_silence_that_lasts_is_a_turn_without_words_and_is_answered(patient: Client) -> None:
    answered(patient)
    patient.append_ms(6000)
    told = patient.report(reports.NobodySpoke())
    assert told.names == [
        "input_audio_buffer.timeout_triggered",
        "DropInput",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "StartReply",
    ]
    item_id = told.event("input_audio_buffer.timeout_triggered")["item_id"]
    assert told.event("input_audio_buffer.committed")["item_id"] == item_id
    assert [item.id for item in told.effect(StartReply).items] == [item_id]
    assert told.event("conversation.item.done")["item"]["content"] == [{"type": "input_audio", "transcript": ""}]


def test_the_silence_is_told_with_its_place_in_the_audio(patient: Client) -> None:
    patient.append_ms(1000)
    answered(patient)
    patient.append_ms(7000)
    told = patient.report(reports.NobodySpoke()).event("input_audio_buffer.timeout_triggered")
    assert (told["audio_start_ms"], told["audio_end_ms"]) == (3000, 8000)


def test_the_silence_does_not_begin_before_the_answer_was_sent(patient: Client) -> None:
    patient.append_ms(1000)
    answered(patient)
    patient.append_ms(4000)
    told = patient.report(reports.NobodySpoke()).event("input_audio_buffer.timeout_triggered")
    assert (told["audio_start_ms"], told["audio_end_ms"]) == (1000, 5000)


def test_silence_is_told_of_once(patient: Client) -> None:
    answered(patient)
    response_id = patient.report(reports.NobodySpoke()).event("response.created")["response"]["id"]
    assert patient.report(reports.NobodySpoke()).names == []
    assert patient.finish(response_id).effect(AwaitSpeech)


def test_a_turn_followed_before_the_silence_does_not_hide_the_next() -> None:
    client = Client()
    client.open()
    client.tune(transcription={"delay": "low"}, turn_detection=None)
    client.append_ms(200)
    client.tune(turn_detection={"type": "server_vad", "idle_timeout_ms": 5000})
    answered(client)
    client.report(reports.NobodySpoke())
    assert "FollowInput" in client.begin_speech().names
