"""One reply, whole: the language model's words become sentences, the sentences sound, and the sound goes out in time.

A reply is one coroutine. Stopping it is one cancel, and everything it holds is let go on the way out: the model stops
writing at the next token, the voice after the step that runs. While a sentence plays, the next ones are written and
spoken ahead of it, as far as the channel between the two has room.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from realtime.engines.base import CallWhole, Chat, Finish, Prompt, Read, Speaking, Synthesizer, Token, ToolCallPart
from realtime.errors import EngineFailed
from realtime.pipeline.channel import Channel
from realtime.pipeline.clock import Clock
from realtime.pipeline.pace import pace
from realtime.pipeline.sentences import sentences
from realtime.pipeline.speak import PIECE_MS, Piece, speak

AHEAD_MS = 10_000
"""Sound that may wait to be sent. More would be memory and work for nothing when the listener interrupts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """How a reply is spoken and sent."""

    synthesizer: Synthesizer
    speaking: Speaking
    rate_hz: int
    """Rate of the sound that is sent."""
    lead_ms: float
    """How far ahead of its playing sound may be sent."""
    clock: Clock


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


class Answer:
    """The language model's side of a reply: its text as it comes, and afterwards how it ended."""

    def __init__(self, chat: Chat, prompt: Prompt, asides: Asides) -> None:
        self._chat = chat
        self._prompt = prompt
        self._asides = asides
        self._prompt_tokens = 0
        self._finish: Finish | None = None
        self.tokens_written = 0
        """So far, as many as pieces came."""

    @property
    def finish(self) -> Finish:
        """How the answer ended; an answer that broke off is the engine's fault."""
        if self._finish is None:
            raise EngineFailed(f"chat model {self._chat.model!r} broke off its answer")
        return self._finish

    @property
    def tokens_used(self) -> int:
        """What was read and written, also of an answer that was stopped."""
        if self._finish:
            return self._finish.prompt_tokens + self._finish.completion_tokens
        return self._prompt_tokens + self.tokens_written

    async def texts(self) -> AsyncGenerator[str, None]:
        """The text as it is written, from its first word on. Cancelling, or closing it early, stops the model."""
        begun = False
        async with aclosing(self._chat.answer(self._prompt)) as parts:
            async for part in parts:
                match part:
                    case Token(text):
                        self.tokens_written += 1
                        text = text if begun else text.lstrip()
                        if text and not begun:
                            begun = True
                            await self._asides.began()
                        if text:
                            yield text
                    case ToolCallPart():
                        self.tokens_written += 1
                        await self._asides.call(part)
                    case CallWhole():
                        await self._asides.call_is_whole(part)
                    case Read():
                        self._prompt_tokens = part.prompt_tokens
                        await self._asides.read(part)
                    case Finish():
                        self._finish = part


async def write(answer: Answer, show: Callable[[str], Awaitable[None]]) -> Finish:
    """A reply in writing: `show` gets the text as it comes. Cancelling stops the model."""
    async with aclosing(answer.texts()) as texts:
        async for text in texts:
            await show(text)
    return answer.finish


async def say(answer: Answer, voice: Voice, play: Callable[[Piece], Awaitable[None]]) -> Finish:
    """A reply aloud: `play` gets the pieces when it is time to send them. Cancelling stops model and voice."""
    spoken: Channel[Piece] = Channel(AHEAD_MS // PIECE_MS)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_prepare(answer, voice, spoken))
            async with (
                aclosing(spoken.items()) as waiting,
                aclosing(pace(waiting, voice.rate_hz, voice.lead_ms, voice.clock)) as due,
            ):
                async for piece in due:
                    await play(piece)
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return answer.finish


async def _prepare(answer: Answer, voice: Voice, spoken: Channel[Piece]) -> None:
    async with (
        aclosing(answer.texts()) as texts,
        aclosing(sentences(texts)) as whole,
        aclosing(speak(whole, voice.synthesizer, voice.speaking, voice.rate_hz)) as pieces,
    ):
        async for piece in pieces:
            await spoken.put(piece)
    await spoken.close()
