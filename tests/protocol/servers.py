"""What a witness knows of the MCP servers of a session: which of them work, and what was asked about calls."""

from __future__ import annotations

from realtime.protocol import effects, reports
from realtime.protocol import server_events as said
from realtime.protocol.items import McpApprovalRequest, McpApprovalResponse, McpCall, McpListTools
from realtime.protocol.tool_servers import MAX_CALLS
from tests.protocol.life import ItemLife


class Servers:
    """Lists, calls and approvals, by the ids of their items."""

    def __init__(self) -> None:
        self.listing: set[str] = set()
        """Lists that a server is asked for."""
        self.calling: set[str] = set()
        """Calls that a server works at."""
        self.unapproved: dict[str, McpApprovalRequest] = {}
        """What the client was asked and has not answered."""
        self.approved: dict[str, McpCall] = {}
        """The call that was approved, until it is begun."""
        self._calls: dict[str, tuple[str, int]] = {}
        """Which call the client was asked about, by request: item id and place in the output."""
        self._places: dict[str, int] = {}

    def is_stale(self, report: reports.Report) -> bool:
        """Whether nobody waits for what a server reports."""
        match report:
            case reports.ToolsListed() | reports.ToolsNotListed():
                return report.item_id not in self.listing
            case reports.ToolAnswered() | reports.ToolFailed():
                return report.item_id not in self.calling
        raise AssertionError(f"{report} is not about a server")

    def asks(self, request: McpApprovalRequest, announced: said.McpArgumentsDone) -> None:
        """The client is asked about a call, whose arguments were announced."""
        self.unapproved[request.id] = request
        self._calls[request.id] = (announced.item_id, announced.output_index)

    def decides(self, decision: McpApprovalResponse) -> None:
        """The client has answered."""
        assert decision.approval_request_id in self.unapproved, "an answer to a question that was not asked"
        request = self.unapproved.pop(decision.approval_request_id)
        item_id, place = self._calls.pop(request.id)
        if decision.approve:
            self._places[item_id] = place
            self.approved[item_id] = McpCall(
                id=item_id,
                server_label=request.server_label,
                name=request.name,
                arguments=request.arguments,
                approval_request_id=request.id,
            )

    def begins(self, item: McpListTools | McpCall) -> None:
        """The server begins an item that no response makes."""
        if isinstance(item, McpCall):
            assert item == self.approved.pop(item.id), "not the call that was approved"
        else:
            assert item.tools == (), "nothing is listed yet"

    def works(self, effect: effects.ListTools | effects.CallTool, life: ItemLife) -> None:
        """A server is asked to do something."""
        if isinstance(effect, effects.ListTools):
            assert isinstance(life.item, McpListTools)
            assert (life.last, life.item.server_label) == (said.McpListInProgress, effect.server.server_label)
            self.listing.add(effect.item_id)
            return
        assert isinstance(life.item, McpCall)
        assert (life.last, life.item.server_label) == (said.McpCallInProgress, effect.server.server_label)
        assert (effect.name, effect.arguments) == (life.item.name, life.words)
        assert len(self.calling) < MAX_CALLS
        self.calling.add(effect.item_id)

    def ended(self, event: said.ServerEvent) -> None:
        """A server has done what it was asked to do, or not."""
        match event:
            case said.McpListCompleted() | said.McpListFailed():
                self.listing.remove(event.item_id)
            case said.McpCallFailed() if event.item_id not in self.calling:
                assert len(self.calling) == MAX_CALLS, "there was room to call it"
            case said.McpCallCompleted() | said.McpCallFailed():
                self.calling.remove(event.item_id)

    def place_of(self, life: ItemLife) -> int:
        """Where in a response's output a call stands or was asked about."""
        return self._places[life.item.id] if life.output_index is None else life.output_index
