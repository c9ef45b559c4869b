"""Replies of an engine that hears, thinks and speaks by itself.

Such an engine holds a conversation of its own, in which it knows what it was told and what it has said. For every
reply it is told what it does not know yet: the user's last turn as it sounded, everything else in words. Where that is
not enough, because something that it knows was deleted, because an answer is asked for to something else or in
another voice, or because its machine is gone, another conversation is begun with it, and it is told all in words.

An answer beside the conversation is asked for in a conversation of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial
from typing import TypeAlias

from realtime.audio import Audio
from realtime.codecs import find_codec
from realtime.conductor.errands import Errands, account_for
from realtime.conductor.speculation import Order
from realtime.engines.base import Urgency
from realtime.engines.speech_to_speech import Manner, SpeechStream, SpeechToSpeech, SpokenPart
from realtime.pipeline.clock import Clock
from realtime.pipeline.pace import Gate
from realtime.pipeline.reply import Reply, Voice
from realtime.prompt import messages_of, prompt_for
from realtime.protocol.config import format_name
from realtime.protocol.effects import StartReply
from realtime.protocol.items import InputAudio, Item, McpCall, Message

SoundOf: TypeAlias = Callable[[str], Audio | None]
"""How a user item sounded, by its id; None where that is not known any more."""

_Known: TypeAlias = tuple[str, bool]
"""An item's id, and whether it had come to its end."""


class SpeechReplies:
    """Makes them, one at a time for the conversation and any number beside it. None is begun before it is wanted."""

    foresees = False
    is_busy = False

    def __init__(
        self, engine: SpeechToSpeech, sound_of: SoundOf, lead_ms: float, gate: Gate, errands: Errands, clock: Clock
    ) -> None:
        self._engine = engine
        self._sound_of = sound_of
        self._lead_ms = lead_ms
        self._gate = gate
        self._errands = errands
        self._clock = clock
        self._stream: SpeechStream | None = None
        self._running: asyncio.Task[None] | None = None
        self._known: tuple[_Known, ...] = ()
        """Of all that it was told and has said, in that order."""
        self._voice: str | None = None
        self._response_id = ""
        """Of the last reply in the conversation."""

    def reply(self, order: Order, urgency: Urgency) -> Reply:
        """A reply of which nothing is made yet."""
        voice = Voice(
            synthesizer=None,
            rate_hz=find_codec(format_name(order.output_format)).rate_hz,
            lead_ms=self._lead_ms,
            gate=self._gate,
        )
        answer = self._answer if order.start.in_conversation else self._answer_beside
        return Reply(partial(answer, order), None if order.modality == "text" else voice, self._clock)

    async def clear_way(self) -> None:
        """Nothing is done ahead."""

    async def read_ahead(self, start: StartReply) -> None:
        """The engine reads when it is asked."""

    def told_of(self, response_id: str, item: Item) -> None:
        """What came of its last reply, the engine knows."""
        if response_id == self._response_id:
            self._known += (_known(item),)

    async def _answer(self, order: Order) -> AsyncGenerator[SpokenPart, None]:
        items, manner = order.start.items, self._manner(order)
        known = tuple(_known(item) for item in items)
        stream = await self._stream_for(known, manner.voice)
        new = items[len(self._known) :]
        self._known, self._response_id = known, order.start.response_id
        sound = self._sound_of(new[-1].id) if new and _is_speech(new[-1]) else None
        said = new[:-1] if sound else new
        async with aclosing(stream.answer(manner, messages_of(said), sound)) as parts:
            async for part in parts:
                yield part

    async def _stream_for(self, known: tuple[_Known, ...], voice: str | None) -> SpeechStream:
        """The conversation as it is, if it can become this by going on; else another."""
        goes_on = voice == self._voice and known[: len(self._known)] == self._known
        if self._stream and goes_on and await self._stream.ready():
            return self._stream
        await self._errands.stop(self._running)
        self._known, self._voice = (), voice
        self._stream = self._engine.stream()
        self._running = self._errands.start(_carry(self._stream))
        return self._stream

    async def _answer_beside(self, order: Order) -> AsyncGenerator[SpokenPart, None]:
        stream = self._engine.stream()
        running = self._errands.start(_carry(stream))
        try:
            async with aclosing(stream.answer(self._manner(order), messages_of(order.start.items), None)) as parts:
                async for part in parts:
                    yield part
        finally:
            await self._errands.stop(running)

    def _manner(self, order: Order) -> Manner:
        prompt = prompt_for(order.start)
        return Manner(
            instructions=order.start.instructions,
            voice=order.voice_name if order.voice_name in self._engine.voices else None,
            speed=order.speed,
            aloud=order.modality == "audio",
            tools=prompt.tools,
            tool_choice=prompt.tool_choice,
            parallel_tool_calls=prompt.parallel_tool_calls,
            max_tokens=prompt.max_tokens,
            temperature=prompt.temperature,
        )


async def _carry(stream: SpeechStream) -> None:
    try:
        await stream.run()
    except Exception as failure:
        account_for(failure, "conversation with the speech-to-speech engine")  # the reply in progress fails for itself


def _known(item: Item) -> _Known:
    return item.id, not isinstance(item, McpCall) or item.output is not None or item.error is not None


def _is_speech(item: Item) -> bool:
    """Whether it is the user's voice and nothing else."""
    if not (isinstance(item, Message) and item.role == "user"):
        return False
    return len(item.content) == 1 and isinstance(item.content[0], InputAudio)
