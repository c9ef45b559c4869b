"""The MCP servers of a session: what they offer, and the calls that run there.

A call outlives the response that asked for it: the conversation goes on while the tool works, and when it has ended
the client asks for a response that makes use of it (so it is with OpenAI). Order, for a list: conversation.item.added
→ mcp_list_tools.in_progress → .completed or .failed → conversation.item.done; for a call, once its arguments are
written: response.mcp_call.in_progress → .completed or .failed → response.output_item.done → conversation.item.done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import msgspec

from realtime.errors import InvalidRequest
from realtime.ids import NewId
from realtime.protocol import reports
from realtime.protocol import server_events as said
from realtime.protocol.conversation import Conversation
from realtime.protocol.effects import CallTool, Effect, ListTools
from realtime.protocol.items import (
    ListedTool,
    McpApprovalRequest,
    McpApprovalResponse,
    McpCall,
    McpListTools,
    McpProtocolError,
)
from realtime.protocol.slot import add_item, begin_item, finish_item
from realtime.protocol.toolbox import Remote
from realtime.protocol.tools import MAX_SERVERS, McpTool, ToolConfig

Output: TypeAlias = said.ServerEvent | Effect
Finish: TypeAlias = Callable[[McpCall], list[said.ServerEvent]]
"""Tells the client that the call's item is whole, wherever it stands."""

MAX_CALLS = 16
"""Calls that may run at once; one more fails."""

TOO_MANY = McpProtocolError(code=-32000, message=f"{MAX_CALLS} calls of MCP tools are running already.")
"""-32000 is the first of the codes that JSON-RPC leaves to servers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _List:
    """What one server was asked for, and what it has told."""

    server: McpTool
    item: McpListTools
    failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """A call that runs, or waits for the client's approval."""

    item: McpCall
    remote: Remote
    output_index: int
    """Its place in the response that asked for it."""
    finish: Finish


