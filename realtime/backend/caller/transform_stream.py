"""`AudioTransformStream` of any backend, as a client has it: sound in frames of S16_LE in, sound out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field

from realtime.backend.caller.dial import dial
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.remote.channels import Channels, TwoWay


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a stream is to do."""

    transform: str
    rate_hz: int
    frame_samples: int
    params: Mapping[str, str] = field(default_factory=dict)
    """Its own."""

    @property
    def config(self) -> pb.AudioTransformFrameRequest:
        """As the first message says it."""
        return pb.AudioTransformFrameRequest(
            config=pb.AudioTransformStreamConfig(
                sample_format=pb.AudioTransformStreamConfig.S16_LE,
                sample_rate=self.rate_hz,
                frame_samples=self.frame_samples,
                params={**self.params, "transform": self.transform},
            )
        )


class TransformLine:
    """One stream. Sending and hearing may be done by two tasks."""

    def __init__(self, stream: TwoWay) -> None:
        self._stream = stream

    async def send(self, pcm: bytes, reference: bytes = b"") -> None:
        """The next frame; waits while the backend does not read. Raises `EngineFailed`. Cancelling ends the stream."""
        frame = pb.AudioTransformFrame(audio_pcm=pcm, reference_pcm=reference)
        await self._stream.send(pb.AudioTransformFrameRequest(frame=frame))

    async def heard(self) -> AsyncGenerator[bytes, None]:
        """The frames that come back, to the stream's end. Raises `EngineFailed`. Cancelling ends the stream."""
        async with aclosing(self._stream.replies()) as replies:
            async for reply in replies:
                yield reply.pcm

    async def end(self) -> None:
        """Say that this was all. Raises `EngineFailed`. Cancelling ends the stream."""
        await self._stream.end()


class TransformClient:
    """Streams at one address, over one connection. Belongs to one event loop."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels

    @asynccontextmanager
    async def stream(self, wanted: Wanted) -> AsyncIterator[TransformLine]:
        """A stream that has been told what it is to do; leaving the context ends it. Raises `EngineFailed`."""
        async with self._channels.two_way("AudioTransformStream", wanted.config) as stream:
            yield TransformLine(stream)


@asynccontextmanager
async def transform_client(address: str, key: str | None = None) -> AsyncIterator[TransformClient]:
    """To the backend at `address`, `host:port`, in the clear; `key` is shown if there is one.

    Streams that go on end with the context. Raises `BadConfiguration` for what is no address.
    """
    async with dial(address, key) as channels:
        yield TransformClient(channels)
