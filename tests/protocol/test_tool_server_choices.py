"""Responses that have to call a tool of an MCP server: they wait until it has told of it, and fail if it does not."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.protocol import reports
from realtime.protocol.effects import ListTools, StartReply
from tests.protocol.client import Client
from tests.protocol.shop import ASKED, CHOSEN, FREE, SHOP


def test_a_response_cannot_choose_what_a_server_has_not_told_of(client: Client) -> None:
    client.update(tools=[SHOP])
    client.list_tools()
    told = client.send("response.create", response={"tool_choice": CHOSEN})
    assert told.fault == ("invalid_value", "response.tool_choice.server_label")


@pytest.mark.parametrize(
    ("choice", "made"),
    [(CHOSEN, "required"), (CHOSEN | {"name": "buy"}, "buy"), ("required", "required")],
)
def test_a_response_that_has_to_call_what_is_being_listed_waits_for_it(choice: Any, made: str, client: Client) -> None:
    told = client.send("response.create", response={"tools": [FREE], "tool_choice": choice})
    assert told.names == [*ASKED, "response.created"]
    listed = client.list_tools("buy")
    assert listed.names == ["mcp_list_tools.completed", "conversation.item.done", "StartReply"]
    start = listed.effect(StartReply)
    assert ([tool.name for tool in start.tools], start.tool_choice) == (["buy"], made)


def test_a_response_may_wait_for_a_server_of_the_session(client: Client) -> None:
    client.update(tools=[FREE])
    assert client.send("response.create", response={"tool_choice": CHOSEN}).names == ["response.created"]
    assert client.list_tools("buy").effect(StartReply).tool_choice == "required"


def test_a_response_that_waits_for_words_and_tools_waits_for_both(push_to_talk: Client) -> None:
    client = push_to_talk
    item_id = client.commit()
    client.send("response.create", response={"tools": [FREE], "tool_choice": CHOSEN})
    assert "StartReply" not in client.list_tools("buy").names
    assert client.hear_all(item_id, "Tea, please.").effect(StartReply).tool_choice == "required"


@pytest.mark.parametrize(("choice", "has"), [(CHOSEN, ()), (CHOSEN | {"name": "buy"}, ("look",)), ("required", ())])
def test_a_response_fails_when_what_it_has_to_call_does_not_come(
    choice: Any, has: tuple[str, ...], client: Client
) -> None:
    client.send("response.create", response={"tools": [FREE], "tool_choice": choice})
    told = client.list_tools(*has)
    done = told.event("response.done")["response"]
    assert (done["status"], done["status_details"]["error"]["code"]) == ("failed", "tools_not_listed")
    assert "StartReply" not in told.names


def test_a_response_fails_when_the_server_it_waits_for_does(client: Client) -> None:
    told = client.send("response.create", response={"tools": [FREE], "tool_choice": CHOSEN})
    failed = client.report(reports.ToolsNotListed(item_id=told.effect(ListTools).item_id))
    assert failed.names == ["mcp_list_tools.failed", "conversation.item.done", "response.done"]


def test_what_is_heard_is_nothing_to_a_response_that_waits_for_tools(client: Client) -> None:
    told = client.send("response.create", response={"tools": [FREE], "tool_choice": CHOSEN})
    item_id = told.effect(ListTools).item_id
    assert client.hear_all(item_id, "Hello.").names == []
    assert client.not_heard(item_id).names == []


def test_a_response_that_waits_for_tools_can_be_cancelled(client: Client) -> None:
    client.send("response.create", response={"tools": [FREE], "tool_choice": CHOSEN})
    assert client.send("response.cancel").names == ["response.done"]
    assert "StartReply" not in client.list_tools("buy").names


@pytest.mark.parametrize(
    ("choice", "fault"),
    [
        (CHOSEN, ("unsupported_value", "response.tool_choice.server_label")),
        (CHOSEN | {"name": "buy"}, ("unsupported_value", "response.tool_choice.name")),
        ("required", ("invalid_value", "response.tool_choice")),
    ],
)
def test_outside_the_conversation_nothing_is_forced_that_needs_approval(
    choice: Any, fault: tuple[str, str], careful: Client
) -> None:
    told = careful.send("response.create", response={"conversation": "none", "tool_choice": choice})
    assert told.fault == fault


def test_a_refused_response_has_no_server_asked(client: Client) -> None:
    client.create()
    told = client.send("response.create", response={"tools": [FREE], "tool_choice": CHOSEN})
    assert told.fault == ("conversation_already_has_active_response", None)


def test_a_turn_is_answered_while_what_the_session_chose_is_not_there_yet(client: Client) -> None:
    client.update(tools=[SHOP], tool_choice=CHOSEN)
    client.begin_speech()
    told = client.end_speech()
    assert told.names[-2:] == ["TranscribeInput", "response.created"]
    assert client.hear_all(told.event("input_audio_buffer.committed")["item_id"], "Hi.").effect(StartReply).tools == ()
