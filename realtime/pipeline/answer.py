"""The model's side of a reply: its text as it comes, its sound if it speaks, and what in it is not to be said."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Protocol, TypeAlias

from realtime.audio import Audio
from realtime.engines.base import AnswerPart, CallWhole, Finish, Read, Thought, Token, ToolCallPart
from realtime.errors import EngineFailed

Ask: TypeAlias = Callable[[], AsyncGenerator[AnswerPart | Audio, None]]
"""Has a model answer. One that speaks for itself puts its sound between the parts."""


class Asides(Protocol):
    """Whoever is told what in an answer is not to be said."""

    async def began(self) -> None:
        """The first word is there, though not yet shown or said."""
        ...

    async def read(self, prompt: Read) -> None:
        """The model has read its prompt."""
        ...

    async def call(self, part: ToolCallPart) -> None:
        """The model has written more of a call."""
        ...

    async def call_is_whole(self, whole: CallWhole) -> None:
        """The model has written all of a call, and it can be made."""
        ...


class HeldAsides:
    """Keeps what is told until somebody may hear it, and passes it on from then on."""

    def __init__(self) -> None:
        self._held: deque[Callable[[Asides], Awaitable[None]]] = deque()
        self._listener: Asides | None = None

    async def release(self, listener: Asides) -> None:
        """Tell `listener` what was kept, in its order, and everything that follows. Cancelling loses the rest."""
        while self._held:
            await self._held.popleft()(listener)
        self._listener = listener

    async def began(self) -> None:
        """The first word is there."""
        await self._pass(lambda listener: listener.began())

    async def read(self, prompt: Read) -> None:
        """The model has read its prompt."""
        await self._pass(lambda listener: listener.read(prompt))

    async def call(self, part: ToolCallPart) -> None:
        """More of a call."""
        await self._pass(lambda listener: listener.call(part))

    async def call_is_whole(self, whole: CallWhole) -> None:
        """A call can be made."""
        await self._pass(lambda listener: listener.call_is_whole(whole))

    async def _pass(self, tell: Callable[[Asides], Awaitable[None]]) -> None:
        if self._listener:
            await tell(self._listener)
        else:
            self._held.append(tell)


class Answer:
    """The model's side of a reply: its text as it comes, and afterwards how it ended."""

    def __init__(self, ask: Ask, asides: Asides) -> None:
        self._ask = ask
        self._asides = asides
        self._read: Read | None = None
        self._finish: Finish | None = None
        self.tokens_written = 0
        """So far, as many as pieces came."""

    @property
    def finish(self) -> Finish:
        """How the answer ended; an answer that broke off is the engine's fault."""
        if self._finish is None:
            raise EngineFailed("the language model broke off its answer")
        return self._finish

    @property
    def has_begun(self) -> bool:
        """Whether the model has read what it answers, or is writing."""
        return self._read is not None or self.tokens_written > 0

    @property
    def tokens_used(self) -> int:
        """What was read and written, also of an answer that was stopped."""
        if self._finish:
            return self._finish.prompt_tokens + self._finish.completion_tokens
        return (self._read.prompt_tokens if self._read else 0) + self.tokens_written

    @property
    def tokens_worked(self) -> int:
        """The same without what the model had read before and only remembered."""
        read = self._finish or self._read
        return self.tokens_used - (read.cached_tokens if read else 0)

    async def texts(self) -> AsyncGenerator[str, None]:
        """The text as it is written, from its first word on. Cancelling, or closing it early, stops the model."""
        async with aclosing(self.words_and_sound()) as said:
            async for part in said:
                if isinstance(part, str):
                    yield part

    async def words_and_sound(self) -> AsyncGenerator[str | Audio, None]:
        """The same with the sound of a model that speaks. Cancelling, or closing it early, stops the model."""
        begun = False
        async with aclosing(self._ask()) as parts:
            async for part in parts:
                match part:
                    case Token(text):
                        self.tokens_written += 1
                        text = text if begun else text.lstrip()
                        if not begun and text:
                            begun = True
                            await self._asides.began()
                        if text:
                            yield text
                    case Audio():
                        if not begun:
                            begun = True
                            await self._asides.began()
                        yield part
                    case _:
                        await self._set_aside(part)

    async def _set_aside(self, part: Read | Thought | ToolCallPart | CallWhole | Finish) -> None:
        match part:
            case ToolCallPart():
                self.tokens_written += 1
                await self._asides.call(part)
            case CallWhole():
                await self._asides.call_is_whole(part)
            case Read():
                self._read = part
                await self._asides.read(part)
            case Finish():
                self._finish = part
