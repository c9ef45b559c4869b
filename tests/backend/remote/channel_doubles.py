"""Answers of backends, and ways to ask them over channels."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.remote.channels import Channels
from realtime.backend.remote.connection import Connection, make_line
from tests.backend.remote.remote_backend import Answer


def channels_to(address: str, **options: Any) -> Channels:
    """Made as an engine's are, without asking first."""
    return Channels(make_line(address, Connection(**options)))


def failing(code: grpc.StatusCode, details: str = "Somebody said: my secret.") -> Answer:
    async def answer(request: Any, context: Any) -> Any:
        await context.abort(code, details)

    return answer


async def told(request: Any, context: Any) -> AsyncIterator[pb.Reply]:
    """Two words."""
    for word in (b"well", b"then"):
        yield pb.Reply(message=word)


async def echo(requests: Any, context: Any) -> AsyncIterator[pb.AudioTransformFrameResponse]:
    """What is said, back."""
    async for request in requests:
        yield pb.AudioTransformFrameResponse(pcm=request.frame.audio_pcm)


async def words(channels: Channels, **options: Any) -> list[bytes]:
    async with aclosing(channels.streaming("PredictStream", pb.PredictOptions(), **options)) as replies:
        return [reply.message async for reply in replies]


def frame(pcm: bytes) -> pb.AudioTransformFrameRequest:
    return pb.AudioTransformFrameRequest(frame=pb.AudioTransformFrame(audio_pcm=pcm))


def stuck(gate: asyncio.Event) -> Answer:
    """Says a word, and no more before `gate` is open."""

    async def answer(request: Any, context: Any) -> AsyncIterator[pb.Reply]:
        yield pb.Reply(message=b"well")
        await gate.wait()

    return answer


def refused_stream(code: grpc.StatusCode, details: str = "") -> Answer:
    async def answer(request: Any, context: Any) -> AsyncIterator[pb.Reply]:
        await context.abort(code, details)
        yield pb.Reply()

    return answer
