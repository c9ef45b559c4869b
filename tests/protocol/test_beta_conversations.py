"""Whole conversations in the beta's words, as a client of its first year hears them."""

from __future__ import annotations

import base64
from random import Random
from typing import Any

import pytest

from realtime.protocol import effects, reports
from tests.protocol.beta_client import TOOL, BetaClient
from tests.protocol.old_client import OldClient, Upset

AUDIO = base64.b64encode(bytes(480 * 48)).decode()

NAMED = {"event_id": "event_1"}

COMMITTED = [
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.created",
]
OPENING = ["response.output_item.added", "conversation.item.created", "response.content_part.added"]
CLOSING = ["response.content_part.done", "response.output_item.done", "response.done"]


def names(told: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in told]


@pytest.fixture
def client() -> BetaClient:
    return BetaClient()


# --- by voice ----------------------------------------------------------------------------------------------------


def test_the_session_opens_flat(client: BetaClient) -> None:
    assert names(client.opening) == ["session.created", "conversation.created"]
    session = client.opening[0]["session"]
    assert session["modalities"] == ["text", "audio"]
    assert session["input_audio_format"] == session["output_audio_format"] == "pcm16"
    assert session["turn_detection"]["type"] == "server_vad"
    assert (session["temperature"], session["max_response_output_tokens"]) == (0.8, "inf")
    assert (session["instructions"], session["model"]) == ("Be kind.", "parrot")


def test_a_turn_by_voice_and_a_spoken_answer(client: BetaClient) -> None:
    client.update(input_audio_transcription={"model": "whisper-1"})
    told = client.send("input_audio_buffer.append", audio=AUDIO)
    assert told == []
    item_id = client.speak()
    assert names(client.told)[-5:] == [*COMMITTED, "response.created"]
    response_id = client.last("response.created")["response"]["id"]
    told = [
        *client.report(reports.HeardAll(item_id=item_id, text="Hello.", speech_seconds=1.5, language="en")),
        *client.say(response_id, "Good ", b"\1\2\3\4"),
        *client.say(response_id, "day.", b"\5\6"),
        *client.finish(response_id),
    ]
    assert names(told) == [
        "conversation.item.input_audio_transcription.completed",
        *OPENING,
        "response.audio_transcript.delta",
        "response.audio.delta",
        "response.audio_transcript.delta",
        "response.audio.delta",
        "response.audio.done",
        "response.audio_transcript.done",
        *CLOSING,
    ]
    assert client.old.items[item_id]["content"] == [{"type": "input_audio", "transcript": "Hello."}]
    response = told[-1]["response"]
    assert response["output"][0]["content"] == [{"type": "audio", "transcript": "Good day."}]
    assert (response["modalities"], response["voice"]) == (["text", "audio"], "alloy")
    assert response["output_audio_format"] == "pcm16"
    assert response["usage"]["input_token_details"] == {"text_tokens": 30, "audio_tokens": 0, "cached_tokens": 20}


def test_sound_arrives_as_it_was_made(client: BetaClient) -> None:
    response_id = client.create()
    sound = Random(1).randbytes(960)
    client.say(response_id, "", sound)
    assert base64.b64decode(client.last("response.audio.delta")["delta"]) == sound


def test_what_is_said_does_not_become_a_name(client: BetaClient) -> None:
    """The name of an event is put in another's place; the words beside it are left alone."""
    response_id = client.create(modalities=["text"])
    client.put(response_id, '"response.output_text.delta"')
    assert client.last("response.text.delta")["delta"] == '"response.output_text.delta"'


def test_a_barge_in(client: BetaClient) -> None:
    client.write("Tell me a story.")
    response_id = client.create()
    client.say(response_id, "Once upon", bytes(4800))
    told = client.report(reports.SpeechBegan(audio_start_ms=0))
    assert names(told) == [
        "input_audio_buffer.speech_started",
        "response.audio.done",
        "response.audio_transcript.done",
        *CLOSING,
    ]
    assert told[-1]["response"]["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    item_id = told[-1]["response"]["output"][0]["id"]
    (told_,) = client.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=40)
    assert told_["type"] == "conversation.item.truncated"


def test_push_to_talk(client: BetaClient) -> None:
    """As the reference client does it: no turn detection, a commit, then a response without parameters."""
    assert client.update(turn_detection=None)["turn_detection"] is None
    client.send("input_audio_buffer.append", audio=AUDIO)
    assert names(client.send("input_audio_buffer.commit")) == COMMITTED[2:]
    assert names(client.send("response.create")) == ["response.created"]


# --- in writing --------------------------------------------------------------------------------------------------


def test_a_written_answer(client: BetaClient) -> None:
    assert names(client.write("Hello.")) == ["conversation.item.created"]
    response_id = client.create(modalities=["text"])
    told = [*client.put(response_id, "Good day."), *client.finish(response_id)]
    assert names(told) == [*OPENING, "response.text.delta", "response.text.done", *CLOSING]
    assert told[-1]["response"]["modalities"] == ["text"]
    assert told[-1]["response"]["output"][0]["content"] == [{"type": "text", "text": "Good day."}]


