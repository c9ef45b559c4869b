"""What the pipeline reports to the session. They enter by the same door as a client's events: one writer, one order.

Reports about a response carry its id, so that those of a response already ended are recognised and ignored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from realtime.protocol.items import ListedTool, McpError
from realtime.protocol.server_events import RateLimit
from realtime.protocol.timing import Waterfall


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechBegan:
    """The user has started to speak."""

    audio_start_ms: int
    """Where the turn's audio begins, padding included, from the start of all audio of the session."""


@dataclass(frozen=True, slots=True)
class SpeechSuspected:
    """Somebody may be talking over an answer; `SpeechBegan` or `SpeechDismissed` will tell."""


@dataclass(frozen=True, slots=True)
class SpeechDismissed:
    """What was suspected was no interruption."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechEnded:
    """The user's turn is over."""

    audio_end_ms: int
    """Where the turn's audio ends, the silence that ended it included."""


@dataclass(frozen=True, slots=True)
class NobodySpoke:
    """The user has been silent for as long as the session waits."""


class HeardWord(NamedTuple):
    """A word, with the blank before it, and the natural logarithm of its probability."""

    text: str
    log_probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """The next words of a user item, which may still be spoken. They are never taken back."""

    item_id: str
    text: str
    words: tuple[HeardWord, ...] = ()
    """The same word by word, when that was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardAll:
    """All words of a user item: the `Heard` ones joined."""

    item_id: str
    text: str
    speech_seconds: float
    words: tuple[HeardWord, ...] = ()
    language: str | None = None
    """ISO-639-1 code, where the transcriber could tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotHeard:
    """A user item could not be put into words."""

    item_id: str
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What a response leaves of the session's rate limits."""

    response_id: str
    limits: tuple[RateLimit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptRead:
    """The model has read all that a response answers to."""

    response_id: str
    prompt_tokens: int
    cached_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Began:
    """A response's first words exist, though none may have been sent yet."""

    response_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrote:
    """A response has written more text."""

    response_id: str
    text: str
    tokens: int = 0
    """What the model has written by now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoke:
    """A response has more to be heard: sound in its output format, and the words that begin in it."""

    response_id: str
    text: str
    audio: bytes
    tokens: int = 0
    """What the model has written by now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallBegan:
    """A response begins to call one of its tools."""

    response_id: str
    call_id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallWrote:
    """A response has written more of a call's arguments."""

    response_id: str
    call_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded:
    """A call's arguments are whole: JSON that the tool's schema allows."""

    response_id: str
    call_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """The first sound of a response, or the first text of one in writing, is on its way."""

    response_id: str
    waterfall: Waterfall


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A response has said all it had to say."""

    response_id: str
    reason: Literal["stop", "length", "tool_calls", "content_filter"]
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A response cannot go on."""

    response_id: str
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolsListed:
    """An MCP server has told its tools."""

    item_id: str
    tools: tuple[ListedTool, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolsNotListed:
    """An MCP server could not tell them."""

    item_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolAnswered:
    """A tool of an MCP server has done its work."""

    item_id: str
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolFailed:
    """A tool of an MCP server has not."""

    item_id: str
    error: McpError


@dataclass(frozen=True, slots=True)
class Expired:
    """The session has lasted as long as sessions may."""


@dataclass(frozen=True, slots=True)
class Draining:
    """The server is about to stop: finish what is running, begin nothing."""


@dataclass(frozen=True, slots=True)
class HungUp:
    """The client is gone; nothing can be sent any more."""


ReplyReport: TypeAlias = (
    Allowance | PromptRead | Began | Wrote | Spoke | Timed | CallBegan | CallWrote | CallEnded | Answered | Failed
)
"""About one response."""

SpeechReport: TypeAlias = SpeechBegan | SpeechSuspected | SpeechDismissed | SpeechEnded
"""About the user's voice."""

Report: TypeAlias = (
    SpeechReport
    | NobodySpoke
    | Heard
    | HeardAll
    | NotHeard
    | ReplyReport
    | ToolsListed
    | ToolsNotListed
    | ToolAnswered
    | ToolFailed
    | Expired
    | Draining
    | HungUp
)
