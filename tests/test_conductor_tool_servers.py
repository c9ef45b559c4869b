"""Scenarios of tool servers: this server lists their tools and calls them, when the client lets it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from realtime.remote_tools.base import ToolServerFailed
from tests.dialogue import Dialogue
from tests.fakes import FakeChat, fake_engines
from tests.tools import KITCHEN, FakeRemoteTools, ask, call, update


async def test_mcp_call() -> None:
    """The server lists the tools, calls one while the conversation goes on, and the client asks what came of it."""
    kitchen = FakeRemoteTools(gate=asyncio.Event())
    chat = FakeChat([call("boil", '{"what": "water"}'), "It boils."])
    async with Dialogue(fake_engines(chat=chat), remote_tools=kitchen) as client:
        await update(client, tools=[KITCHEN | {"require_approval": "never"}])
        assert client.names_since("session.updated") == [
            "session.updated",
            "conversation.item.added",
            "mcp_list_tools.in_progress",
            "mcp_list_tools.completed",
            "conversation.item.done",
        ]
        assert [tool["name"] for tool in client.last("conversation.item.done")["item"]["tools"]] == ["boil"]
        await ask(client)
        assert client.names_since("rate_limits.updated") == [
            "rate_limits.updated",
            "response.output_item.added",
            "conversation.item.added",
            "response.mcp_call_arguments.delta",
            "response.mcp_call_arguments.done",
            "response.mcp_call.in_progress",
            "response.done",
        ]
        assert kitchen.gate
        kitchen.gate.set()
        await client.goes_on()
        assert client.names[-3:] == [
            "response.mcp_call.completed",
            "response.output_item.done",
            "conversation.item.done",
        ]
        assert client.last("conversation.item.done")["item"]["output"] == "The water boils."
        await client.asks("response.create", response={"output_modalities": ["text"]})
        assert client.words(client.response["id"]) == "It boils."
    assert kitchen.called == [("boil", '{"what": "water"}')]
    assert chat.prompts[1].messages[-1].text == "The water boils."


async def test_mcp_approval() -> None:
    """Nothing is called before the client says yes; then it is called at once."""
    kitchen, chat = FakeRemoteTools(), FakeChat([call("boil", "{}")])
    async with Dialogue(fake_engines(chat=chat), remote_tools=kitchen) as client:
        await update(client, tools=[KITCHEN])
        await ask(client)
        request = client.response["output"][0]
        assert (request["type"], request["name"]) == ("mcp_approval_request", "boil")
        assert kitchen.called == []
        answer = {"type": "mcp_approval_response", "id": "yes", "approval_request_id": request["id"], "approve": True}
        await client.asks("conversation.item.create", item=answer)
        assert kitchen.called == [("boil", "{}")]
        done = client.last("conversation.item.done")["item"]
        assert (done["type"], done["approval_request_id"]) == ("mcp_call", request["id"])
        assert done["id"] == client.last("response.mcp_call_arguments.done")["item_id"]


async def test_a_call_that_is_refused_is_not_made() -> None:
    """The model is told of it."""
    kitchen, chat = FakeRemoteTools(), FakeChat([call("boil", "{}"), "As you like."])
    async with Dialogue(fake_engines(chat=chat), remote_tools=kitchen) as client:
        await update(client, tools=[KITCHEN])
        await ask(client)
        request_id = client.response["output"][0]["id"]
        answer = {"type": "mcp_approval_response", "id": "no", "approval_request_id": request_id, "approve": False}
        await client.asks("conversation.item.create", item=answer | {"reason": "Too hot."})
        await client.asks("response.create", response={"output_modalities": ["text"]})
    assert kitchen.called == []
    assert "Too hot." in chat.prompts[1].messages[-1].text


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (
            ToolServerFailed("It burns.", kind="tool_execution_error", account="The pot is empty."),
            {"type": "tool_execution_error", "message": "The pot is empty."},
        ),
        (
            ToolServerFailed("No such tool.", kind="protocol_error", error_code=-32602),
            {"type": "protocol_error", "code": -32602, "message": "No such tool."},
        ),
        (
            ToolServerFailed("Nobody answers.", kind="http_error", error_code=504),
            {"type": "http_error", "code": 504, "message": "Nobody answers."},
        ),
        (
            KeyError("what Ada cooks"),
            {
                "type": "tool_execution_error",
                "message": "The call of a tool failed because of an error in the server.",
            },
        ),
    ],
)
async def test_a_tool_that_fails_fails_its_call_alone(failure: Exception, error: dict[str, Any]) -> None:
    kitchen = FakeRemoteTools({"boil": failure})
    chat = FakeChat([call("boil", "{}"), "Sorry."])
    async with Dialogue(fake_engines(chat=chat), remote_tools=kitchen) as client:
        await update(client, tools=[KITCHEN | {"require_approval": "never"}])
        await ask(client)
        assert client.names[-3:] == ["response.mcp_call.failed", "response.output_item.done", "conversation.item.done"]
        assert client.last("conversation.item.done")["item"]["error"] == error
        await client.asks("response.create", response={"output_modalities": ["text"]})
        assert client.words(client.response["id"]) == "Sorry."


async def test_a_dead_tool_server_fails_its_listing_alone() -> None:
    """The conversation answers as if it had not been named."""
    kitchen = FakeRemoteTools(dead=True)
    async with Dialogue(remote_tools=kitchen) as client:
        await update(client, tools=[KITCHEN])
        assert client.names[-2:] == ["mcp_list_tools.failed", "conversation.item.done"]
        await ask(client)
        assert client.response["status"] == "completed"


async def test_what_opens_a_tool_server_is_never_shown() -> None:
    """The server uses it; who connects with a client secret is not told."""
    kitchen = FakeRemoteTools()
    async with Dialogue(remote_tools=kitchen) as client:
        await update(client, tools=[KITCHEN | {"authorization": "Bearer canary", "headers": {"X-Key": "canary"}}])
        assert "canary" not in json.dumps(client.events)
    assert (kitchen.asked[0].authorization, dict(kitchen.asked[0].headers)) == ("Bearer canary", {"X-Key": "canary"})


async def test_hanging_up_lets_a_tool_go() -> None:
    """No task outlives the conversation: leaving the dialogue says so."""
    kitchen, chat = FakeRemoteTools(gate=asyncio.Event()), FakeChat([call("boil", "{}")])
    async with Dialogue(fake_engines(chat=chat), remote_tools=kitchen) as client:
        await update(client, tools=[KITCHEN | {"require_approval": "never"}])
        await ask(client)
        assert client.names[-1] == "response.done"
    assert kitchen.called
