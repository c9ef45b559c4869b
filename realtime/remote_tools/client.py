"""List the tools of a server and call them, over streamable HTTP.

Each listing and each call has connections of its own and leaves nothing behind: nothing to expire, to reconnect or to
leak when a conversation ends. The price is the protocol's handshake, one or two round trips.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx2
import mcp_types as wire
import msgspec
from mcp import Client, ClientSession, MCPError
from mcp.client.streamable_http import streamable_http_client

from realtime.remote_tools.base import (
    GATEWAY_TIMEOUT,
    INVALID_PARAMS,
    RemoteTool,
    ToolServer,
    ToolServerFailed,
    http_error,
    protocol_error,
)
from realtime.remote_tools.fence import Fence, check, headers_for
from realtime.settings import RemoteToolSettings

MOST_TOOLS, MOST_PAGES = 512, 32
"""Of one server. More than a model could be told of."""

T = TypeVar("T")


class McpTools:
    """`RemoteTools` by the Model Context Protocol. One for the whole process: it remembers nothing between calls."""

    def __init__(self, settings: RemoteToolSettings) -> None:
        self._settings = settings
        # Made once: reading the world's certificates takes 60 ms, in which nobody else would be served.
        self._tls = httpx2.create_ssl_context(trust_env=False)
        # They log addresses, session ids and whatever an answer says, the last of these as errors.
        for name in ("mcp.client", "mcp.shared", "httpx2", "httpcore2"):
            logging.getLogger(name).setLevel(logging.CRITICAL)

    async def list(self, server: ToolServer) -> tuple[RemoteTool, ...]:
        """Every tool that `server` offers. Raises `ToolServerFailed`; cancelling returns at once."""
        return await self._ask(server, _list)

    async def call(self, server: ToolServer, name: str, arguments: str) -> str:
        """What a tool answers, as text. Raises `ToolServerFailed`; cancelling returns at once."""
        given = _decoded(arguments)

        async def ask(session: ClientSession) -> str:
            request = wire.CallToolRequest(params=wire.CallToolRequestParams(name=name, arguments=given))
            # Not `session.call_tool`: that checks the answer by the server's own schema, whose patterns could hold
            # the event loop up for as long as the server likes, and lists all tools first to have it.
            return _text_of(await session.send_request(request, wire.CallToolResult))

        return await self._ask(server, ask)

    async def _ask(self, server: ToolServer, question: Callable[[ClientSession], Awaitable[T]]) -> T:
        check(server, self._settings)
        task = asyncio.current_task()
        cancels = task.cancelling() if task else 0
        fence = Fence(self._settings, self._tls)
        try:
            async with asyncio.timeout(self._settings.timeout_s), self._http(server, fence) as http:
                transport = streamable_http_client(
                    server.url, http_client=http, max_sse_event_size=self._settings.max_answer_bytes
                )
                async with Client(transport, cache=None) as client:
                    return await question(client.session)
        except Exception as problem:
            failed = _failure(fence, problem)
        # A group of errors swallows the cancel that it was raised under.
        if task and task.cancelling() > cancels:
            raise asyncio.CancelledError
        # Here, and without what led to it: the library's errors quote answers, which would end in a traceback.
        failed.__cause__ = failed.__context__ = None
        raise failed

    def _http(self, server: ToolServer, fence: Fence) -> httpx2.AsyncClient:
        timeout = httpx2.Timeout(self._settings.timeout_s, connect=self._settings.connect_timeout_s)
        return httpx2.AsyncClient(transport=fence, headers=headers_for(server), timeout=timeout, trust_env=False)


async def _list(session: ClientSession) -> tuple[RemoteTool, ...]:
    tools: dict[str, RemoteTool] = {}
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        page = await session.list_tools(params=wire.PaginatedRequestParams(cursor=cursor))
        for tool in page.tools:
            tools.setdefault(tool.name, _tool(tool))
        cursor = page.next_cursor
        if len(tools) > MOST_TOOLS:
            raise protocol_error(f"the tool server offers more than {MOST_TOOLS} tools")
        if cursor is None:
            return tuple(tools.values())
    raise protocol_error(f"the tool server's list has more than {MOST_PAGES} pages")


def _tool(tool: wire.Tool) -> RemoteTool:
    hints = tool.annotations
    return RemoteTool(
        name=tool.name,
        description=tool.description,
        input_schema=tool.input_schema,
        annotations=None if hints is None else hints.model_dump(mode="json", by_alias=True, exclude_none=True),
    )


def _decoded(arguments: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(arguments, type=dict[str, Any]) if arguments.strip() else {}
    except (msgspec.DecodeError, RecursionError):
        pass
    raise protocol_error("the arguments are not a JSON object", INVALID_PARAMS)


def _text_of(result: wire.CallToolResult) -> str:
    """What it says. Structure is given where there are no words: servers that send both say the same twice."""
    parts = [part for content in result.content if (part := _words(content))]
    if not any(isinstance(content, wire.TextContent) for content in result.content) and result.structured_content:
        parts.append(msgspec.json.encode(result.structured_content).decode())
    text = "\n".join(parts)
    if result.is_error:
        raise ToolServerFailed("the tool failed", kind="tool_execution_error", account=text)
    return text


def _words(content: wire.ContentBlock) -> str:
    match content:
        case wire.TextContent(text=text):
            return text
        case wire.EmbeddedResource(resource=wire.TextResourceContents(text=text)):
            return text
        case wire.EmbeddedResource(resource=resource):
            return f"[a file of type {resource.mime_type or 'unknown'}, which cannot be shown]"
        case wire.ResourceLink(uri=uri, name=name):
            return f"[{name}: {uri}]"
        case wire.ImageContent(mime_type=kind) | wire.AudioContent(mime_type=kind):
            return f"[{kind}, which cannot be shown]"


def _failure(fence: Fence, problem: Exception) -> ToolServerFailed:
    """What to say of an error: what we found out ourselves first, then what stands closest to the wire."""
    while isinstance(problem, ExceptionGroup):
        problem = problem.exceptions[0]
    if isinstance(problem, ToolServerFailed):
        return problem
    if fence.failure:
        return fence.failure
    if isinstance(problem, TimeoutError):
        return http_error("the tool server did not answer in time", GATEWAY_TIMEOUT)
    if fence.refusal:
        return http_error(f"the tool server answered with status {fence.refusal}", fence.refusal)
    if isinstance(problem, MCPError):
        return protocol_error(f"the tool server answered with error {problem.code}", problem.code)
    return protocol_error("the tool server sent something that is no answer")
