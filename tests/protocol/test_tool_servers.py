"""MCP servers: their tools are listed, the model calls them, and the client is asked first where it wants to be."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.protocol import reports
from realtime.protocol.effects import CallTool, ListTools, StartReply
from realtime.protocol.items import McpExecutionError, McpHttpError, McpProtocolError
from realtime.protocol.tool_servers import MAX_CALLS
from realtime.protocol.tools import MAX_SERVERS
from tests.protocol.client import Client, Told

SHOP: dict[str, Any] = {"type": "mcp", "server_label": "shop", "server_url": "https://shop.example/mcp"}
FREE = SHOP | {"require_approval": "never"}
ASKED = ["conversation.item.added", "mcp_list_tools.in_progress", "ListTools"]
CALLED = ["response.mcp_call_arguments.done", "response.mcp_call.in_progress", "CallTool"]
WHOLE = ["response.output_item.done", "conversation.item.done"]


@pytest.fixture
def shop(client: Client) -> Client:
    """A client whose model may use the shop's tools without asking."""
    client.update(tools=[FREE])
    client.list_tools("buy", "look")
    return client


@pytest.fixture
def careful(client: Client) -> Client:
    """A client that is asked before each call."""
    client.update(tools=[SHOP])
    client.list_tools("buy")
    return client


# --- lists -------------------------------------------------------------------------------------------------------


def test_a_server_is_asked_when_the_client_names_it(client: Client) -> None:
    told = client.update(tools=[SHOP])
    assert told.names == ["session.updated", *ASKED, "ReadAhead"]
    assert told.event("conversation.item.added")["item"]["tools"] == []


def test_a_list_can_be_retrieved_from_the_moment_it_is_told_of(client: Client) -> None:
    item_id = client.update(tools=[SHOP]).event("mcp_list_tools.in_progress")["item_id"]
    assert client.retrieve(item_id)["type"] == "mcp_list_tools"


def test_a_server_of_the_sessions_first_settings_is_asked_at_once() -> None:
    first = Client()
    first.open()
    first.update(tools=[SHOP])
    client = Client(tools=first.session.config.tools)
    assert client.open().names[-4:] == [*ASKED, "ReadAhead"]


def test_a_server_of_a_response_is_asked_before_the_response_begins(client: Client) -> None:
    told = client.send("response.create", response={"tools": [SHOP]})
    assert told.names == [*ASKED, "response.created", "StartReply"]
    assert told.effect(StartReply).tools == ()


def test_what_a_server_has_is_told_when_it_is_known(client: Client) -> None:
    client.update(tools=[SHOP])
    told = client.list_tools("buy", read_only=True)
    assert told.names == ["mcp_list_tools.completed", "conversation.item.done", "ReadAhead"]
    (tool,) = told.event("conversation.item.done")["item"]["tools"]
    assert tool == {"name": "buy", "input_schema": {"type": "object"}, "annotations": {"readOnlyHint": True}}


def test_a_list_shows_the_tools_that_are_allowed(client: Client) -> None:
    client.update(tools=[SHOP | {"allowed_tools": ["look"]}])
    told = client.list_tools("buy", "look")
    assert [tool["name"] for tool in told.event("conversation.item.done")["item"]["tools"]] == ["look"]


def test_a_server_is_asked_once(shop: Client) -> None:
    assert shop.update(tools=[FREE]).names == ["session.updated"]
    assert "ListTools" not in shop.send("response.create", response={"tools": [FREE]}).names


def test_a_server_may_be_named_again_by_its_label_alone(client: Client) -> None:
    client.update(tools=[FREE | {"authorization": "hush"}])
    client.list_tools("buy")
    told = client.send("response.create", response={"tools": [{"type": "mcp", "server_label": "shop"}]})
    assert [tool.name for tool in told.effect(StartReply).tools] == ["buy"]


def test_a_server_under_another_key_is_another(shop: Client) -> None:
    assert shop.update(tools=[FREE | {"authorization": "other"}]).effect(ListTools).server.authorization == "other"


def test_a_server_that_could_not_tell_is_asked_again_when_the_session_names_it_again(client: Client) -> None:
    item_id = client.update(tools=[SHOP]).effect(ListTools).item_id
    failed = client.report(reports.ToolsNotListed(item_id=item_id))
    assert failed.names == ["mcp_list_tools.failed", "conversation.item.done"]
    for asked in ({}, {"tools": [SHOP]}):
        client.finish(client.create(**asked))
        assert not client.witness.servers.listing
    assert client.update(instructions="Be brief.").names == ["session.updated", "ReadAhead"]
    assert client.update(tools=[SHOP]).effect(ListTools).server.server_label == "shop"


