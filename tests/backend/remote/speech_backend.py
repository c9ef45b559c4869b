"""Backends that answer speech with speech, of somebody else's making, and conversations with them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from realtime.audio import Audio
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.remote.channels import Channels
from realtime.backend.remote.connection import make_line
from realtime.backend.remote.speech_to_speech import RemoteSpeechStream, RemoteSpeechToSpeech, SpeechToSpeechOptions
from realtime.engines.base import Message, Token, Tool
from realtime.engines.speech_to_speech import Manner, SpokenPart
from tests.backend.remote.remote_backend import Answer, BareBackend, at_work

MANNER = Manner(instructions="Be brief.")
WEATHER = Tool(name="get_weather", description="The weather.", parameters={"type": "object"})
HELLO = (Message(role="user", text="Hello."),)

Heard = AsyncGenerator[pb.AudioToAudioRequest, None]
Play = Callable[[Heard], AsyncGenerator[pb.AudioToAudioResponse, None]]
"""Answers a turn, and may listen meanwhile."""


@dataclass
class Bare:
    """A backend of the six events and four controls that the contract names; `play` is what it answers a turn with."""

    play: Play
    streams: list[list[pb.AudioToAudioRequest]] = field(default_factory=list)
    """What it was told, stream by stream."""
    over: int = 0
    """Streams that have ended."""

    async def __call__(self, requests: Any, context: Any) -> AsyncIterator[pb.AudioToAudioResponse]:
        told: list[pb.AudioToAudioRequest] = []
        self.streams.append(told)
        sequence = 0
        try:
            async for request in requests:
                told.append(request)
                if request.frame.end_of_input:
                    async with aclosing(self.play(requests)) as events:
                        async for event in events:
                            sequence += 1
                            event.sequence = sequence
                            yield event
        finally:
            self.over += 1

    @property
    def controls(self) -> list[tuple[str, Any]]:
        """Of the newest stream."""
        said = [request.control for request in self.streams[-1] if request.HasField("control")]
        return [(control.event, json.loads(control.payload or b"null")) for control in said]

    @property
    def sound(self) -> bytes:
        """Of the newest stream."""
        return b"".join(request.frame.pcm for request in self.streams[-1])


def event(kind: str, pcm: bytes = b"", rate_hz: int = 0, /, **meta: Any) -> pb.AudioToAudioResponse:
    told = json.dumps(meta).encode() if meta or not pcm else b""
    return pb.AudioToAudioResponse(event=kind, pcm=pcm, sample_rate=rate_hz, meta=told)


def words(*deltas: str) -> Play:
    """An answer of these words, each followed by 10 ms of sound."""

    async def play(listening: Heard) -> AsyncGenerator[pb.AudioToAudioResponse, None]:
        for delta in deltas:
            yield event("response.audio_transcript.delta", delta=delta)
            yield event("response.audio.delta", b"\0\x40" * 240)
        yield event("response.done")

    return play


def telling(*events: pb.AudioToAudioResponse) -> Play:
    """An answer of these events."""

    async def play(listening: Heard) -> AsyncGenerator[pb.AudioToAudioResponse, None]:
        for told in events:
            yield told

    return play


@asynccontextmanager
async def engine_at(*backends: Answer, **options: Any) -> AsyncIterator[RemoteSpeechToSpeech]:
    """An engine behind backends that answer so; behind an address with nobody at it where there are none."""
    async with at_work(*(BareBackend({"AudioToAudioStream": answer}) for answer in backends)) as addresses:
        chosen = SpeechToSpeechOptions(**options)
        engine = RemoteSpeechToSpeech(Channels(make_line(addresses or "127.0.0.1:1", chosen)), chosen)
        yield engine
        await engine.close()


@asynccontextmanager
async def carried(stream: RemoteSpeechStream) -> AsyncIterator[asyncio.Task[None]]:
    """Carry it for as long as the context lasts."""
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(stream.run())
        yield running
        running.cancel()


@asynccontextmanager
async def talk(bare: Answer, **options: Any) -> AsyncIterator[RemoteSpeechStream]:
    """A conversation with a bare backend, carried for as long as the context lasts."""
    async with engine_at(bare, **options) as engine:
        stream = engine.stream()
        async with carried(stream):
            yield stream


async def answered(
    stream: RemoteSpeechStream, said: tuple[Message, ...] = HELLO, sound: Audio | None = None, manner: Manner = MANNER
) -> list[SpokenPart]:
    """A whole answer."""
    async with asyncio.timeout(10):
        assert await stream.ready()
        async with aclosing(stream.answer(manner, said, sound)) as parts:
            return [part async for part in parts]


def text_of(parts: list[SpokenPart]) -> str:
    return "".join(part.text for part in parts if isinstance(part, Token))
