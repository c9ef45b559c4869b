"""How much a client may give to a session, and how much may go on in it at once."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.protocol.editing import MAX_GIVEN_CHARACTERS
from realtime.protocol.faults import MAX_ERROR_CHARACTERS
from realtime.protocol.hearing import MAX_UNHEARD_ITEMS
from realtime.protocol.responses import MAX_LIVE_RESPONSES
from tests.protocol.client import MODEST, Client
from tests.protocol.shop import SHOP

LONG = "x" * 513


# --- what is given -----------------------------------------------------------------------------------------------


def test_a_conversation_is_given_only_so_much_text() -> None:
    client = Client(offer=MODEST)
    client.open()
    for id_ in "ab":
        assert client.write("x" * (MAX_GIVEN_CHARACTERS // 2), id=id_).names[0] == "conversation.item.added"
    assert client.write("x").fault == ("string_above_max_length", "item")


def test_why_a_tool_failed_counts_as_text_too() -> None:
    client = Client(offer=MODEST)
    client.open()
    error = {"type": "tool_execution_error", "message": "x" * MAX_GIVEN_CHARACTERS}
    call = {"type": "mcp_call", "server_label": "shop", "name": "buy", "arguments": "{}", "error": error}
    assert client.send("conversation.item.create", item=call).fault == ("string_above_max_length", "item")


def test_pictures_count_as_what_they_are_written_with(client: Client) -> None:
    picture = {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 15_000_000}
    for _ in range(2):
        assert client.write("", content=[picture]).names[0] == "conversation.item.added"
    assert client.write("", content=[picture]).fault == ("string_above_max_length", "item")


def test_what_is_deleted_makes_room() -> None:
    client = Client(offer=MODEST)
    client.open()
    client.write("x" * MAX_GIVEN_CHARACTERS, id="a")
    client.send("conversation.item.delete", item_id="a")
    assert client.write("x" * MAX_GIVEN_CHARACTERS).names[0] == "conversation.item.added"


def test_a_conversation_is_given_only_so_many_items(push_to_talk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.protocol.conversation.MAX_ITEMS", 2)
    client = push_to_talk
    client.write("one", id="a")
    client.write("two", id="b")
    assert client.write("three").fault == ("conversation_full", None)
    client.append_ms(200)
    assert client.send("input_audio_buffer.commit").fault == ("conversation_full", None)
    assert client.update(tools=[SHOP]).fault == ("conversation_full", None)
    client.finish(client.create())
    client.send("conversation.item.delete", item_id="a")
    client.commit()


# --- names -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"type": "message", "id": LONG, "role": "user", "content": []}, "item.id"),
        ({"type": "function_call", "name": LONG, "arguments": "{}"}, "item.name"),
        ({"type": "function_call", "name": "f", "arguments": "{}", "call_id": LONG}, "item.call_id"),
        ({"type": "function_call_output", "call_id": LONG, "output": ""}, "item.call_id"),
        ({"type": "mcp_call", "server_label": LONG, "name": "f", "arguments": "{}"}, "item.server_label"),
        ({"type": "mcp_approval_response", "approval_request_id": LONG, "approve": True}, "item.approval_request_id"),
    ],
)
def test_a_name_is_no_place_for_a_book(item: dict[str, Any], param: str, client: Client) -> None:
    assert client.send("conversation.item.create", item=item).fault == ("invalid_value", param)


def test_an_id_may_be_longer_than_the_servers_own(client: Client) -> None:
    assert client.write("Hello.", id="x" * 512).names[0] == "conversation.item.added"


@pytest.mark.parametrize("label", ["workflow_name", "group_id"])
def test_a_label_that_stands_in_each_line_of_the_log_is_short(label: str, client: Client) -> None:
    assert client.update(tracing={label: "x" * 257}).fault == ("invalid_value", f"session.tracing.{label}")


def test_an_error_does_not_say_all_again_that_the_client_has_said(client: Client) -> None:
    name = "z" * 1_000_000
    for told in (
        client.send("conversation.item.delete", item_id=name),
        client.send("response.cancel", **{name: 1}),
        client.send("session.update", session={"type": "realtime", "audio": {"output": {"voice": name}}}),
    ):
        assert len(told.error["message"]) <= MAX_ERROR_CHARACTERS
        assert len(told.error["param"]) <= MAX_ERROR_CHARACTERS


# --- what goes on ------------------------------------------------------------------------------------------------


def test_turns_that_end_faster_than_they_can_be_transcribed_are_given_up(captioned: Client) -> None:
    """One session cannot fill the engines' waiting line for everybody."""
    client = captioned
    for _ in range(MAX_UNHEARD_ITEMS):
        client.append_ms(200)
        client.begin_speech(at_ms=0)
        assert "TranscribeInput" in client.end_speech(at_ms=200).names
    client.append_ms(200)
    client.begin_speech(at_ms=0)
    told = client.end_speech(at_ms=200)
    assert "TranscribeInput" not in told.names
    assert "DropInput" in told.names
    failed = told.event("conversation.item.input_audio_transcription.failed")
    assert failed["error"]["code"] == "rate_limit_exceeded"


def test_only_so_many_responses_run_beside_the_conversation(client: Client) -> None:
    aside = {"conversation": "none", "input": []}
    for _ in range(MAX_LIVE_RESPONSES - 1):
        assert client.send("response.create", response=aside).names[0] == "response.created"
    refused = client.send("response.create", response=aside)
    assert refused.error["code"] == "rate_limit_exceeded"
    assert client.send("response.create").names[0] == "response.created"
