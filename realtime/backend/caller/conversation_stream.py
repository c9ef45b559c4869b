"""`AudioToAudioStream` of any backend, as somebody who speaks has it: a microphone's sound in, events out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from realtime.backend.caller.dial import dial
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.remote.channels import Channels, TwoWay
from realtime.backend.remote.speech_requests import control
from realtime.errors import EngineFailed


@dataclass(frozen=True, slots=True)
class Told:
    """One message of the backend's."""

    event: str
    meta: bytes
    """JSON; empty beside sound."""
    pcm: bytes
    """S16_LE mono, at the rate of the conversation."""


class ConversationLine:
    """One stream. Speaking and hearing may be done by two tasks."""

    def __init__(self, stream: TwoWay, replies: Any) -> None:
        self._stream = stream
        self._replies = replies

    async def say(self, pcm: bytes) -> None:
        """Send a frame of S16_LE; waits while the backend does not read. Raises `EngineFailed`.

        Cancelling ends the stream.
        """
        await self._stream.send(pb.AudioToAudioRequest(frame=pb.AudioToAudioFrame(pcm=pcm)))

    async def ask_for(self, event: str) -> None:
        """Send a control without a payload; otherwise as `say`."""
        await self._stream.send(control(event))

    async def hear(self) -> Told:
        """The next message. Raises `EngineFailed`, also when there are no more. Cancelling ends the stream."""
        told: pb.AudioToAudioResponse | None = await anext(self._replies, None)
        if told is None:
            raise EngineFailed(f"the backend at {self._stream.address} has ended the conversation")
        return Told(told.event, told.meta, told.pcm)


class ConversationClient:
    """Conversations at one address, over one connection. Belongs to one event loop."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels

    @asynccontextmanager
    async def conversation(
        self, rate_hz: int, session: Mapping[str, Any] | None = None
    ) -> AsyncIterator[ConversationLine]:
        """One that has been asked for, with sound of this rate both ways and all else as the backend has it.

        `session` has what is to be different, in words of the Realtime API, for backends that know them. Leaving the
        context ends it. Raises `EngineFailed`.
        """
        config = pb.AudioToAudioConfig(input_sample_rate=rate_hz, output_sample_rate=rate_hz)
        opening = [pb.AudioToAudioRequest(config=config)]
        if session:
            opening.append(control("session.update", {**session}))
        async with (
            self._channels.two_way("AudioToAudioStream", *opening) as stream,
            aclosing(stream.replies()) as replies,
        ):
            yield ConversationLine(stream, replies)


@asynccontextmanager
async def conversation_client(address: str, key: str | None = None) -> AsyncIterator[ConversationClient]:
    """To the backend at `address`, `host:port`, in the clear; `key` is shown if there is one.

    Conversations that go on end with the context. Raises `BadConfiguration` for what is no address.
    """
    async with dial(address, key) as channels:
        yield ConversationClient(channels)
