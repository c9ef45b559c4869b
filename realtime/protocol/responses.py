"""The responses in progress: at most one writes the conversation, any number run beside it.

A response waits until the words of all user audio in its context are known, and the tools of an MCP server that it has
to call, then runs. Whatever is reported about a
response that is no longer here is stale and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from realtime.errors import InvalidRequest
from realtime.ids import NewId
from realtime.protocol import reports
from realtime.protocol import server_events as said
from realtime.protocol.conversation import Conversation, text_of
from realtime.protocol.effects import StopReply
from realtime.protocol.items import InputImage, Item, ItemReference, Message
from realtime.protocol.response import Output, Plan, Response, Stage
from realtime.protocol.tool_servers import ToolServers

MAX_LIVE_RESPONSES = 4
"""At once, and one place of these is kept for the conversation: no session may take the language model for itself."""


class Responses:
    """Starts responses, passes reports to them, and ends them."""

    def __init__(self, conversation: Conversation, servers: ToolServers, new_id: NewId) -> None:
        self._conversation = conversation
        self._servers = servers
        self._new_id = new_id
        self._live: dict[str, Response] = {}
        self._awaited: dict[str, set[str]] = {}
        """For each waiting response, the items it still needs: those without words, and lists of tools."""

    @property
    def in_conversation(self) -> Response | None:
        """The one that writes the conversation, if there is one."""
        return next((response for response in self._live.values() if response.plan.in_conversation), None)

    @property
    def busy(self) -> bool:
        """Whether any response is in progress."""
        return bool(self._live)

    def check_room(self, plan: Plan) -> None:
        """Refuse a response that there is no room for."""
        active = self.in_conversation
        if plan.in_conversation and active:
            raise InvalidRequest(
                f"Conversation already has an active response in progress: {active.id}. "
                "Wait until the response is finished before creating a new one.",
                code="conversation_already_has_active_response",
            )
        beside = sum(not response.plan.in_conversation for response in self._live.values())
        if not plan.in_conversation and beside >= MAX_LIVE_RESPONSES - 1:
            raise InvalidRequest(
                f"{beside} responses are in progress beside the conversation already; wait for one of them.",
                code="rate_limit_exceeded",
            )

    def create(self, plan: Plan, unheard: frozenset[str]) -> list[Output]:
        """Begin a response that there is room for. `unheard` are the user items that have no words yet."""
        response = Response(self._new_id("resp"), plan, self._conversation, self._servers, self._new_id)
        self._live[response.id] = response
        words = {item.id for item in plan.context if isinstance(item, ItemReference)} & unheard
        servers = plan.unlisted.servers if plan.unlisted else ()
        lists = {item_id for server in servers if (item_id := self._servers.listing(server))}
        self._awaited[response.id] = words | lists
        return [*response.created(), *self._advance(response)]

    def known(self, item_id: str) -> list[Output]:
        """The words of a user item are known, or it is gone, or a list is over: who waited only for that can run."""
        outputs: list[Output] = []
        for response in self._waiting_for(item_id):
            self._awaited[response.id].discard(item_id)
            outputs += self._advance(response)
        return outputs

    def not_heard(self, item_id: str, code: str, message: str) -> list[Output]:
        """The words of a user item will never be known; responses that waited for it fail."""
        error = said.ResponseError(type="server_error", code=code, message=message)
        outputs: list[Output] = []
        for response in self._waiting_for(item_id):
            outputs += self._end(response, "failed", said.StatusDetails(type="failed", error=error))
        return outputs

    def report(self, report: reports.ReplyReport) -> list[Output]:
        """Something happened to a response; nothing, when that response is no longer in progress."""
        response = self._live.get(report.response_id)
        if response is None or response.stage is not Stage.RUNNING:
            return []
        match report:
            case reports.Allowance():
                return [said.RateLimitsUpdated(rate_limits=report.limits)]
            case reports.PromptRead():
                response.count(report)
                return []
            case reports.Began():
                return response.begin()
            case reports.Wrote():
                return response.write(report.text, report.tokens)
            case reports.Spoke():
                return response.speak(report.text, report.audio, report.tokens)
            case reports.Timed():
                return response.time(report.waterfall)
            case reports.CallBegan():
                return response.begin_call(report.call_id, report.name)
            case reports.CallWrote():
                return response.write_call(report.call_id, report.text)
            case reports.CallEnded():
                return response.end_call(report.call_id)
            case reports.Answered():
                response.count(report)
                return self._end(response, *_how_it_ended(report.reason))
            case reports.Failed():
                error = said.ResponseError(type="server_error", code=report.code, message=report.message)
                return self._end(response, "failed", said.StatusDetails(type="failed", error=error))

    def cancel(self, response_id: str | None) -> list[Output]:
        """The client wants a response stopped; without an id, the one that writes the conversation."""
        response = self._live.get(response_id) if response_id else self.in_conversation
        if response is None:
            named = f" with id '{response_id}'" if response_id else ""
            raise InvalidRequest(
                f"Cancellation failed: no active response found{named}.", code="response_cancel_not_active"
            )
        return self._stop(response, said.StatusDetails(type="cancelled", reason="client_cancelled"))

    def interrupt(self) -> list[Output]:
        """The user talks over the response that writes the conversation."""
        active = self.in_conversation
        return self._stop(active, said.StatusDetails(type="cancelled", reason="turn_detected")) if active else []

    def stop_all(self) -> list[Output]:
        """Nobody listens any more."""
        outputs: list[Output] = []
        for response in list(self._live.values()):
            outputs += self._stop(response, said.StatusDetails(type="cancelled", reason="client_cancelled"))
        return outputs

    def _advance(self, response: Response) -> list[Output]:
        if self._awaited[response.id]:
            return []
        items = self._conversation.resolve(response.plan.context)
        if items and _says_nothing(items[-1]) and not response.plan.even_without_words:
            return self._end(response, "completed", said.StatusDetails(type="completed"))
        try:
            response.fill_toolbox()
        except InvalidRequest as problem:
            error = said.ResponseError(type="server_error", code="tools_not_listed", message=problem.message)
            return self._end(response, "failed", said.StatusDetails(type="failed", error=error))
        return [response.start(items)]

    def _stop(self, response: Response, details: said.StatusDetails) -> list[Output]:
        running = response.stage is Stage.RUNNING
        stop: list[Output] = [StopReply(response.id)] if running else []
        return [*stop, *self._end(response, "cancelled", details)]

    def _end(self, response: Response, ending: said.Ending, details: said.StatusDetails) -> list[Output]:
        del self._live[response.id], self._awaited[response.id]
        return response.finish(ending, details)

    def _waiting_for(self, item_id: str) -> Iterator[Response]:
        return iter([self._live[id_] for id_, items in self._awaited.items() if item_id in items])


def _how_it_ended(reason: str) -> tuple[said.Ending, said.StatusDetails]:
    match reason:
        case "length":
            return "incomplete", said.StatusDetails(type="incomplete", reason="max_output_tokens")
        case "content_filter":
            return "incomplete", said.StatusDetails(type="incomplete", reason="content_filter")
        case _:
            return "completed", said.StatusDetails(type="completed")


def _says_nothing(item: Item) -> bool:
    if not (isinstance(item, Message) and item.role == "user"):
        return False
    return not text_of(item).strip() and not any(isinstance(part, InputImage) for part in item.content)
