"""Who makes replies: the seam between when there is a reply and what it is made of."""

from __future__ import annotations

from typing import Protocol

from realtime.conductor.speculation import Order
from realtime.engines.base import Urgency
from realtime.pipeline.reply import Reply
from realtime.protocol.effects import StartReply
from realtime.protocol.items import Item


class ReplyMaker(Protocol):
    """Makes the replies of one conversation."""

    @property
    def foresees(self) -> bool:
        """Whether a reply may be begun before it is known that it is wanted."""
        ...

    @property
    def is_busy(self) -> bool:
        """Whether work that may be for nothing would now delay work that somebody waits for."""
        ...

    def reply(self, order: Order, urgency: Urgency) -> Reply:
        """A reply of which nothing is made yet."""
        ...

    async def clear_way(self) -> None:
        """A reply is about to be made: what was only done ahead stops. Cancelling leaves it stopping."""
        ...

    async def read_ahead(self, start: StartReply) -> None:
        """Replies will probably begin like this. Cancelling changes nothing."""
        ...

    def told_of(self, response_id: str, item: Item) -> None:
        """The client knows of an item that came of a reply."""
        ...
