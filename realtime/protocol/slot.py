"""How the client is told that an item is begun and that it is whole."""

from __future__ import annotations

from dataclasses import dataclass

from realtime.protocol import server_events as said
from realtime.protocol.conversation import Conversation
from realtime.protocol.items import Item


def begin_item(conversation: Conversation, item: Item) -> list[said.ServerEvent]:
    """Put an item that is still being made at the end of the conversation."""
    previous = conversation.last_id
    conversation.begin(item)
    return [said.ItemAdded(previous_item_id=previous, item=item)]


def finish_item(conversation: Conversation, item: Item) -> list[said.ServerEvent]:
    """The item is as it will stay."""
    conversation.finish(item)
    return [said.ItemDone(previous_item_id=conversation.previous_id(item.id), item=item)]


def add_item(conversation: Conversation, item: Item, after: str | None = None) -> list[said.ServerEvent]:
    """Put an item that is whole into the conversation."""
    conversation.add(item, after)
    previous = conversation.previous_id(item.id)
    return [
        said.ItemAdded(previous_item_id=previous, item=item),
        said.ItemDone(previous_item_id=previous, item=item),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One place in a response's output, and in the conversation if the response writes there."""

    response_id: str
    output_index: int
    conversation: Conversation | None

    def begin(self, item: Item) -> list[said.ServerEvent]:
        """The item is begun."""
        added = said.OutputItemAdded(response_id=self.response_id, output_index=self.output_index, item=item)
        return [added, *(begin_item(self.conversation, item) if self.conversation else [])]

    def finish(self, item: Item) -> list[said.ServerEvent]:
        """The item is as it will stay."""
        done = said.OutputItemDone(response_id=self.response_id, output_index=self.output_index, item=item)
        return [done, *(finish_item(self.conversation, item) if self.conversation else [])]