def test_an_earlier_answer_is_brought_along(client: BetaClient) -> None:
    content = [{"type": "text", "text": "Good day."}]
    item = {"type": "message", "role": "assistant", "id": "mine", "content": content}
    (created,) = client.send("conversation.item.create", item=item, previous_item_id="root")
    assert created["item"]["content"] == content
    (retrieved,) = client.send("conversation.item.retrieve", item_id="mine")
    assert retrieved["item"] == created["item"]


def test_a_function_call(client: BetaClient) -> None:
    shown = client.update(tools=[TOOL], tool_choice="get_weather")
    assert (shown["tools"], shown["tool_choice"]) == ([TOOL], "get_weather")
    client.write("How is the weather in Rome?")
    response_id = client.create()
    told = client.report(
        reports.CallBegan(response_id=response_id, call_id="call_1", name="get_weather"),
        reports.CallWrote(response_id=response_id, call_id="call_1", text='{"town":'),
        reports.CallWrote(response_id=response_id, call_id="call_1", text='"Rome"}'),
        reports.CallEnded(response_id=response_id, call_id="call_1"),
    )
    told += client.finish(response_id)
    assert names(told) == [
        *OPENING[:2],
        *["response.function_call_arguments.delta"] * 2,
        "response.function_call_arguments.done",
        *CLOSING[1:],
    ]
    assert client.old.items[told[1]["item"]["id"]]["arguments"] == '{"town":"Rome"}'
    output = {"type": "function_call_output", "call_id": "call_1", "output": "Sunny."}
    assert names(client.send("conversation.item.create", item=output)) == ["conversation.item.created"]


def test_a_response_beside_the_conversation_creates_no_item(client: BetaClient) -> None:
    response_id = client.create(conversation="none", metadata={"topic": "tea"}, input=[], modalities=["text"])
    told = [*client.put(response_id, "Tea."), *client.finish(response_id)]
    assert "conversation.item.created" not in names(told)
    assert told[-1]["response"]["metadata"] == {"topic": "tea"}
    assert told[-1]["response"]["conversation_id"] is None


def test_what_a_response_is_asked_for_reaches_the_model(client: BetaClient) -> None:
    client.create(
        modalities=["audio", "text"],
        instructions="Rhyme.",
        voice="anna",
        output_audio_format="g711_alaw",
        tools=[TOOL],
        tool_choice={"type": "function", "name": "get_weather"},
        temperature=0.7,
        max_response_output_tokens=50,
    )
    reply = client.effects[-1]
    assert isinstance(reply, effects.StartReply)
    assert (reply.instructions, reply.modality, reply.voice) == ("Rhyme.", "audio", "anna")
    assert (reply.temperature, reply.max_output_tokens, reply.tool_choice) == (0.7, 50, "get_weather")
    assert client.last("response.created")["response"]["output_audio_format"] == "g711_alaw"


def test_an_item_is_deleted(client: BetaClient) -> None:
    item_id = client.write("Hello.")[0]["item"]["id"]
    assert names(client.send("conversation.item.delete", item_id=item_id)) == ["conversation.item.deleted"]
    assert item_id not in client.old.items


# --- only listening ----------------------------------------------------------------------------------------------


def test_a_session_that_only_listens() -> None:
    client = BetaClient("transcription")
    assert client.opening[0]["type"] == "transcription_session.created"
    (updated,) = client.send(
        "transcription_session.update",
        session={"input_audio_format": "g711_ulaw", "input_audio_transcription": {"language": "en"}},
    )
    assert updated["type"] == "transcription_session.updated"
    assert updated["session"]["input_audio_format"] == "g711_ulaw"
    assert updated["session"]["input_audio_transcription"]["language"] == "en"
    item_id = client.speak()
    client.report(reports.HeardAll(item_id=item_id, text="Hello.", speech_seconds=1.5))
    assert client.last("conversation.item.input_audio_transcription.completed")["transcript"] == "Hello."


def test_a_session_that_has_begun_keeps_its_type(client: BetaClient) -> None:
    client.write("Hello.")
    error = client.error("transcription_session.update", session={})
    assert error["param"] == "type"
    assert "session.type" not in error["message"]


# --- the old client itself ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "event",
    [
        {"type": "conversation.created"},
        {"event_id": "event_1"},
        NAMED | {"type": "response.output_item.added", "response_id": "resp_9", "item": {"id": "item_1"}},
        NAMED | {"type": "response.output_item.done", "response_id": "resp_1", "item": {"id": "item_9"}},
        NAMED | {"type": "response.content_part.added", "response_id": "resp_1", "item_id": "item_9"},
        NAMED | {"type": "response.audio.delta", "response_id": "resp_1", "item_id": "item_9", "delta": ""},
        NAMED | {"type": "response.text.delta", "response_id": "resp_1", "item_id": "item_1", "content_index": 0},
        NAMED | {"type": "conversation.item.truncated", "item_id": "item_9"},
        NAMED | {"type": "conversation.item.deleted", "item_id": "item_9"},
        NAMED | {"type": "conversation.item.created", "item": {"id": "item_1"}},
    ],
)
def test_the_old_client_is_upset_by(event: dict[str, Any]) -> None:
    old = OldClient()
    old.hear(NAMED | {"type": "response.created", "response": {"id": "resp_1", "conversation_id": "conv_1"}})
    old.hear(NAMED | {"type": "conversation.item.created", "item": {"id": "item_1"}})
    with pytest.raises(Upset):
        old.hear(event)
