"""What there is to answer: what has come into the conversation since its last response began."""

from __future__ import annotations

from collections.abc import Iterable

from realtime.protocol import server_events as said
from realtime.protocol.items import FunctionCall, FunctionCallOutput, Item, Message
from realtime.protocol.response import Output
from realtime.protocol.wishes import AnswerRest, EndTurn


class Unanswered:
    """Learns of it from what the session says."""

    def __init__(self) -> None:
        self.anything = False
        """Whether there is anything."""
        self.turn_taken = False
        """Whether a turn was taken, or an answer begun, since the client last said itself that a turn is over."""
        self._wish: AnswerRest | None = None
        self._response_id: str | None = None
        """Of the last response."""
        self._calls: set[str] = set()
        """Those of its calls whose results have not come."""
        self._results_came = False
        """Whether any have."""

    def want(self, wish: AnswerRest) -> None:
        """The client wants it to be answered; what comes later is not meant."""
        if self.anything and not (self._wish and wish.once_called):
            self._wish = wish

    @property
    def is_wanted(self) -> bool:
        """Whether the client wants an answer to be begun, once none is going on."""
        if self._wish is None:
            return False
        return not self._wish.once_called or (self._results_came and not self._calls)

    def note(self, event: object, outputs: Iterable[Output]) -> None:
        """The session has said this to that."""
        for output in outputs:
            match output:
                case said.AudioCommitted():
                    self.turn_taken = True
                case said.ItemAdded(item=item):
                    self.anything = self.anything or _asks(item)
                    if isinstance(item, FunctionCallOutput) and item.call_id in self._calls:
                        self._calls.remove(item.call_id)
                        self._results_came = True
                case said.ResponseCreated(response=response) if response.conversation_id:
                    self.turn_taken, self._response_id = True, response.id
                    self.anything, self._wish, self._results_came = False, None, False
                    self._calls.clear()
                case said.OutputItemDone(response_id=self._response_id, item=FunctionCall(status="completed") as call):
                    self._calls.add(call.call_id)
        if isinstance(event, EndTurn):
            self.turn_taken = False


def _asks(item: Item) -> bool:
    """Whether an item is from the client's side."""
    return isinstance(item, FunctionCallOutput) or (isinstance(item, Message) and item.role != "assistant")
