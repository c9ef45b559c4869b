"""Words of the user's speech: while it is spoken, with their probabilities, and in sessions that only listen."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.protocol import reports
from realtime.protocol.config import LOGPROBS, first_config
from realtime.protocol.effects import FollowInput
from tests.protocol.client import COMMITTING, COMPLETED, STARTED, Client, Told

DELTA = "conversation.item.input_audio_transcription.delta"
WORDS = (reports.HeardWord("Hello", -0.1), reports.HeardWord(" you", -0.7))


@pytest.fixture
def eager(client: Client) -> Client:
    """A client that wants words while they are spoken."""
    client.tune(transcription={"delay": "minimal"})
    return client


@pytest.fixture
def scribe() -> Client:
    """A session that only listens."""
    config = first_config("parrot", "", "transcription")
    client = Client(type=config.type, audio=config.audio)
    client.open()
    return client


def hear(client: Client, item_id: str, text: str = "Hello") -> Told:
    return client.report(reports.Heard(item_id=item_id, text=text, words=WORDS))


# --- while the user speaks ---------------------------------------------------------------------------------------


def test_a_turn_is_followed_from_its_beginning(eager: Client) -> None:
    told = eager.begin_speech()
    assert told.names == [STARTED, "FollowInput"]
    assert told.effect(FollowInput).item_id == told.event(STARTED)["item_id"]


def test_without_turn_detection_the_first_audio_is_followed(eager: Client) -> None:
    eager.tune(turn_detection=None)
    told = eager.append_ms(100)
    assert told.names == ["FollowInput", "Listen"]
    assert eager.append_ms(100).names == ["Listen"]
    committed = eager.send("input_audio_buffer.commit").event("input_audio_buffer.committed")
    assert committed["item_id"] == told.effect(FollowInput).item_id
    assert "FollowInput" in eager.append_ms(100).names


@pytest.mark.parametrize("transcription", [None, {}, {"language": "en"}])
def test_nobody_is_followed_who_did_not_ask_for_it(transcription: dict[str, str] | None, client: Client) -> None:
    client.tune(transcription=transcription)
    assert client.begin_speech().names == [STARTED]


def test_words_come_before_the_turn_is_over(eager: Client) -> None:
    item_id = eager.begin_speech().effect(FollowInput).item_id
    told = hear(eager, item_id).event(DELTA)
    assert (told["item_id"], told["content_index"], told["delta"]) == (item_id, 0, "Hello")


def test_words_of_another_item_are_not_told(eager: Client) -> None:
    eager.begin_speech()
    assert hear(eager, "nobody").names == []


def test_words_that_nobody_wants_any_more_are_not_told(eager: Client) -> None:
    item_id = eager.begin_speech().effect(FollowInput).item_id
    eager.tune(transcription=None)
    assert hear(eager, item_id).names == []


def test_a_turn_is_not_told_whole_before_it_is_over(eager: Client) -> None:
    item_id = eager.begin_speech().effect(FollowInput).item_id
    assert eager.hear_all(item_id, "Hello you").names == []
    assert eager.not_heard(item_id).names == []


def test_words_of_audio_that_was_dropped_are_not_told(eager: Client) -> None:
    item_id = eager.begin_speech().effect(FollowInput).item_id
    assert eager.send("input_audio_buffer.clear").names == ["DropInput", "input_audio_buffer.cleared"]
    assert hear(eager, item_id).names == []


def test_after_the_turn_the_rest_is_told(eager: Client) -> None:
    item_id = eager.begin_speech().effect(FollowInput).item_id
    assert eager.end_speech().names[1:5] == COMMITTING
    assert hear(eager, item_id, " you").names == [DELTA]
    assert eager.hear_all(item_id, "Hello you").names == [COMPLETED, "StartReply"]


# --- probabilities and languages ---------------------------------------------------------------------------------


def test_probabilities_are_told_to_who_asked_for_them(client: Client) -> None:
    client.tune(transcription={})
    client.update(include=[LOGPROBS])
    item_id = client.speak()
    probable = [
        {"token": "Hello", "bytes": list(b"Hello"), "logprob": -0.1},
        {"token": " you", "bytes": list(b" you"), "logprob": -0.7},
    ]
    assert hear(client, item_id).event(DELTA)["logprobs"] == probable
    report = reports.HeardAll(item_id=item_id, text="Hello you", speech_seconds=1.5, words=WORDS)
    assert client.report(report).event(COMPLETED)["logprobs"] == probable


def test_probabilities_are_not_told_to_anybody_else(client: Client) -> None:
    client.tune(transcription={})
    assert "logprobs" not in hear(client, client.speak()).event(DELTA)


@pytest.mark.parametrize(("language", "told"), [("de", [{"code": "de"}]), (None, None)])
def test_the_language_is_told_where_it_is_known(language: str | None, told: Any, client: Client) -> None:
    client.tune(transcription={})
    report = reports.HeardAll(item_id=client.speak(), text="Ja", speech_seconds=1.5, language=language)
    assert client.report(report).event(COMPLETED).get("languages") == told


# --- sessions that only listen -----------------------------------------------------------------------------------


def test_a_session_that_only_listens_is_shown_as_one(scribe: Client) -> None:
    told = scribe.send("session.update", session={"type": "transcription"}).event("session.updated")["session"]
    assert told.keys() == {"type", "id", "object", "audio", "include", "expires_at"}
    assert (told["type"], told["object"]) == ("transcription", "realtime.transcription_session")
    assert told["audio"].keys() == {"input"}


def test_it_tells_the_words_of_a_turn_and_does_not_answer(scribe: Client) -> None:
    item_id = scribe.begin_speech().effect(FollowInput).item_id
    assert hear(scribe, item_id).names == [DELTA]
    assert scribe.end_speech().names[1:] == COMMITTING
    assert scribe.hear_all(item_id, "Hello you").names == [COMPLETED]


def test_it_cannot_be_asked_for_a_response(scribe: Client) -> None:
    assert scribe.send("response.create").fault == ("unsupported_event", "type")


def test_it_does_not_wait_for_anybody_to_speak(scribe: Client) -> None:
    told = scribe.send(
        "session.update",
        session={"type": "transcription", "audio": {"input": {"turn_detection": {"idle_timeout_ms": 5000}}}},
    )
    assert told.names == ["TuneInput", "session.updated"]
    scribe.speak()
    assert scribe.report(reports.NobodySpoke()).names == []


@pytest.mark.parametrize(
    ("settings", "param"),
    [
        ({"instructions": "Be brief."}, "session.instructions"),
        ({"tools": []}, "session.tools"),
        ({"output_modalities": ["text"]}, "session.output_modalities"),
        ({"model": "parrot"}, "session.model"),
        ({"audio": {"output": {}}}, "session.audio.output"),
    ],
)
def test_what_is_about_speaking_has_no_meaning_in_it(settings: dict[str, Any], param: str, scribe: Client) -> None:
    told = scribe.send("session.update", session={"type": "transcription"} | settings)
    assert told.fault == ("unknown_parameter", param)


def test_it_cannot_be_without_transcription(scribe: Client) -> None:
    told = scribe.send("session.update", session={"type": "transcription", "audio": {"input": {"transcription": None}}})
    assert told.fault == ("invalid_value", "session.audio.input.transcription")


def test_a_session_that_has_not_begun_may_still_only_listen(client: Client) -> None:
    told = client.send("session.update", session={"type": "transcription"})
    assert told.names == ["TuneInput", "session.updated"]
    assert told.event("session.updated")["session"]["audio"]["input"]["transcription"] is not None


@pytest.mark.parametrize("begun", ["item", "audio", "response"])
def test_a_session_that_has_begun_stays_what_it_is(begun: str, client: Client) -> None:
    match begun:
        case "item":
            client.write("Hello.")
        case "audio":
            client.append_ms(100)
        case _:
            client.create()
    told = client.send("session.update", session={"type": "transcription"})
    assert told.fault == ("invalid_value", "session.type")
