"""A conversation and a real MCP server, over real HTTP on loopback."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from realtime.remote_tools.client import McpTools
from realtime.settings import RemoteToolSettings
from tests.dialogue import Dialogue
from tests.fakes import FakeChat, fake_engines
from tests.tools import ask, call, update

KEY = "Bearer sesame"


@pytest.fixture(scope="module")
def kitchen() -> Iterator[str]:
    """The address of a tool server in a process of its own, so that none of its tasks are ours."""
    command = [sys.executable, "-m", "tests.toolserver", KEY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def reachable(url: str, **fields: Any) -> dict[str, Any]:
    return {
        "type": "mcp",
        "server_label": "kitchen",
        "server_url": url,
        "authorization": KEY,
        "require_approval": "never",
    } | fields


async def test_a_tool_is_listed_called_and_made_use_of(kitchen: str) -> None:
    chat = FakeChat([call("add", '{"a": 2, "b": 3}'), "Five."])
    async with Dialogue(fake_engines(chat=chat), remote_tools=McpTools(RemoteToolSettings())) as client:
        await update(client, tools=[reachable(kitchen, allowed_tools={"read_only": True})])
        await client.until("mcp_list_tools.completed")
        (tool,) = (await client.until("conversation.item.done"))["item"]["tools"]
        assert (tool["name"], tool["input_schema"]["required"]) == ("add", ["a", "b"])
        await ask(client)
        await client.until("response.mcp_call.completed")
        assert client.last("conversation.item.done")["item"]["output"] == "5"
        await client.asks("response.create", response={"output_modalities": ["text"]})
        assert client.words(client.response["id"]) == "Five."
    assert chat.prompts[1].messages[-1].text == "5"


async def test_a_server_that_lets_us_not_in_fails_its_listing_alone(kitchen: str) -> None:
    async with Dialogue(remote_tools=McpTools(RemoteToolSettings())) as client:
        await update(client, tools=[reachable(kitchen, authorization="Bearer rhubarb")])
        await client.until("mcp_list_tools.failed")
        await ask(client)
        assert client.response["status"] == "completed"


async def test_a_tool_that_fails_says_why_to_the_model_and_the_client(kitchen: str) -> None:
    chat = FakeChat([call("boil", "{}")])
    async with Dialogue(fake_engines(chat=chat), remote_tools=McpTools(RemoteToolSettings())) as client:
        await update(client, tools=[reachable(kitchen)])
        await client.until("mcp_list_tools.completed")
        await ask(client)
        await client.until("response.mcp_call.failed")
        error = client.last("conversation.item.done")["item"]["error"]
        assert error["type"] == "tool_execution_error"
        assert error["message"]


async def test_hanging_up_lets_a_tool_go_that_takes_its_time(kitchen: str) -> None:
    """The connection is closed at once, and no task is left: leaving the dialogue says so."""
    chat = FakeChat([call("wait", "{}")])
    async with Dialogue(fake_engines(chat=chat), remote_tools=McpTools(RemoteToolSettings())) as client:
        await update(client, tools=[reachable(kitchen)])
        await client.until("mcp_list_tools.completed")
        await ask(client)
        assert client.all("response.mcp_call.in_progress")
