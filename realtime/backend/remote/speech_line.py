"""The stream on which a conversation with a speech-to-speech backend is held: requests there, events back.

    open ──give_up───────────────────────────▶ over     what the backend makes of the conversation is not known
      └────its end, its failure, cancelling──▶ over     nobody has asked for that

What is said while the stream is open waits its turn, also before it is carried. One that is over does not come back:
its `failure` says why, and whoever says more is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from typing import TypeAlias

import structlog

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.remote.channels import Channels, TwoWay
from realtime.errors import EngineFailed

log = structlog.get_logger(__name__)

WAITING_REQUESTS = 64
"""That may wait to be sent. More hold back whoever says them."""

Hear: TypeAlias = Callable[[pb.AudioToAudioResponse], Awaitable[None]]
"""Takes an event; while it does, no other is read."""

_CALL = "AudioToAudioStream"


class SpeechLine:
    """One stream to the backend called `name`, which may let `silence_s` pass before it takes in a request."""

    def __init__(self, channels: Channels, name: str, silence_s: float) -> None:
        self._channels = channels
        self._name = name
        self._silence_s = silence_s
        self._outbox: asyncio.Queue[pb.AudioToAudioRequest] = asyncio.Queue(WAITING_REQUESTS)
        self._over = asyncio.Event()
        self.failure: EngineFailed | None = None
        """Why it is over; None while it is open."""

    async def run(self, hear: Hear) -> None:
        """Carry what is said both ways until the stream is over. Cancelling ends it, and the work far away."""
        try:
            async with self._channels.two_way(_CALL) as stream:
                await self._carry(stream, hear)
        except EngineFailed as problem:
            self._lose(problem)
        finally:
            self._lose(self._ended())
            while not self._outbox.empty():
                self._outbox.get_nowait()  # whoever waits for room is told

    async def say(self, request: pb.AudioToAudioRequest) -> None:
        """Send it when its turn comes; waits while too much waits already.

        Raises `EngineFailed` when the stream is over, or takes nothing in for too long. Cancelling while it waits for
        room means that it is not sent.
        """
        try:
            async with asyncio.timeout(self._silence_s):
                await self._outbox.put(request)
        except TimeoutError:
            raise EngineFailed(f"{self._name} does not listen") from None
        if self.failure:
            raise self.failure

    def say_or_give_up(self, request: pb.AudioToAudioRequest) -> None:
        """The same without waiting: where there is no room, nothing is taken in far away."""
        try:
            self._outbox.put_nowait(request)
        except asyncio.QueueFull:
            self.give_up()

    def give_up(self) -> None:
        """End it: `run` returns as soon as it can."""
        self._end(EngineFailed(f"{self._name} has been given up"))

    async def _carry(self, stream: TwoWay, hear: Hear) -> None:
        async with asyncio.TaskGroup() as tasks:
            carrying = tasks.create_task(self._write(stream)), tasks.create_task(self._read(stream, hear))
            await self._over.wait()
            for task in carrying:
                task.cancel()

    async def _write(self, stream: TwoWay) -> None:
        with suppress(EngineFailed):  # whoever reads is told why
            while True:
                await stream.send(await self._outbox.get())

    async def _read(self, stream: TwoWay, hear: Hear) -> None:
        try:
            async with aclosing(stream.replies()) as events:
                async for event in events:
                    await hear(event)
        except EngineFailed as problem:
            self._lose(problem)
        else:
            self._lose(self._ended())

    def _ended(self) -> EngineFailed:
        return EngineFailed(f"{self._name} ended the conversation")

    def _lose(self, why: EngineFailed) -> None:
        if self.failure is None:
            log.info("a speech-to-speech stream is over", reason=str(why))
        self._end(why)

    def _end(self, why: EngineFailed) -> None:
        """The first reason stays."""
        self.failure = self.failure or why
        self._over.set()
