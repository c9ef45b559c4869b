"""What has come of one answer of a speech-to-speech backend, between the stream and whoever takes it."""

from __future__ import annotations

import asyncio

from realtime.backend.pb import backend_pb2 as pb
from realtime.errors import EngineFailed

WAITING_EVENTS = 64
"""That may wait to be taken. More hold the backend back."""


class SpeechInbox:
    """Events in the order in which they came from the backend called `name`, which may be silent for `silence_s`."""

    def __init__(self, name: str, silence_s: float) -> None:
        self._name = name
        self._silence_s = silence_s
        self._events: asyncio.Queue[pb.AudioToAudioResponse | None] = asyncio.Queue(WAITING_EVENTS)
        """None wakes whoever waits when no more will come."""
        self._failure: EngineFailed | None = None

    async def put(self, event: pb.AudioToAudioResponse) -> None:
        """Waits for room. Cancelling while it does loses the event."""
        await self._events.put(event)

    def end(self, failure: EngineFailed) -> None:
        """No more will come, for this reason. What has come can still be taken."""
        self._failure = failure
        if not self._events.full():
            self._events.put_nowait(None)

    async def take(self) -> pb.AudioToAudioResponse:
        """The next event. Raises `EngineFailed` when no more will come, or none has for too long.

        Cancelling loses nothing.
        """
        if self._failure and self._events.empty():
            raise self._failure
        try:
            async with asyncio.timeout(self._silence_s):
                event = await self._events.get()
        except TimeoutError:
            raise EngineFailed(f"{self._name} has said nothing for {self._silence_s:g} s") from None
        if event is None:
            assert self._failure
            raise self._failure
        return event

    def leave(self) -> None:
        """Nobody takes any more: what has come is dropped, and who waits for room goes on."""
        while not self._events.empty():
            self._events.get_nowait()
