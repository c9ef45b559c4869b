"""MCP servers: when they are asked for their tools, what is told of that, and how many there may be."""

from __future__ import annotations

from typing import Any

from realtime.protocol import reports
from realtime.protocol.effects import ListTools, StartReply
from realtime.protocol.tools import MAX_SERVERS
from tests.protocol.client import Client
from tests.protocol.shop import ASKED, FREE, SHOP

# --- when they are asked -----------------------------------------------------------------------------------------


def test_a_server_is_asked_when_the_client_names_it(client: Client) -> None:
    told = client.update(tools=[SHOP])
    assert told.names == ["session.updated", *ASKED, "ReadAhead"]
    assert told.event("conversation.item.added")["item"]["tools"] == []


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


def test_a_server_no_longer_named_is_forgotten(shop: Client) -> None:
    shop.update(tools=[])
    assert shop.update(tools=[FREE]).effect(ListTools).server.server_label == "shop"


def test_a_server_that_could_not_tell_is_asked_again_when_the_session_names_it_again(client: Client) -> None:
    item_id = client.update(tools=[SHOP]).effect(ListTools).item_id
    failed = client.report(reports.ToolsNotListed(item_id=item_id))
    assert failed.names == ["mcp_list_tools.failed", "conversation.item.done"]
    for asked in ({}, {"tools": [SHOP]}):
        client.finish(client.create(**asked))
        assert not client.witness.servers.listing
    assert client.update(instructions="Be brief.").names == ["session.updated", "ReadAhead"]
    assert client.update(tools=[SHOP]).effect(ListTools).server.server_label == "shop"


# --- what is told ------------------------------------------------------------------------------------------------


def test_a_list_can_be_retrieved_from_the_moment_it_is_told_of(client: Client) -> None:
    item_id = client.update(tools=[SHOP]).event("mcp_list_tools.in_progress")["item_id"]
    assert client.retrieve(item_id)["type"] == "mcp_list_tools"


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


def test_what_opens_a_server_is_not_shown(client: Client) -> None:
    told = client.update(tools=[SHOP | {"authorization": "hush", "headers": {"X-Key": "hush"}}])
    assert "hush" not in repr(told.events)
    assert told.effect(ListTools).server.authorization == "hush"


def test_a_list_nobody_asked_for_is_ignored(shop: Client) -> None:
    assert shop.report(reports.ToolsListed(item_id="nobody", tools=())).names == []


def test_the_second_report_of_one_list_is_ignored(client: Client) -> None:
    item_id = client.update(tools=[SHOP]).effect(ListTools).item_id
    client.list_tools("buy")
    assert client.report(reports.ToolsListed(item_id=item_id, tools=())).names == []


# --- how many ----------------------------------------------------------------------------------------------------


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
