"""What replies will begin with, read by the model before anybody has asked for one."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace

import structlog

from realtime.conductor.errands import Errands, account_for
from realtime.engines.base import Chat, Message, Prompt, Read, Tool
from realtime.prompt import prompt_for
from realtime.protocol.effects import StartReply

log = structlog.get_logger(__name__)


class ReadingAhead:
    """Has the model read one beginning at a time, if it remembers what it has read."""

    def __init__(self, chat: Chat, errands: Errands) -> None:
        self._chat = chat
        self._errands = errands
        self._reading: asyncio.Task[None] | None = None
        self._beginning: _Beginning | None = None

    async def start(self, reply: StartReply) -> None:
        """Read what `reply` begins with. What was being read instead is let go."""
        prompt = prompt_for(reply)
        if "reading_ahead" not in self._chat.abilities:
            return
        await self._errands.stop(self._reading)
        self._beginning = _beginning(prompt)
        self._reading = self._errands.start(self._read(prompt))

    async def make_way(self, prompt: Prompt) -> None:
        """A reply needs the model. It waits for what it would read itself; anything else is let go.

        Cancelling stops waiting.
        """
        if self._reading is None or self._reading.done():
            return
        if _beginning(prompt) == self._beginning:
            await asyncio.wait([self._reading])
        else:
            await self._errands.stop(self._reading)

    async def _read(self, prompt: Prompt) -> None:
        # As urgent as a reply, for one may soon wait for it.
        try:
            async with aclosing(self._chat.answer(replace(prompt, max_tokens=1))) as parts:
                async for part in parts:
                    if isinstance(part, Read):
                        return
        except Exception as failure:
            account_for(failure, "reading ahead")  # in the log; the reply will fail for itself if it must


_Beginning = tuple[tuple[Message, ...], tuple[Tool, ...]]


def _beginning(prompt: Prompt) -> _Beginning:
    """The instructions and the tools, which stand before everything that is said."""
    return tuple(message for message in prompt.messages[:1] if message.role == "system"), prompt.tools
