"""`AudioTransformStream` of any backend, as a client has it: sound in frames of S16_LE in, sound out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from grpc.aio import EOF, AioRpcError

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.pb import backend_pb2_grpc as rpc
from realtime.errors import EngineFailed


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

    def __init__(self, call: Any, address: str) -> None:
        self._call = call
        self._address = address

    async def send(self, pcm: bytes, reference: bytes = b"") -> None:
        """The next frame; waits while the backend does not read. Raises `EngineFailed`. Cancelling ends the stream."""
        try:
            await self._call.write(
                pb.AudioTransformFrameRequest(frame=pb.AudioTransformFrame(audio_pcm=pcm, reference_pcm=reference))
            )
        except AioRpcError as problem:
            raise EngineFailed(_told(problem, self._address)) from problem

    async def heard(self) -> AsyncGenerator[bytes, None]:
        """The frames that come back, to the stream's end. Raises `EngineFailed`. Cancelling ends the stream."""
        try:
            while (response := await self._call.read()) is not EOF:
                yield response.pcm
        except AioRpcError as problem:
            raise EngineFailed(_told(problem, self._address)) from problem

    async def end(self) -> None:
        """Say that this was all. Cancelling ends the stream."""
        await self._call.done_writing()


class TransformClient:
    """Streams at one address, over one connection, as long as the context lasts. Belongs to one event loop."""

    def __init__(self, channel: grpc.aio.Channel, address: str, key: str | None) -> None:
        stub: Any = rpc.BackendStub
        self._open = stub(channel).AudioTransformStream
        self._address = address
        self._metadata = (("authorization", f"Bearer {key}"),) if key else ()

    @asynccontextmanager
    async def stream(self, wanted: Wanted) -> AsyncIterator[TransformLine]:
        """A stream that has been told what it is to do; leaving the context ends it. Raises `EngineFailed`."""
        call = self._open(metadata=self._metadata)
        try:
            try:
                await call.write(wanted.config)
            except AioRpcError as problem:
                raise EngineFailed(_told(problem, self._address)) from problem
            yield TransformLine(call, self._address)
        finally:
            call.cancel()


@asynccontextmanager
async def transform_client(address: str, key: str | None = None) -> AsyncIterator[TransformClient]:
    """To the backend at `address`, `host:port`, in the clear; `key` is shown if there is one."""
    async with grpc.aio.insecure_channel(address, [("grpc.enable_http_proxy", 0)]) as channel:
        yield TransformClient(channel, address, key)


def _told(problem: AioRpcError, address: str) -> str:
    return f"the backend at {address} refuses ({problem.code().name}): {problem.details()}"