class ToolServers:
    """Lists tools, runs calls, and asks before those that need it."""

    def __init__(self, conversation: Conversation, new_id: NewId) -> None:
        self._conversation = conversation
        self._new_id = new_id
        self._session: tuple[McpTool, ...] = ()
        """The session's own; the others are those of its responses."""
        self._lists: list[_List] = []
        """Oldest first, at most `MAX_SERVERS`."""
        self._listing: set[str] = set()
        self._running: dict[str, _Call] = {}
        self._unapproved: dict[str, _Call] = {}
        """By the id of the request."""

    def listed(self, server: McpTool) -> tuple[ListedTool, ...]:
        """What a server has told so far."""
        return next((known.item.tools for known in self._lists if _is_same(known.server, server)), ())

    def listing(self, server: McpTool) -> str | None:
        """The item of the list that a server is being asked for; None when nothing is to come from it any more."""
        lists = (known.item.id for known in self._lists if _is_same(known.server, server))
        return next((item_id for item_id in lists if item_id in self._listing), None)

    def will_tell(self, server: McpTool) -> bool:
        """Whether a response that names a server may hope for its tools: it is being asked, or will be."""
        return self.listing(server) is not None or not _knows(self._lists, server)

    def settle(self, tools: Iterable[ToolConfig], param: str) -> list[Output]:
        """These are the session's now: others are forgotten, and a server that could not tell is asked again.

        Refuses what would be too many, under `param`, and has then changed nothing.
        """
        named = _servers(tools)
        kept = [
            known
            for known in self._lists
            if known.item.id in self._listing or (_is_among(named, known.server) and not known.failed)
        ]
        asked = self._ask(named, named, kept, param)
        self._session = named
        return asked

    def use(self, tools: Iterable[ToolConfig], param: str) -> list[Output]:
        """A response has these: those that have not been asked yet are, in place of what earlier responses had."""
        named = _servers(tools)
        return self._ask(named, (*self._session, *named), self._lists, param)

    def _ask(
        self, named: tuple[McpTool, ...], wanted: tuple[McpTool, ...], known: list[_List], param: str
    ) -> list[Output]:
        """Ask those of `named` that are not `known`, and forget as many of these, not `wanted`, as that takes."""
        fresh = [server for server in named if not _knows(known, server)]
        spare = [old for old in known if old.item.id not in self._listing and not _is_among(wanted, old.server)]
        excess = max(0, len(known) + len(fresh) - MAX_SERVERS)
        if fresh and excess > len(spare):
            raise InvalidRequest(
                f"A session may have {MAX_SERVERS} MCP servers at once, those included that are still being asked.",
                code="rate_limit_exceeded",
                param=param,
            )
        if fresh:
            self._conversation.check_room()
        gone = {old.item.id for old in spare[:excess]}
        self._lists = [old for old in known if old.item.id not in gone]
        return [output for server in fresh for output in self._list(server)]

    def _list(self, server: McpTool) -> list[Output]:
        item = McpListTools(id=self._new_id("item"), server_label=server.server_label)
        self._lists.append(_List(server=server, item=item))
        self._listing.add(item.id)
        return [
            *begin_item(self._conversation, item),
            said.McpListInProgress(item_id=item.id),
            ListTools(item.id, server),
        ]

    def told(self, report: reports.ToolsListed | reports.ToolsNotListed) -> list[Output]:
        """A server has answered, or will not. One that will not is asked again when the session names it anew."""
        if report.item_id not in self._listing:
            return []
        self._listing.remove(report.item_id)
        place = next(place for place, known in enumerate(self._lists) if known.item.id == report.item_id)
        server, item = self._lists[place].server, self._lists[place].item
        if isinstance(report, reports.ToolsNotListed):
            self._lists[place] = _List(server=server, item=item, failed=True)
            return [said.McpListFailed(item_id=item.id), *finish_item(self._conversation, item)]
        allowed = tuple(tool for tool in report.tools if server.allows(tool.name, tool.read_only))
        item = msgspec.structs.replace(item, tools=allowed)
        self._lists[place] = _List(server=server, item=item)
        return [said.McpListCompleted(item_id=item.id), *finish_item(self._conversation, item)]

    def call(self, item: McpCall, remote: Remote, output_index: int, finish: Finish) -> list[Output]:
        """The arguments are written: have the tool called."""
        return self._run(_Call(item=item, remote=remote, output_index=output_index, finish=finish))

    def ask(self, call: McpCall, remote: Remote, output_index: int) -> McpApprovalRequest:
        """The arguments are written: the client is asked, and `call` is made when it approves."""
        request = McpApprovalRequest(
            id=self._new_id("mcpr"), server_label=call.server_label, name=call.name, arguments=call.arguments
        )
        item = msgspec.structs.replace(call, approval_request_id=request.id)
        finish = partial(finish_item, self._conversation)
        self._unapproved[request.id] = _Call(item=item, remote=remote, output_index=output_index, finish=finish)
        return request

    def decide(self, decision: McpApprovalResponse, after: str | None) -> list[Output]:
        """The client approves of a call, or does not."""
        call = self._unapproved.get(decision.approval_request_id)
        if call is None:
            raise InvalidRequest(
                f"There is no approval request '{decision.approval_request_id}' that waits for an answer.",
                code="item_not_found",
                param="item.approval_request_id",
            )
        told = add_item(self._conversation, decision, after)
        del self._unapproved[decision.approval_request_id]
        if not decision.approve:
            return [*told]
        return [*told, *begin_item(self._conversation, call.item), *self._run(call)]

    def ended(self, report: reports.ToolAnswered | reports.ToolFailed) -> list[Output]:
        """A tool has done its work, or failed."""
        call = self._running.pop(report.item_id, None)
        if call is None:
            return []
        item_id, index = call.item.id, call.output_index
        told: said.ServerEvent
        if isinstance(report, reports.ToolAnswered):
            item = msgspec.structs.replace(call.item, output=report.output)
            told = said.McpCallCompleted(output_index=index, item_id=item_id)
        else:
            item = msgspec.structs.replace(call.item, error=report.error)
            told = said.McpCallFailed(output_index=index, item_id=item_id)
        return [told, *call.finish(item)]

    def _run(self, call: _Call) -> list[Output]:
        item = call.item
        in_progress = said.McpCallInProgress(output_index=call.output_index, item_id=item.id)
        full = len(self._running) >= MAX_CALLS
        self._running[item.id] = call
        if full:
            return [in_progress, *self.ended(reports.ToolFailed(item_id=item.id, error=TOO_MANY))]
        remote = call.remote
        work = CallTool(item_id=item.id, server=remote.server, name=remote.name, arguments=item.arguments)
        return [in_progress, work]


def _servers(tools: Iterable[ToolConfig]) -> tuple[McpTool, ...]:
    return tuple(tool for tool in tools if isinstance(tool, McpTool))


def _knows(lists: Iterable[_List], server: McpTool) -> bool:
    return any(_is_same(known.server, server) for known in lists)


def _is_among(servers: Iterable[McpTool], server: McpTool) -> bool:
    return any(_is_same(other, server) for other in servers)


def _is_same(server: McpTool, other: McpTool) -> bool:
    """Whether two definitions mean the same tools: who may call them, and when, may differ."""
    return all(
        getattr(server, field) == getattr(other, field)
        for field in ("server_label", "server_url", "authorization", "headers", "allowed_tools")
    )