def test_a_list_nobody_asked_for_is_ignored(shop: Client) -> None:
    assert shop.report(reports.ToolsListed(item_id="nobody", tools=())).names == []


def test_the_second_report_of_one_list_is_ignored(client: Client) -> None:
    item_id = client.update(tools=[SHOP]).effect(ListTools).item_id
    client.list_tools("buy")
    assert client.report(reports.ToolsListed(item_id=item_id, tools=())).names == []


def many(count: int, **fields: Any) -> list[dict[str, Any]]:
    return [FREE | {"server_label": f"shop_{number}"} | fields for number in range(count)]


def list_all(client: Client) -> None:
    """Every server that is asked has nothing."""
    for item_id in sorted(client.witness.servers.listing):
        client.report(reports.ToolsListed(item_id=item_id, tools=()))


def test_only_so_many_servers_fit_into_one_list(client: Client) -> None:
    place = f"tools[{MAX_SERVERS}]"
    assert client.update(tools=many(MAX_SERVERS + 1)).fault == ("invalid_value", f"session.{place}")
    told = client.send("response.create", response={"tools": many(MAX_SERVERS + 1)})
    assert told.fault == ("invalid_value", f"response.{place}")


def test_a_session_cannot_have_more_and_more_servers_asked(client: Client) -> None:
    client.update(tools=many(MAX_SERVERS))
    for _ in range(3):
        told = client.update(tools=many(MAX_SERVERS, authorization="other"))
        assert told.fault == ("rate_limit_exceeded", "session.tools")
    list_all(client)
    assert client.update(tools=many(MAX_SERVERS, authorization="other")).names[0] == "session.updated"
    assert len(client.witness.servers.listing) == MAX_SERVERS


def test_a_response_gets_no_room_that_the_session_has_taken(client: Client) -> None:
    client.update(tools=many(MAX_SERVERS))
    list_all(client)
    told = client.send("response.create", response={"tools": [SHOP]})
    assert told.fault == ("rate_limit_exceeded", "response.tools")
    assert client.send("response.create", response={"tools": many(2)}).names == ["response.created", "StartReply"]


def test_a_responses_servers_make_room_for_the_next_ones(client: Client) -> None:
    for number in range(3):
        told = client.send("response.create", response={"tools": many(MAX_SERVERS, authorization=str(number))})
        assert told.names.count("ListTools") == MAX_SERVERS
        list_all(client)
        client.send("response.cancel")


def test_a_server_no_longer_named_is_forgotten(shop: Client) -> None:
    shop.update(tools=[])
    assert shop.update(tools=[FREE]).effect(ListTools).server.server_label == "shop"


def test_what_opens_a_server_is_not_shown(client: Client) -> None:
    told = client.update(tools=[SHOP | {"authorization": "hush", "headers": {"X-Key": "hush"}}])
    assert "hush" not in repr(told.events)
    assert told.effect(ListTools).server.authorization == "hush"


# --- calls -------------------------------------------------------------------------------------------------------


def call(client: Client, name: str = "buy") -> tuple[str, Told]:
    """The model calls a tool: the response, and what followed from the call."""
    response_id = client.create()
    return response_id, client.call(response_id, name, '{"what":"tea"}')


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


# --- choices -----------------------------------------------------------------------------------------------------


def test_a_response_cannot_choose_what_a_server_has_not_told_of(client: Client) -> None:
    client.update(tools=[SHOP])
    client.list_tools()
    told = client.send("response.create", response={"tool_choice": {"type": "mcp", "server_label": "shop"}})
    assert told.fault == ("invalid_value", "response.tool_choice.server_label")


CHOSEN = {"type": "mcp", "server_label": "shop"}


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
    client.update(tools=[SHOP], tool_choice={"type": "mcp", "server_label": "shop"})
    client.begin_speech()
    told = client.end_speech()
    assert told.names[-2:] == ["TranscribeInput", "response.created"]
    assert client.hear_all(told.event("input_audio_buffer.committed")["item_id"], "Hi.").effect(StartReply).tools == ()
