"""Whole conversations without a socket: a client on a clock moved by hand, the conductor, and scripted engines.

Every event the client is told is held against the types of OpenAI's own library. When the conversation is over, no
task may be left and every generator must have been closed by whoever had opened it.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, aclosing, contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Self
from weakref import WeakSet

import numpy as np

from realtime.audio import Pcm
from realtime.codecs import find_codec
from realtime.conductor import ClientGone, Conductor, Ending, Incoming
from realtime.conductor.meter import Meter
from realtime.engines.ensemble import Engines
from realtime.ids import counting_ids
from realtime.pipeline.clock import LoopClock
from realtime.protocol import wire
from realtime.protocol.config import SessionType, first_config
from realtime.protocol.server_events import ServerEvent
from realtime.remote_tools.base import RemoteTools
from realtime.settings import ConversationSettings
from tests.fakes import HandClock, fake_engines, quiet, settle, voice
from tests.protocol.contract import check_event

QUESTION = quiet(512), voice(768), quiet(576)
"""A turn, from the quiet before it to a little more than the silence that ends it."""


@dataclass(frozen=True)
class Told:
    """One event, and when it was sent."""

    at_s: float
    event: dict[str, Any]


class Dialogue:
    """A conversation for as long as the context lasts; leaving it hangs up."""

    def __init__(
        self,
        engines: Engines | None = None,
        *,
        audio_format: str = "audio/pcm",
        session_type: SessionType = "realtime",
        remote_tools: RemoteTools | None = None,
        meter: Meter | None = None,
        real_time: bool = False,
        **settings: Any,
    ) -> None:
        self.clock = HandClock()
        """What the conversation goes by, unless it is held in `real_time`."""
        self.told: list[Told] = []
        self.reading = asyncio.Event()
        """Clear it, and the client stops reading."""
        self.reading.set()
        self.gone = False
        """Set it, and what is sent to the client fails."""
        self._ending: Ending | None = None
        self._meter = meter
        chosen = ConversationSettings(**settings)
        self._session_type = session_type
        self.conductor = Conductor(
            engines or fake_engines(),
            chosen,
            first_config(chosen.model, chosen.instructions, session_type),
            remote_tools=remote_tools,
            new_id=counting_ids(),
            clock=LoopClock() if real_time else self.clock,
        )
        self._codec = find_codec(audio_format)
        self._said: asyncio.Queue[Incoming | None] = asyncio.Queue()
        self._news = asyncio.Condition()
        self._new_id = counting_ids()
        self._stack = ExitStack()

    async def __aenter__(self) -> Self:
        self._stack.enter_context(nothing_left_over())
        self.running = asyncio.get_running_loop().create_task(self._converse())
        await self.goes_on()
        return self

    async def __aexit__(self, *failure: Any) -> None:
        if failure[0] is None and not self.running.cancelled():
            self.hang_up()
            self.reading.set()
            async with asyncio.timeout(10):
                await self.running
        await self.is_cancelled()
        self._stack.__exit__(*failure)

    async def _converse(self) -> None:
        async with aclosing(self._incoming()) as incoming:
            self._ending = await self.conductor.converse(incoming, self._hear, self._meter)

    async def _incoming(self) -> AsyncGenerator[Incoming, None]:
        while (event := await self._said.get()) is not None:
            yield event

    async def _hear(self, event: ServerEvent) -> None:
        await self.reading.wait()
        if self.gone:
            raise ClientGone
        self.told.append(Told(self.clock.now_s(), check_event(wire.encode(event, self._new_id("event")))))
        async with self._news:
            self._news.notify_all()

    # --- what the client does ------------------------------------------------------------------------------------

    def send(self, type_: str, **fields: Any) -> None:
        """Say something, without waiting for an answer."""
        try:
            event: Incoming = wire.decode(json.dumps({"type": type_, **fields}))
        except wire.UnreadableEvent as problem:
            event = problem
        self._said.put_nowait(event)

    async def asks(self, type_: str, **fields: Any) -> None:
        """Say something, and give it time to be acted on."""
        self.send(type_, **fields)
        await self.goes_on()

    async def says(self, *pieces: Pcm) -> None:
        """Speak, in one append."""
        audio = self._codec.encode(np.concatenate(pieces))
        await self.asks("input_audio_buffer.append", audio=base64.b64encode(audio).decode())

    async def tunes(self, **audio_input: Any) -> None:
        """Change how one is listened to."""
        await self.asks("session.update", session={"type": self._session_type, "audio": {"input": audio_input}})

    async def goes_on(self, seconds: float = 0) -> None:
        """Let time pass."""
        await settle()
        if seconds:
            await self.clock.advance(seconds)

    async def until(self, type_: str, count: int = 1) -> dict[str, Any]:
        """The event of that type with that number, once a thread that was not on our clock has brought it."""
        async with asyncio.timeout(10), self._news:
            await self._news.wait_for(lambda: len(self.all(type_)) >= count)
        return self.all(type_)[count - 1]

    async def is_cancelled(self) -> None:
        """The server does not want the conversation any more."""
        self.running.cancel()
        await asyncio.wait([self.running], timeout=10)

    def hang_up(self) -> None:
        """Leave."""
        self._said.put_nowait(None)

    # --- what it was told ----------------------------------------------------------------------------------------

    def ending(self) -> Ending | None:
        """How the conversation ended; None while it goes on."""
        return self._ending

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every event, in order."""
        return [told.event for told in self.told]

    @property
    def names(self) -> list[str]:
        """Their types; equal ones that follow one another are one."""
        return [name for name, _ in groupby(event["type"] for event in self.events)]

    def names_since(self, type_: str) -> list[str]:
        """The types of the events from the last of that type on."""
        last = max(index for index, name in enumerate(self.names) if name == type_)
        return self.names[last:]

    def all(self, type_: str) -> list[dict[str, Any]]:
        """The events of that type."""
        return [event for event in self.events if event["type"] == type_]

    def last(self, type_: str) -> dict[str, Any]:
        """The last event of that type."""
        return self.all(type_)[-1]

    @property
    def response(self) -> dict[str, Any]:
        """The response that was the last to end."""
        response: dict[str, Any] = self.last("response.done")["response"]
        return response

    def words(self, response_id: str) -> str:
        """What a response has said or written."""
        deltas = ("response.output_audio_transcript.delta", "response.output_text.delta")
        return "".join(
            event["delta"] for event in self.events if event["type"] in deltas and event["response_id"] == response_id
        )

    def sound(self, response_id: str) -> Pcm:
        """What a response has sounded like."""
        audio = b"".join(base64.b64decode(told.event["delta"]) for told in self._sounds(response_id))
        return self._codec.decoder().decode(audio)

    def most_unheard_ms(self, response_id: str) -> float:
        """The most sound of a response that was ever sent and not heard, if it is played as soon as it comes."""
        played_until_s, most_s = 0.0, 0.0
        for told in self._sounds(response_id):
            samples = len(self._codec.decoder().decode(base64.b64decode(told.event["delta"])))
            played_until_s = max(played_until_s, told.at_s) + samples / self._codec.rate_hz
            most_s = max(most_s, played_until_s - told.at_s)
        return round(most_s * 1000, 6)

    def _sounds(self, response_id: str) -> list[Told]:
        kind = "response.output_audio.delta"
        return [told for told in self.told if told.event["type"] == kind and told.event["response_id"] == response_id]


@contextmanager
def nothing_left_over() -> Iterator[None]:
    """When the context ends, every task started in it is over and every generator opened in it is closed."""
    tasks, hooks = asyncio.all_tasks(), sys.get_asyncgen_hooks()
    opened: WeakSet[AsyncGenerator[Any, Any]] = WeakSet()
    dropped: list[str] = []

    def open_(generator: AsyncGenerator[Any, Any]) -> None:
        opened.add(generator)
        if hooks.firstiter:
            hooks.firstiter(generator)

    def drop(generator: AsyncGenerator[Any, Any]) -> None:
        dropped.append(generator.__qualname__)  # type: ignore[attr-defined]  # every generator has a name
        if hooks.finalizer:
            hooks.finalizer(generator)

    sys.set_asyncgen_hooks(open_, drop)
    try:
        yield
    finally:
        gc.collect()
        sys.set_asyncgen_hooks(*hooks)
    assert not asyncio.all_tasks() - tasks
    assert not dropped, f"never closed: {dropped}"
    assert not [generator for generator in opened if generator.ag_frame is not None]  # type: ignore[attr-defined]
