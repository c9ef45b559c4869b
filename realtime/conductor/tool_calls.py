"""The tools of MCP servers: listed and called while the conversation goes on."""

from __future__ import annotations

import asyncio

import structlog

from realtime.conductor.errands import Errands
from realtime.protocol import effects, reports
from realtime.protocol.items import ListedTool, McpError, McpExecutionError, McpHttpError, McpProtocolError
from realtime.protocol.tools import McpTool
from realtime.remote_tools.base import RemoteTools, ToolServer, ToolServerFailed

log = structlog.get_logger(__name__)

MAX_LISTINGS = 4
"""Servers asked for their tools at once; the others wait."""


class ToolCalls:
    """Asks the servers that a session names."""

    def __init__(self, errands: Errands, remote_tools: RemoteTools) -> None:
        self._errands = errands
        self._remote_tools = remote_tools
        self._listing = asyncio.Semaphore(MAX_LISTINGS)

    def list(self, listing: effects.ListTools) -> None:
        """Find out what a server offers."""
        self._errands.start(self._list(listing))

    def call(self, call: effects.CallTool) -> None:
        """Have a tool do its work."""
        self._errands.start(self._call(call))

    async def _list(self, listing: effects.ListTools) -> None:
        try:
            async with self._listing:
                tools = await self._remote_tools.list(_address(listing.server))
        except Exception as failure:
            _account_for(failure, "listing of tools", listing.server)
            await self._errands.report(reports.ToolsNotListed(item_id=listing.item_id))
            return
        listed = tuple(
            ListedTool(
                name=tool.name,
                input_schema=tool.input_schema,
                description=tool.description,
                annotations=tool.annotations,
            )
            for tool in tools
        )
        await self._errands.report(reports.ToolsListed(item_id=listing.item_id, tools=listed))

    async def _call(self, call: effects.CallTool) -> None:
        try:
            output = await self._remote_tools.call(_address(call.server), call.name, call.arguments)
        except Exception as failure:
            error = _account_for(failure, "call of a tool", call.server)
            await self._errands.report(reports.ToolFailed(item_id=call.item_id, error=error))
            return
        await self._errands.report(reports.ToolAnswered(item_id=call.item_id, output=output))


def _address(server: McpTool) -> ToolServer:
    assert server.server_url
    return ToolServer(
        label=server.server_label,
        url=server.server_url,
        authorization=server.authorization,
        headers=server.headers or {},
    )


def _account_for(failure: Exception, work: str, server: McpTool) -> McpError:
    """What the client is told of a failure. A server's own explains itself; a bug is logged whole and told as one."""
    if not isinstance(failure, ToolServerFailed):
        log.error(f"{work} failed", server=server.server_label, exc_info=failure)
        return McpExecutionError(message=f"The {work} failed because of an error in the server.")
    log.warning(f"{work} failed", server=server.server_label, kind=failure.kind, error_code=failure.error_code)
    match failure.kind:
        case "http_error":
            return McpHttpError(code=failure.error_code or 0, message=failure.message)
        case "protocol_error":
            return McpProtocolError(code=failure.error_code or 0, message=failure.message)
        case "tool_execution_error":
            return McpExecutionError(message=failure.account or failure.message)
