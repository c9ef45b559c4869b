"""What somebody who speaks tells a backend of any kind, and hears."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from realtime.backend.caller.conversation_stream import Told, conversation_client
from realtime.backend.pb import backend_pb2 as pb
from realtime.errors import BadConfiguration, EngineFailed
from tests.backend.remote.remote_backend import BareBackend, opened
from tests.server.house import until

RATE_HZ = 24_000


class Listening(BareBackend):
    """Keeps what it is told; says three things after the first frame, and is done."""

    def __init__(self) -> None:
        super().__init__({"AudioToAudioStream": self._answer}, watched=True)
        self.told: list[pb.AudioToAudioRequest] = []

    async def _answer(self, requests: AsyncIterator[pb.AudioToAudioRequest], context: Any) -> AsyncIterator[Any]:
        async for request in requests:
            self.told.append(request)
            if request.WhichOneof("payload") == "frame":
                break
        yield pb.AudioToAudioResponse(event="response.created", meta=b'{"id":"r"}')
        yield pb.AudioToAudioResponse(event="response.audio.delta", pcm=b"\1\0", sample_rate=RATE_HZ)
        yield pb.AudioToAudioResponse(event="response.done", meta=b'{"id":"r"}')


async def test_sound_goes_out_and_events_come_back() -> None:
    backend = Listening()
    async with (
        opened(backend) as address,
        conversation_client(address, "sesame") as client,
        client.conversation(RATE_HZ, {"include": ["response.timing"]}) as line,
    ):
        await line.ask_for("input_audio_buffer.clear")
        await line.say(b"\0\0" * 480)
        assert [await line.hear() for _ in range(3)] == [
            Told("response.created", b'{"id":"r"}', b""),
            Told("response.audio.delta", b"", b"\1\0"),
            Told("response.done", b'{"id":"r"}', b""),
        ]
        with pytest.raises(EngineFailed, match="has ended the conversation"):
            await line.hear()
    config, session, cleared, frame = backend.told
    assert config.config == pb.AudioToAudioConfig(input_sample_rate=RATE_HZ, output_sample_rate=RATE_HZ)
    assert session.control.event == "session.update"
    assert json.loads(session.control.payload) == {"include": ["response.timing"]}
    assert cleared.control == pb.AudioToAudioControl(event="input_audio_buffer.clear")
    assert len(frame.frame.pcm) == 960
    assert backend.metadata[-1]["authorization"] == "Bearer sesame"


async def test_a_session_is_told_only_what_is_different() -> None:
    backend = Listening()
    async with (
        opened(backend) as address,
        conversation_client(address) as client,
        client.conversation(RATE_HZ) as line,
    ):
        await line.say(b"")
        await line.hear()
    assert [request.WhichOneof("payload") for request in backend.told] == ["config", "frame"]
    assert "authorization" not in backend.metadata[-1]


async def test_leaving_ends_the_stream() -> None:
    backend = Listening()
    async with opened(backend) as address, conversation_client(address) as client:
        async with client.conversation(RATE_HZ):
            await until(lambda: len(backend.told) == 1)
        await until(lambda: backend.ended == ["AudioToAudioStream"])


async def test_nobody_there_and_no_address() -> None:
    async with conversation_client("127.0.0.1:1") as client:
        with pytest.raises(EngineFailed, match="cannot be reached"):
            async with client.conversation(RATE_HZ):
                pass
    with pytest.raises(BadConfiguration, match="no address of a backend"):
        async with conversation_client("nowhere"):
            pass
