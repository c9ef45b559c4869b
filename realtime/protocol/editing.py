"""What a client does to the conversation: items put in and taken out, each checked before anything changes."""

from __future__ import annotations

from realtime.errors import InvalidRequest
from realtime.ids import NewId
from realtime.protocol import effects
from realtime.protocol import server_events as said
from realtime.protocol.admission import admit_item
from realtime.protocol.conversation import Conversation, characters_of
from realtime.protocol.hearing import Hearing, Output
from realtime.protocol.items import FunctionCall, FunctionCallOutput, InputAudio, Item, McpApprovalResponse, Message
from realtime.protocol.offer import Offer
from realtime.protocol.slot import add_item
from realtime.protocol.tool_servers import ToolServers

MAX_GIVEN_CHARACTERS = 2_000_000
"""Text a client may put into its conversation, a thousand times what the embedded model reads: a bound on memory."""

MAX_SHOWN_CHARACTERS = 40_000_000
"""The same where the model sees pictures: two of the largest."""


class Editing:
    """Carries out a client's `conversation.item.create` and `.delete`."""

    def __init__(
        self, conversation: Conversation, hearing: Hearing, servers: ToolServers, offer: Offer, new_id: NewId
    ) -> None:
        self._conversation = conversation
        self._hearing = hearing
        self._servers = servers
        self._offer = offer
        self._new_id = new_id
        self._given_characters: dict[str, int] = {}
        """By item."""

    def create(self, given: Item, after: str | None) -> list[Output]:
        """Put an item in after the item `after`; an answer to a question about a tool is acted upon."""
        self._conversation.check_room()
        item, audio = admit_item(given, self._new_id, "item", self._sees)
        if item.id == self._hearing.announced_id:
            raise InvalidRequest(
                f"The id '{item.id}' was announced for the user's turn.", code="item_id_in_use", param="item.id"
            )
        self._check_given(characters_of(item))
        if audio is not None:
            self._hearing.check_recording(len(audio), self._offer.max_buffer_ms)
        self._check_call(item)
        added = self._add(item, after)
        self._given_characters[item.id] = characters_of(item)
        if audio is None:
            return added
        self._hearing.expect(item.id)
        return [*added, effects.TranscribeItem(item.id, audio)]

    def delete(self, item_id: str) -> list[Output]:
        """Take an item out, with everything that is kept or still awaited of it."""
        item = self._conversation.get(item_id)
        self._conversation.delete(item_id)
        self._given_characters.pop(item_id, None)
        forget: list[Output] = [effects.ForgetItem(item_id)] if has_sound(item) else []
        return [*self._hearing.forget(item_id), *forget, said.ItemDeleted(item_id=item_id)]

    def _add(self, item: Item, after: str | None) -> list[Output]:
        if isinstance(item, McpApprovalResponse):
            return self._servers.decide(item, after)
        return [*add_item(self._conversation, item, after)]

    def _check_call(self, item: Item) -> None:
        """A result is of a call that was made, and two calls are two: the model tells them apart by their ids."""
        if not isinstance(item, FunctionCall | FunctionCallOutput):
            return
        calls = (made for made in self._conversation.items if isinstance(made, FunctionCall))
        made = any(call.call_id == item.call_id for call in calls)
        if isinstance(item, FunctionCall) and made:
            raise InvalidRequest(f"There is a call with ID '{item.call_id}' already.", param="item.call_id")
        if isinstance(item, FunctionCallOutput) and not made:
            raise InvalidRequest(
                f"Tool call ID '{item.call_id}' not found in conversation.",
                code="invalid_tool_call_id",
                param="item.call_id",
            )

    def _check_given(self, characters: int) -> None:
        limit = MAX_SHOWN_CHARACTERS if self._sees else MAX_GIVEN_CHARACTERS
        if sum(self._given_characters.values()) + characters > limit:
            raise InvalidRequest(
                f"A conversation may be given at most {limit} characters.",
                code="string_above_max_length",
                param="item",
            )

    @property
    def _sees(self) -> bool:
        return "images" in self._offer.abilities


def has_sound(item: Item) -> bool:
    """Whether an item is, or has, the user's voice."""
    return isinstance(item, Message) and any(isinstance(part, InputAudio) for part in item.content)
