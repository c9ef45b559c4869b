"""What the pipeline reports to the session. They enter by the same door as a client's events: one writer, one order.

Reports about a response carry its id, so that those of a response already ended are recognised and ignored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechBegan:
    """The user has started to speak."""

    audio_start_ms: int
    """Where the turn's audio begins, padding included, from the start of all audio of the session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechEnded:
    """The user's turn is over."""

    audio_end_ms: int
    """Where the turn's audio ends, the silence that ended it included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """The next words of a user item. They are never taken back."""

    item_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardAll:
    """All words of a user item: the `Heard` ones joined."""

    item_id: str
    text: str
    speech_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NotHeard:
    """A user item could not be put into words."""

    item_id: str
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Began:
    """A response's first words exist, though none may have been sent yet."""

    response_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrote:
    """A response has written more text."""

    response_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoke:
    """A response has more to be heard: sound in its output format, and the words that begin in it."""

    response_id: str
    text: str
    audio: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A response has said all it had to say."""

    response_id: str
    reason: Literal["stop", "length", "content_filter"]
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A response cannot go on."""

    response_id: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Draining:
    """The server is about to stop: finish what is running, begin nothing."""


@dataclass(frozen=True, slots=True)
class HungUp:
    """The client is gone; nothing can be sent any more."""


Report: TypeAlias = (
    SpeechBegan
    | SpeechEnded
    | Heard
    | HeardAll
    | NotHeard
    | Began
    | Wrote
    | Spoke
    | Answered
    | Failed
    | Draining
    | HungUp
)
