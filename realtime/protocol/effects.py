"""What the session asks the world to do. Effects and server events come out in one list; their order is meant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from realtime.protocol.config import AudioFormat, AudioInput, CustomVoice, Effort, MaxTokens, Modality, Truncation
from realtime.protocol.items import Item
from realtime.protocol.toolbox import OfferedTool
from realtime.protocol.tools import McpTool


@dataclass(frozen=True, slots=True)
class Listen:
    """Take the next piece of the user's voice, in the session's input format."""

    audio: bytes


@dataclass(frozen=True, slots=True)
class TuneInput:
    """The input's settings have changed; they hold for audio that comes from now on."""

    settings: AudioInput


@dataclass(frozen=True, slots=True)
class DropInput:
    """Forget the audio that has been taken and not committed."""


@dataclass(frozen=True, slots=True)
class FollowInput:
    """The audio that is being taken will be the user item `item_id`: put it into words while it comes.

    A `TranscribeInput` of that item asks for the rest, a `DropInput` ends it.
    """

    item_id: str


@dataclass(frozen=True, slots=True)
class AwaitSpeech:
    """Report when nobody has spoken for `within_ms`, counted from when what was sent has been played."""

    within_ms: int


@dataclass(frozen=True, slots=True)
class StopAwaitingSpeech:
    """Somebody speaks, or it does not matter any more."""


@dataclass(frozen=True, slots=True)
class TranscribeInput:
    """The audio that has been taken is the user item `item_id`: put it into words."""

    item_id: str


@dataclass(frozen=True, slots=True)
class TranscribeItem:
    """The client brought the user item's audio with it, in the session's input format: put it into words."""

    item_id: str
    audio: bytes


@dataclass(frozen=True, slots=True)
class StopTranscription:
    """Nobody wants the words of `item_id` any more; what is still reported of them is stale."""

    item_id: str


@dataclass(frozen=True, slots=True)
class ShowItem:
    """Send `conversation.item.retrieved` with `item`, and with the sound that is kept of it."""

    item: Item


@dataclass(frozen=True, slots=True)
class ForgetItem:
    """The item is gone: so is the sound that was kept of it."""

    item_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StartReply:
    """Make a response: everything it needs to know, as things are now."""

    response_id: str
    instructions: str
    items: tuple[Item, ...]
    modality: Modality
    max_output_tokens: MaxTokens
    output_format: AudioFormat
    voice: str | CustomVoice
    speed: float
    tools: tuple[OfferedTool, ...] = ()
    tool_choice: str = "auto"
    """`auto`, `none`, `required`, or the name of the one tool to call."""
    parallel_tool_calls: bool = True
    temperature: float | None = None
    effort: Effort | None = None
    truncation: Truncation = "auto"
    in_conversation: bool = True
    """Whether what comes of it becomes part of the conversation."""


@dataclass(frozen=True, slots=True)
class ReadAhead:
    """The next response will probably begin like this one: the model may read it now, while nobody waits for it."""

    reply: StartReply


@dataclass(frozen=True, slots=True)
class StopReply:
    """Stop making a response. Its events that follow say how far it came."""

    response_id: str


@dataclass(frozen=True, slots=True)
class HoldVoice:
    """Send nothing more that is to be heard until `ReleaseVoice`; answers are made all the same."""


@dataclass(frozen=True, slots=True)
class ReleaseVoice:
    """Go on where it was held."""


@dataclass(frozen=True, slots=True)
class ListTools:
    """Ask an MCP server for its tools, for the item `item_id`."""

    item_id: str
    server: McpTool


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTool:
    """Have an MCP server call a tool, for the item `item_id`."""

    item_id: str
    server: McpTool
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Trace:
    """From now on the server's log names the session by these labels too; None for no labels."""

    workflow_name: str | None
    group_id: str | None


ItemEffect: TypeAlias = DropInput | FollowInput | TranscribeInput | TranscribeItem | StopTranscription | ForgetItem
"""About the sound of user items, and its words."""

Effect: TypeAlias = (
    Listen
    | TuneInput
    | ItemEffect
    | ShowItem
    | AwaitSpeech
    | StopAwaitingSpeech
    | StartReply
    | ReadAhead
    | StopReply
    | HoldVoice
    | ReleaseVoice
    | ListTools
    | CallTool
    | Trace
)
