"""An MCP server that sells tea: how clients name it, choose it, and have its tools called."""

from __future__ import annotations

from typing import Any

from tests.protocol.client import Client, Told

SHOP: dict[str, Any] = {"type": "mcp", "server_label": "shop", "server_url": "https://shop.example/mcp"}
"""Its calls need the client's approval."""

FREE = SHOP | {"require_approval": "never"}
CHOSEN = {"type": "mcp", "server_label": "shop"}
"""A choice of any of its tools."""

ASKED = ["conversation.item.added", "mcp_list_tools.in_progress", "ListTools"]
CALLED = ["response.mcp_call_arguments.done", "response.mcp_call.in_progress", "CallTool"]
WHOLE = ["response.output_item.done", "conversation.item.done"]


def call(client: Client) -> tuple[str, Told]:
    """The model would like to buy tea: the response, and what followed from the call."""
    response_id = client.create()
    return response_id, client.call(response_id, "buy", '{"what":"tea"}')
