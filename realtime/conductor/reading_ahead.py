"""What replies will begin with, read by the model before anybody has asked for one."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace

from realtime.conductor.errands import Errands, account_for
from realtime.engines.base import Chat, Prompt, Read, Urgency
from realtime.prompt import prompt_for
from realtime.protocol.effects import StartReply


class ReadingAhead:
    """Has the model read one beginning at a time, if it remembers what it has read."""

    def __init__(self, chat: Chat, errands: Errands) -> None:
        self._chat = chat
        self._errands = errands
        self._reading: asyncio.Task[None] | None = None

    async def start(self, reply: StartReply) -> None:
        """Read what `reply` begins with. What was being read instead is let go."""
        if "reading_ahead" in self._chat.abilities:
            await self.stop()
            self._reading = self._errands.start(self._read(prompt_for(reply)))

    async def stop(self) -> None:
        """A reply needs the model. What was read so far, it need not read again."""
        await self._errands.stop(self._reading)

    async def _read(self, prompt: Prompt) -> None:
        try:
            async with aclosing(self._chat.answer(replace(prompt, max_tokens=1, urgency=Urgency.SPECULATIVE))) as parts:
                async for part in parts:
                    if isinstance(part, Read):
                        return
        except Exception as failure:
            account_for(failure, "reading ahead")  # in the log; the reply will fail for itself if it must
