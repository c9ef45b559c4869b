"""A client of `AudioToAudioStream`, over a real channel, that holds every message against the contract."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import grpc
import msgspec
import numpy as np

from realtime.audio import Pcm
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.premises import Premises
from realtime.codecs.pcm16 import Pcm16
from realtime.conductor.conversations import Conversations
from realtime.engines.ensemble import Engines
from realtime.settings import ConversationSettings, ServerSettings
from tests.backend.doorway import Doorway, stub_of
from tests.backend.rooms import premises_of
from tests.fakes import FakeSynthesizer, fake_engines, quiet, voice

PATIENCE_S = 20
RATE_HZ = 16_000

QUESTION = quiet(512, RATE_HZ), voice(768, RATE_HZ), quiet(576, RATE_HZ)
"""A turn, from the quiet before it to a little more than the silence that ends it."""


def brief_engines(**engines: Any) -> Engines:
    """The usual ones, but for those given; what they answer is soon said."""
    return fake_engines(**{"synthesizer": FakeSynthesizer(ms_per_letter=5), **engines})


def place(
    engines: Engines | None = None, *, most: int = 100, server: dict[str, Any] | None = None, **conversation: Any
) -> Premises:
    """Premises with room for `most` conversations, whose answers are short."""
    premises = premises_of(engines or brief_engines())
    settings = msgspec.structs.replace(
        premises.settings,
        conversation=ConversationSettings(**conversation),
        server=ServerSettings(**(server or {})),
    )
    return replace(premises, settings=settings, conversations=Conversations(most))


class Caller:
    """One stream. Messages that come are kept, in their order."""

    def __init__(self, call: Any) -> None:
        self.call = call
        self.told: list[pb.AudioToAudioResponse] = []

    # --- what it says --------------------------------------------------------------------------------------------

    async def config(self, **fields: Any) -> None:
        """Choose."""
        await self.call.write(pb.AudioToAudioRequest(config=pb.AudioToAudioConfig(**fields)))

    async def says(self, *pieces: Pcm, end: bool = False) -> None:
        """Speak, in one frame."""
        pcm = Pcm16().encode(np.concatenate(pieces)) if pieces else b""
        await self.call.write(pb.AudioToAudioRequest(frame=pb.AudioToAudioFrame(pcm=pcm, end_of_input=end)))

    async def control(self, event: str, payload: Any = None) -> None:
        """Say something else; a payload of bytes goes as it is."""
        raw = payload if isinstance(payload, bytes) else b"" if payload is None else json.dumps(payload).encode()
        await self.call.write(pb.AudioToAudioRequest(control=pb.AudioToAudioControl(event=event, payload=raw)))

    async def item(self, **item: Any) -> None:
        """Put an item into the conversation."""
        await self.control("conversation.item.create", item)

    async def writes(self, text: str) -> None:
        """Say something in writing."""
        await self.item(type="message", role="user", content=[{"type": "input_text", "text": text}])

    # --- what it is told -----------------------------------------------------------------------------------------

    async def read(self) -> pb.AudioToAudioResponse | None:
        """The next message; None at the end."""
        async with asyncio.timeout(PATIENCE_S):
            message = await self.call.read()
        if message is grpc.aio.EOF:
            return None
        assert isinstance(message, pb.AudioToAudioResponse)
        self.told.append(message)
        assert message.sequence == len(self.told)
        if message.event == "response.audio.delta":
            assert message.pcm
            assert message.sample_rate
        else:
            assert isinstance(json.loads(message.meta), dict)
            assert not message.pcm
        return message

    async def until(self, event: str) -> dict[str, Any]:
        """Hear everything up to the next event of that name; its `meta`."""
        while message := await self.read():
            if message.event == event:
                return meta(message)
        raise AssertionError(f"the stream ended without {event!r}, with {await self.ending()}")

    async def rest(self) -> list[str]:
        """Say no more, and hear the rest: the names of its events."""
        await self.call.done_writing()
        heard = len(self.told)
        while await self.read():
            pass
        assert await self.call.code() is grpc.StatusCode.OK, await self.ending()
        return self.names[heard:]

    async def ending(self) -> tuple[grpc.StatusCode, str]:
        """How the stream ended."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.call.code(), await self.call.details()

    async def fails(self) -> tuple[grpc.StatusCode, str]:
        """Hear the rest of a stream that is about to fail; how it does."""
        try:
            while await self.read():
                pass
        except grpc.aio.AioRpcError:
            pass
        return await self.ending()

    @property
    def names(self) -> list[str]:
        """All events' names."""
        return [message.event for message in self.told]

    def all(self, event: str) -> list[dict[str, Any]]:
        """The `meta` of all events of that name."""
        return [meta(message) for message in self.told if message.event == event]

    def words(self, response_id: str) -> str:
        """What a response said."""
        said = self.all("response.audio_transcript.delta")
        return "".join(delta["delta"] for delta in said if delta["response_id"] == response_id)

    @property
    def sound(self) -> Pcm:
        """Everything that was to be heard."""
        audio = b"".join(message.pcm for message in self.told if message.event == "response.audio.delta")
        return Pcm16().decoder().decode(audio)

    async def asks(self, *question: Pcm) -> str:
        """Say something in one turn, and hear all of the answer; its words."""
        await self.says(*(question or QUESTION))
        done = await self.until("response.done")
        assert done["status"] == "completed", done
        return self.words(done["id"])


def meta(message: pb.AudioToAudioResponse) -> dict[str, Any]:
    """What it says beside sound."""
    said: dict[str, Any] = json.loads(message.meta) if message.meta else {}
    return said


@asynccontextmanager
async def calling(door: Doorway, channel: grpc.aio.Channel | None = None, **config: Any) -> AsyncIterator[Caller]:
    """A stream that has begun, for as long as the context lasts; leaving it cancels what is left of it."""
    caller = Caller((stub_of(channel) if channel else door.stub).AudioToAudioStream())
    await caller.config(**config)
    try:
        yield caller
    finally:
        caller.call.cancel()


def narrow(door: Doorway) -> grpc.aio.Channel:
    """A connection that holds only 64 KiB that nobody has read."""
    options = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 1 << 16)]
    return grpc.aio.insecure_channel(door.address, options=options)


def by_hand(**params: str) -> dict[str, Any]:
    """A `Config` in which only the client ends turns."""
    return {"params": {"turn_detection": "none", **params}}
