"""Replies that a language model writes, and that a voice says."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from realtime.codecs import find_codec
from realtime.conductor.errands import Errands
from realtime.conductor.reading_ahead import ReadingAhead
from realtime.conductor.speculation import Order
from realtime.engines.base import Speaking, Urgency
from realtime.engines.ensemble import Engines
from realtime.pipeline.clock import Clock
from realtime.pipeline.pace import Gate
from realtime.pipeline.reply import Reply, Voice
from realtime.protocol.config import format_name
from realtime.protocol.effects import StartReply
from realtime.protocol.items import Item


class ChatReplies:
    """Makes them. Any of them may be begun before it is known that it is wanted."""

    foresees = True

    def __init__(self, engines: Engines, lead_ms: float, gate: Gate, errands: Errands, clock: Clock) -> None:
        self._engines = engines
        self._lead_ms = lead_ms
        self._gate = gate
        self._clock = clock
        self._reading = ReadingAhead(engines.chat, errands)

    @property
    def is_busy(self) -> bool:
        """Whether work that may be for nothing would now delay work that somebody waits for."""
        return self._engines.busy

    def reply(self, order: Order, urgency: Urgency) -> Reply:
        """A reply of which nothing is made yet."""
        ask = partial(self._engines.chat.answer, replace(order.prompt, urgency=urgency))
        return Reply(ask, None if order.modality == "text" else self._voice(order), self._clock)

    async def clear_way(self) -> None:
        """A reply is about to be made: the model reads nothing else. Cancelling leaves it stopping."""
        await self._reading.stop()

    async def read_ahead(self, start: StartReply) -> None:
        """Have the model read what replies will begin with, if nobody would have to wait for that."""
        if not self.is_busy:
            await self._reading.start(start)

    def told_of(self, response_id: str, item: Item) -> None:
        """The next reply's prompt will have it."""

    def _voice(self, order: Order) -> Voice:
        synthesizer = self._engines.synthesizer
        return Voice(
            synthesizer=synthesizer,
            speaking=Speaking(
                voice=order.voice_name if order.voice_name in synthesizer.voices else None, speed=order.speed
            ),
            rate_hz=find_codec(format_name(order.output_format)).rate_hz,
            lead_ms=self._lead_ms,
            gate=self._gate,
        )
