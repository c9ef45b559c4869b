"""What in an answer is not to be said: that it began, what it cost, and its calls."""

from __future__ import annotations

import structlog

from realtime.conductor.errands import Errands
from realtime.engines.base import CallWhole, Read, ToolCallPart
from realtime.errors import EngineFailed
from realtime.pipeline.clock import Clock
from realtime.protocol import reports

log = structlog.get_logger(__name__)


class Telling:
    """Reports it to the session."""

    def __init__(self, response_id: str, errands: Errands, clock: Clock) -> None:
        self._response_id = response_id
        self._errands = errands
        self._clock = clock
        self._began_s = clock.now_s()
        self._calls: dict[int, str] = {}
        """By index, the ids of the calls that are being written."""

    async def began(self) -> None:
        """There will be words."""
        took_ms = round((self._clock.now_s() - self._began_s) * 1000)
        log.info("reply began", response=self._response_id, took_ms=took_ms)
        await self._errands.report(reports.Began(response_id=self._response_id))

    async def read(self, prompt: Read) -> None:
        """What the prompt cost."""
        read = reports.PromptRead(
            response_id=self._response_id, prompt_tokens=prompt.prompt_tokens, cached_tokens=prompt.cached_tokens
        )
        await self._errands.report(read)

    async def call(self, part: ToolCallPart) -> None:
        """More of a call; the first of an index begins one."""
        if part.index not in self._calls and part.call_id and part.name:
            self._calls[part.index] = part.call_id
            began = reports.CallBegan(response_id=self._response_id, call_id=part.call_id, name=part.name)
            await self._errands.report(began)
        call_id = self._call_id(part)
        if part.arguments:
            wrote = reports.CallWrote(response_id=self._response_id, call_id=call_id, text=part.arguments)
            await self._errands.report(wrote)

    async def call_is_whole(self, whole: CallWhole) -> None:
        """A call can be made."""
        call_id = self._call_id(whole)
        del self._calls[whole.index]
        await self._errands.report(reports.CallEnded(response_id=self._response_id, call_id=call_id))

    def _call_id(self, part: ToolCallPart | CallWhole) -> str:
        if part.index not in self._calls:
            raise EngineFailed("the language model wrote of a call that it had not begun, or had ended")
        return self._calls[part.index]
