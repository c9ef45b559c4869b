"""Speech answered with speech by one engine, which hears, thinks and speaks.

It stands in the place of a chat model and a voice. What it says comes in a chat model's parts (`engines.base`), the
text being what is said, with the sound between them. Each conversation has a stream of its own, which remembers what
it was told and what it has answered; an engine that forgets, because its machine is gone, is told all of it anew.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from realtime.audio import Audio
from realtime.engines.base import Ability, AnswerPart, Message, Tool

SpokenPart: TypeAlias = AnswerPart | Audio
"""Text comes before the sound in which it is said, as far as the engine can tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How to answer."""

    instructions: str = ""
    voice: str | None = None
    """One of the engine's voices; None for its first."""
    speed: float = 1.0
    """1.0 is the voice's own pace."""
    aloud: bool = True
    """Whether the sound is wanted; else only the text."""
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    """`auto`, `none`, `required`, or the name of the one function to call."""
    parallel_tool_calls: bool = True
    max_tokens: int | None = None
    temperature: float | None = None


class SpeechStream(Protocol):
    """One conversation."""

    async def ready(self) -> bool:
        """Whether it can go on, once an answer that was stopped has stopped. Cancelling changes nothing.

        One that cannot has forgotten everything, and will not come back.
        """
        ...

    async def run(self) -> None:
        """Carry the conversation; to be run once, beside it. Returns when it is over. Cancelling ends it."""
        ...

    def answer(
        self, manner: Manner, said: tuple[Message, ...], sound: Audio | None
    ) -> AsyncGenerator[SpokenPart, None]:
        """The answer to all that was said before and since: `said`, and then `sound`, the user's voice at any rate.

        One at a time, and when the stream is `ready`. It is closed by one `Finish`. Closing the generator before stops
        the engine's work, and what was answered so far is remembered. Raises `EngineFailed`; the stream is over then.
        """
        ...


class SpeechToSpeech(Protocol):
    """An engine that holds conversations aloud."""

    @property
    def model(self) -> str: ...

    @property
    def voices(self) -> tuple[str, ...]: ...

    @property
    def abilities(self) -> frozenset[Ability]:
        """What it can do beside answering; it is not asked for more."""
        ...

    def stream(self) -> SpeechStream:
        """A new conversation, in which nothing was said yet."""
        ...

    async def close(self) -> None: ...
