"""What a witness knows of the responses of a session, and of every item that is being made."""

from __future__ import annotations

from realtime.protocol import effects
from realtime.protocol import server_events as said
from realtime.protocol.items import (
    InputAudio,
    Item,
    McpApprovalRequest,
    McpApprovalResponse,
    McpCall,
    McpListTools,
    Message,
)
from realtime.protocol.timing import ResponseTiming
from tests.protocol.life import Content, ItemLife, Life, course_of
from tests.protocol.servers import Servers

SERVER = (
    said.McpListInProgress
    | said.McpListCompleted
    | said.McpListFailed
    | said.McpCallInProgress
    | said.McpCallCompleted
    | said.McpCallFailed
)


class Made:
    """What is being made, by whom, and how far it is."""

    def __init__(self) -> None:
        self.live: dict[str, Life] = {}
        """The responses in progress."""
        self.done: set[str] = set()
        self.servers = Servers()
        self.lives: dict[str, ItemLife] = {}
        """The items that are begun and not whole."""
        self._made_by: dict[str, str] = {}
        """The response that makes an item."""

    @property
    def writing(self) -> str | None:
        """The response that writes the conversation."""
        return next((id_ for id_, life in self.live.items() if life.in_conversation), None)

    # --- items ---------------------------------------------------------------------------------------------------

    def sees_added(self, event: said.ItemAdded) -> None:
        """An item has come into the conversation."""
        item = event.item
        if item.id not in self.lives:
            approved = item.id in self.servers.approved
            words = item.arguments if isinstance(item, McpCall) else ""
            self.lives[item.id] = ItemLife(item, course_of(item, approved), words=words)
            if isinstance(item, McpListTools) or (isinstance(item, McpCall) and approved):
                self.servers.begins(item)
            if isinstance(item, McpApprovalResponse):
                self.servers.decides(item)
        assert item == self.lives[item.id].item
        self.lives[item.id].goes_on(event)

    def sees_done(self, event: said.ItemDone) -> None:
        """An item of the conversation is whole."""
        item, life = event.item, self.lives[event.item.id]
        before = life.last
        life.goes_on(event)
        match item:
            case McpCall() if before in (said.McpCallCompleted, said.McpCallFailed):
                life.ends_as(item, before)
            case McpListTools():
                assert before is said.McpListCompleted or item.tools == ()
            case _:
                assert item == life.item
        self._finish(life)

    def _finish(self, life: ItemLife) -> None:
        if life.over:
            del self.lives[life.item.id]

    # --- responses -----------------------------------------------------------------------------------------------

    def sees_created(self, response: said.ResponseObject) -> None:
        """A response is begun."""
        assert response.id not in self.live.keys() | self.done
        assert (response.status, response.output, response.usage) == ("in_progress", (), None)
        assert response.conversation_id is None or self.writing is None, "two responses write the conversation"
        self.live[response.id] = Life(response)

    def sees_start(self, effect: effects.StartReply, unheard: set[str]) -> None:
        """A reply is asked for."""
        life = self.live[effect.response_id]
        assert not life.started, "a reply was started twice"
        life.started = True
        shown = life.created
        assert (effect.modality,) == shown.output_modalities
        assert effect.max_output_tokens == shown.max_output_tokens
        assert effect.output_format == shown.audio.output.format
        missing = unheard & {item.id for item in effect.items if _lacks_words(item)}
        assert not missing, f"a reply was started without the words of {missing}"
        names = [tool.name for tool in effect.tools]
        assert len(set(names)) == len(names), "two tools have one name"
        assert effect.tool_choice in ({"auto", "none", "required", *names} if names else {"auto"})

    def sees_stop(self, effect: effects.StopReply) -> None:
        """A reply is to be stopped."""
        life = self.live[effect.response_id]
        assert life.started, "a reply was stopped that had not been started"
        assert not life.stopped, "a reply was stopped twice"
        life.stopped = True

    def sees_timing(self, event: ResponseTiming) -> None:
        """How long a response took to say something."""
        outputs = self._life(event.response_id).outputs
        assert event.item_id in {life.item.id for life in outputs if isinstance(life.item, Message)}

    def sees(self, event: said.ServerEvent) -> None:
        """An event about a response, about its output, or about an MCP server."""
        match event:
            case said.ResponseDone():
                life = self._life(event.response.id)
                life.ends(event.response)
                del self.live[event.response.id]
                self.done.add(event.response.id)
            case said.OutputItemAdded():
                self._sees_output_added(event)
            case said.OutputItemDone():
                made = self.lives[event.item.id]
                assert (event.response_id, event.output_index) == (self._made_by[event.item.id], made.output_index)
                assert event.response_id in self.live or isinstance(event.item, McpCall), "after response.done"
                ending = made.last
                made.goes_on(event)
                made.ends_as(event.item, ending)
                self._finish(made)
            case (
                said.McpListInProgress()
                | said.McpListCompleted()
                | said.McpListFailed()
                | said.McpCallInProgress()
                | said.McpCallCompleted()
                | said.McpCallFailed()
            ):
                self._sees_server(event)
            case _:
                assert isinstance(event, Content), f"nobody expects {event}"
                self._sees_content(event)

    def _sees_output_added(self, event: said.OutputItemAdded) -> None:
        life = self._life(event.response_id)
        announced = life.asked
        made = life.opens(event)
        assert event.item.id not in self.lives
        made.goes_on(event)
        self.lives[event.item.id] = made
        self._made_by[event.item.id] = event.response_id
        if isinstance(event.item, McpApprovalRequest):
            assert announced is not None
            self.servers.asks(event.item, announced)
            life.asked = None

    def _sees_content(self, event: Content) -> None:
        life = self._life(event.response_id)
        made = self.lives.get(event.item_id)
        if made is None:
            assert isinstance(event, said.McpArgumentsDone), "content of an item that is not being made"
            assert life.asked is None
            life.asked = event
            return
        assert self._made_by[event.item_id] == event.response_id
        assert not (life.stopped and hasattr(event, "delta")), "content after the reply was stopped"
        made.content(event)

    def _sees_server(self, event: SERVER) -> None:
        made = self.lives[event.item_id]
        made.goes_on(event)
        if isinstance(event, said.McpCallInProgress | said.McpCallCompleted | said.McpCallFailed):
            assert event.output_index == self.servers.place_of(made)
        self.servers.ended(event)

    def _life(self, response_id: str) -> Life:
        assert response_id not in self.done, "an event after response.done"
        return self.live[response_id]

    def judge_rest(self) -> None:
        """After a step: nothing was left half way."""
        assert not any(life.asked for life in self.live.values()), "a call was announced and not asked about"
        assert not self.servers.approved, "a call was approved and not begun"
        for life in self.lives.values():
            assert life.rests, f"{life.item} was left after {life.last}"
            owner = self._made_by.get(life.item.id)
            assert owner is None or owner in self.live or life.item.id in self.servers.calling


def _lacks_words(item: Item) -> bool:
    return isinstance(item, Message) and InputAudio() in item.content
