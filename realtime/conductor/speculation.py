"""A reply begun before it is known that it is wanted.

While the user has fallen silent and might still go on, the reply to what was said so far is written and its first
words are spoken, unheard. If the turn ends there, it is wanted, and lies ready; if the user goes on, or anything else
changes what would be answered, it is dropped: nobody is told of it, and only what it cost is counted.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Self

from realtime.conductor.errands import Errands
from realtime.conductor.meter import Meter
from realtime.engines.base import Prompt
from realtime.pipeline.clock import Clock
from realtime.pipeline.reply import Reply
from realtime.prompt import prompt_for
from realtime.protocol.config import AudioFormat, CustomVoice, Modality
from realtime.protocol.effects import StartReply


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a reply is made from. Two replies of equal orders are the same reply."""

    prompt: Prompt
    modality: Modality
    output_format: AudioFormat
    voice: str | CustomVoice
    speed: float
    start: StartReply = field(compare=False)
    """Where all this is from."""

    @property
    def voice_name(self) -> str:
        """What the voice is called."""
        return self.voice.id if isinstance(self.voice, CustomVoice) else self.voice

    @classmethod
    def of(cls, start: StartReply) -> Self:
        """What the session wants."""
        return cls(
            prompt=prompt_for(start),
            modality=start.modality,
            output_format=start.output_format,
            voice=start.voice,
            speed=start.speed,
            start=start,
        )


@dataclass(frozen=True, slots=True)
class Prepared:
    """A reply that is being made, and the task that makes it."""

    order: Order
    reply: Reply
    making: asyncio.Task[None]
    began_s: float


class Speculation:
    """At most one reply at a time."""

    def __init__(self, errands: Errands, meter: Meter, clock: Clock) -> None:
        self._errands = errands
        self._meter = meter
        self._clock = clock
        self._prepared: Prepared | None = None

    def begin(self, prepared: Prepared) -> None:
        """It will perhaps be wanted. There must be no other: `drop` that before."""
        assert self._prepared is None
        self._prepared = prepared

    async def take(self, order: Order, must_have_begun: bool) -> Prepared | None:
        """The reply to this order, if it was begun and has not failed; another that was begun is dropped.

        `must_have_begun`: one that the model has not read yet, and that may have to wait behind everybody's, is dropped
        as well.
        """
        prepared = self._prepared
        if (
            prepared is None
            or prepared.order != order
            or prepared.reply.failed
            or (must_have_begun and not prepared.reply.answer.has_begun)
        ):
            await self.drop()
            return None
        self._prepared = None
        self._meter.speculation_kept(self._spent_ms(prepared), prepared.reply.answer.tokens_worked)
        return prepared

    async def drop(self) -> None:
        """It is not wanted. Returns when all that it held is let go."""
        prepared, self._prepared = self._prepared, None
        if prepared:
            spent_ms = self._spent_ms(prepared)
            await self._errands.stop(prepared.making)
            self._meter.speculation_dropped(spent_ms, prepared.reply.answer.tokens_worked)

    def _spent_ms(self, prepared: Prepared) -> float:
        return (self._clock.now_s() - prepared.began_s) * 1000
