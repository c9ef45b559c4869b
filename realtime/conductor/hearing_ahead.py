"""The words of a turn that may be over, found while that is not known yet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from realtime.audio import Audio
from realtime.conductor.errands import Errands, account_for
from realtime.engines.base import Listening, Segment, Urgency
from realtime.pipeline.endpoint import Hushed, Wording

Hear = Callable[[Audio, Listening], AsyncGenerator[Segment, None]]
"""Puts sound into words."""


@dataclass(frozen=True, slots=True)
class _Hearing:
    hush: Hushed
    listening: Listening
    found: asyncio.Future[list[Segment] | None]
    """None when the words could not be found."""
    task: asyncio.Task[None]


class HearingAhead:
    """Listens to one turn at a time."""

    def __init__(self, hear: Hear, errands: Errands) -> None:
        self._hear = hear
        self._errands = errands
        self._hearing: _Hearing | None = None

    async def start(self, hush: Hushed, sound: Audio, listening: Listening) -> None:
        """Put what was said until `hush` into words; they are reported as a `Wording`."""
        await self.drop()
        found: asyncio.Future[list[Segment] | None] = asyncio.get_running_loop().create_future()
        task = self._errands.start(self._listen(hush, sound, listening, found))
        self._hearing = _Hearing(hush, listening, found, task)

    async def take(self, sound: Audio, listening: Listening) -> AsyncGenerator[Segment, None]:
        """The words of `sound`, the whole turn, which is over and in which nobody has spoken since the `hush`.

        What was not listened to ahead, or not in this way, or without success, is listened to now.
        """
        hearing = self._hearing
        if hearing is None or hearing.listening != listening:
            await self.drop()
            return self._hear(sound, listening)
        self._hearing = None
        return self._words(hearing, sound)

    async def drop(self) -> None:
        """The turn goes on, or is gone."""
        hearing, self._hearing = self._hearing, None
        if hearing:
            await self._errands.stop(hearing.task)

    async def _words(self, hearing: _Hearing, sound: Audio) -> AsyncGenerator[Segment, None]:
        try:
            heard = await hearing.found
        finally:
            if not hearing.found.done() or hearing.found.cancelled():
                await self._errands.stop(hearing.task)
        if heard is not None:
            for segment in heard:
                yield segment
            return
        async with aclosing(self._hear(sound, hearing.listening)) as segments:
            async for segment in segments:
                yield segment

    async def _listen(
        self, hush: Hushed, sound: Audio, listening: Listening, found: asyncio.Future[list[Segment] | None]
    ) -> None:
        heard: list[Segment] | None
        try:
            async with aclosing(self._hear(sound, replace(listening, urgency=Urgency.SPECULATIVE))) as segments:
                heard = [segment async for segment in segments]
        except Exception as failure:
            account_for(failure, "transcription ahead of the turn's end")  # it is tried again when the turn is over
            heard = None
        if not found.done():  # whoever waited for it has not gone away
            found.set_result(heard)
        if heard is not None:
            language = heard[-1].language if heard else None
            await self._errands.report(Wording(hush, joined(heard), language))


def joined(segments: list[Segment]) -> str:
    """The text of a turn."""
    return "".join(text_of(segment, first=index == 0) for index, segment in enumerate(segments))


def text_of(segment: Segment, first: bool) -> str:
    """A segment's part of the text of its turn."""
    return segment.text.strip() if first else segment.text.rstrip()
