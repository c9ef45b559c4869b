"""Calls of an MCP server's tools: made as soon as they are written, or when the client has approved them."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.protocol import reports
from realtime.protocol.effects import CallTool, StartReply
from realtime.protocol.items import McpExecutionError, McpHttpError, McpProtocolError
from realtime.protocol.tool_servers import MAX_CALLS
from tests.protocol.client import Client, Told
from tests.protocol.shop import CALLED, WHOLE, call

# --- calls -------------------------------------------------------------------------------------------------------


def test_a_call_is_made_as_soon_as_it_is_written(shop: Client) -> None:
    _, told = call(shop)
    assert told.names == CALLED
    effect = told.effect(CallTool)
    assert (effect.name, effect.arguments, effect.server.server_label) == ("buy", '{"what":"tea"}', "shop")


def test_what_a_tool_has_to_say_ends_its_call(shop: Client) -> None:
    _, told = call(shop)
    ended = shop.tool_answers(told.effect(CallTool).item_id, "One cup.")
    assert ended.names == ["response.mcp_call.completed", *WHOLE]
    assert ended.event("conversation.item.done")["item"]["output"] == "One cup."


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (McpHttpError(code=503, message="Closed."), {"type": "http_error", "code": 503, "message": "Closed."}),
        (
            McpProtocolError(code=-32602, message="No."),
            {"type": "protocol_error", "code": -32602, "message": "No."},
        ),
        (McpExecutionError(message="Sold out."), {"type": "tool_execution_error", "message": "Sold out."}),
    ],
)
def test_why_a_tool_failed_is_told(error: Any, shown: dict[str, Any], shop: Client) -> None:
    _, told = call(shop)
    ended = shop.tool_fails(told.effect(CallTool).item_id, error)
    assert ended.names == ["response.mcp_call.failed", *WHOLE]
    assert ended.event("conversation.item.done")["item"]["error"] == shown


def test_a_call_outlives_the_response_that_made_it(shop: Client) -> None:
    response_id, told = call(shop)
    done = shop.finish(response_id, "tool_calls").event("response.done")["response"]
    assert (done["status"], done["output"][0]["output"]) == ("completed", None)
    assert shop.tool_answers(told.effect(CallTool).item_id).names == ["response.mcp_call.completed", *WHOLE]


def test_a_call_that_ended_first_is_shown_whole_in_its_response(shop: Client) -> None:
    response_id, told = call(shop)
    shop.tool_answers(told.effect(CallTool).item_id, "One cup.")
    done = shop.finish(response_id, "tool_calls").event("response.done")["response"]
    assert [item["output"] for item in done["output"]] == ["One cup."]


def test_the_server_does_not_go_on_by_itself_when_a_tool_has_ended(shop: Client) -> None:
    response_id, told = call(shop)
    shop.finish(response_id, "tool_calls")
    assert "response.created" not in shop.tool_answers(told.effect(CallTool).item_id).names


def test_the_next_response_reads_what_the_tool_said(shop: Client) -> None:
    response_id, told = call(shop)
    item_id = told.effect(CallTool).item_id
    shop.finish(response_id, "tool_calls")
    shop.tool_answers(item_id, "One cup.")
    start = shop.send("response.create").effect(StartReply)
    assert [getattr(item, "output", None) for item in start.items if item.id == item_id] == ["One cup."]


def test_a_tool_ends_once(shop: Client) -> None:
    item_id = call(shop)[1].effect(CallTool).item_id
    shop.tool_answers(item_id)
    assert shop.tool_answers(item_id).names == []
    assert shop.tool_fails(item_id, McpExecutionError(message="Late.")).names == []


def test_a_call_cannot_be_deleted_while_the_tool_runs(shop: Client) -> None:
    item_id = call(shop)[1].effect(CallTool).item_id
    assert shop.send("conversation.item.delete", item_id=item_id).fault == ("item_in_progress", "item_id")
    shop.tool_answers(item_id)
    assert shop.send("conversation.item.delete", item_id=item_id).names == ["conversation.item.deleted"]


def test_only_so_many_tools_run_at_once(shop: Client) -> None:
    response_id = shop.create()
    calls = [shop.call(response_id, "buy", call_id=f"call_{number}") for number in range(MAX_CALLS + 1)]
    assert all(told.names == CALLED for told in calls[:-1])
    assert calls[-1].names == [*CALLED[:-1], "response.mcp_call.failed", *WHOLE]
    shop.tool_answers(calls[0].effect(CallTool).item_id)
    assert shop.call(response_id, "buy", call_id="another").names == CALLED


def test_a_call_broken_off_is_never_made(shop: Client) -> None:
    response_id = shop.create()
    shop.report(reports.CallBegan(response_id=response_id, call_id="call_1", name="buy"))
    told = shop.send("response.cancel")
    assert told.names == ["StopReply", *WHOLE, "response.done"]
    assert not shop.witness.servers.calling


# --- approvals ---------------------------------------------------------------------------------------------------


def ask(client: Client) -> tuple[str, Told]:
    """The model would like to call a tool: the request, and what the client was told."""
    told = call(client)[1]
    return told.event("response.output_item.done")["item"]["id"], told


def test_a_client_is_asked_when_the_call_is_written(careful: Client) -> None:
    _, told = ask(careful)
    opened = ["response.output_item.added", "conversation.item.added"]
    assert told.names == ["response.mcp_call_arguments.done", *opened, *WHOLE]
    request = told.event("conversation.item.done")["item"]
    assert (request["type"], request["server_label"], request["name"]) == ("mcp_approval_request", "shop", "buy")
    assert request["arguments"] == '{"what":"tea"}'


def test_a_client_sees_nothing_of_a_call_before_it_can_be_asked(careful: Client) -> None:
    response_id = careful.create()
    assert careful.report(reports.CallBegan(response_id=response_id, call_id="call_1", name="buy")).names == []
    assert careful.report(reports.CallWrote(response_id=response_id, call_id="call_1", text="{")).names == []
    assert careful.finish(response_id).event("response.done")["response"]["output"] == []


def test_a_call_broken_off_unseen_leaves_no_gap_in_the_output(careful: Client) -> None:
    response_id = careful.create()
    careful.report(reports.CallBegan(response_id=response_id, call_id="call_1", name="buy"))
    assert careful.say(response_id, "Hm.", 20).event("response.output_item.added")["output_index"] == 0


def test_a_call_that_is_approved_is_made_as_it_was_shown(careful: Client) -> None:
    request_id, asked = ask(careful)
    told = careful.approve(request_id)
    answered = ["conversation.item.added", "conversation.item.done"]
    assert told.names == [*answered, "conversation.item.added", "response.mcp_call.in_progress", "CallTool"]
    effect = told.effect(CallTool)
    assert (effect.arguments, effect.item_id) == (
        '{"what":"tea"}',
        asked.event("response.mcp_call_arguments.done")["item_id"],
    )
    ended = careful.tool_answers(effect.item_id)
    assert ended.names == ["response.mcp_call.completed", "conversation.item.done"]
    assert ended.event("conversation.item.done")["item"]["approval_request_id"] == request_id


def test_a_call_that_is_not_approved_is_not_made(careful: Client) -> None:
    request_id, _ = ask(careful)
    told = careful.approve(request_id, approve=False, reason="Too dear.")
    assert told.names == ["conversation.item.added", "conversation.item.done"]
    assert told.event("conversation.item.done")["item"]["reason"] == "Too dear."


@pytest.mark.parametrize("approve", [True, False])
def test_a_request_is_answered_once(approve: bool, careful: Client) -> None:
    request_id, _ = ask(careful)
    careful.approve(request_id, approve)
    assert careful.approve(request_id).fault == ("item_not_found", "item.approval_request_id")


def test_an_answer_that_could_not_be_added_has_not_been_given(careful: Client) -> None:
    request_id, _ = ask(careful)
    assert careful.approve(request_id, id=request_id).fault == ("item_id_in_use", "item.id")
    assert "CallTool" in careful.approve(request_id).names


def test_a_request_outside_the_conversation_could_not_be_answered_so_its_tool_is_not_offered(careful: Client) -> None:
    told = careful.send("response.create", response={"conversation": "none"})
    assert told.effect(StartReply).tools == ()
