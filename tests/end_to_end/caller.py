"""Somebody who calls the server with OpenAI's own client, in real time."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from openai import AsyncOpenAI
from openai.resources.beta.realtime.realtime import AsyncRealtimeConnection as BetaConnection
from openai.resources.realtime.realtime import AsyncRealtimeConnection

from realtime.audio import Audio, Pcm, silence
from realtime.codecs import find_codec
from tests.protocol.beta_contract import check_beta_event
from tests.protocol.contract import check_event

FRAME_MS = 20

TRANSCRIBED: dict[str, Any] = {"audio": {"input": {"transcription": {"model": "whisper-1"}}}}
"""A session that tells what it hears."""


class Caller:
    """Speaks frame by frame at the pace of real time, and keeps every event, each checked against OpenAI's types."""

    def __init__(self, connection: AsyncRealtimeConnection | BetaConnection, format_name: str) -> None:
        # The two generations of the client are called alike, and differ in the types of what they are given.
        self._connection: Any = connection
        self._check = check_event if isinstance(connection, AsyncRealtimeConnection) else check_beta_event
        self._codec = find_codec(format_name)
        self.events: list[dict[str, Any]] = []
        self.sent_ms = 0
        self._sent_when: list[int] = []
        self._came_s: list[float] = []
        self._news = asyncio.Condition()

    async def listen(self) -> None:
        """Take in events until the connection ends."""
        while True:
            event = self._check((await self._connection.recv_bytes()).decode())
            async with self._news:
                self._sent_when.append(self.sent_ms)
                self._came_s.append(asyncio.get_running_loop().time())
                self.events.append(event)
                self._news.notify_all()

    async def say(self, audio: Audio) -> None:
        """Speak; returns when the last frame has been sent."""
        assert audio.rate_hz == self._codec.rate_hz
        size = audio.rate_hz * FRAME_MS // 1000
        clock = asyncio.get_running_loop()
        due_s = clock.time()
        for start in range(0, len(audio.pcm), size):
            await self.send_frame(audio.pcm[start : start + size])
            due_s += FRAME_MS / 1000
            await asyncio.sleep(due_s - clock.time())

    async def send_frame(self, pcm: Pcm) -> None:
        frame = base64.b64encode(self._codec.encode(pcm)).decode()
        await self._connection.input_audio_buffer.append(audio=frame)
        self.sent_ms += len(pcm) * 1000 // self._codec.rate_hz

    async def say_nothing_until(self, done: Callable[[], bool], at_most_ms: int = 30_000) -> None:
        """Keep the microphone open, quiet, until `done`."""
        for _ in range(at_most_ms // FRAME_MS):
            if done():
                return
            await self.say(Audio(silence(FRAME_MS, self._codec.rate_hz), self._codec.rate_hz))
        raise AssertionError(f"not done after {at_most_ms} ms: {self.types()[-20:]}")

    async def wait(self, kind: str, times: int = 1) -> dict[str, Any]:
        """The first event of that kind, or the second, …, once it has come."""
        async with self._news:
            await self._news.wait_for(lambda: self.seen(kind, times))
        return self.of_type(kind)[times - 1]

    async def commit(self) -> None:
        """Let the button go."""
        await self._connection.input_audio_buffer.commit()

    async def write(self, text: str) -> None:
        """Ask in writing."""
        await self.add({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})
        await self.respond()

    async def add(self, item: dict[str, Any]) -> None:
        """Put an item into the conversation."""
        await self._connection.conversation.item.create(item=item)

    async def respond(self, **response: Any) -> None:
        """Want an answer."""
        await self._connection.response.create(response=response)

    async def update(self, session: dict[str, Any]) -> None:
        """Configure the session, and wait until it is."""
        await self._connection.session.update(session=session)
        await self.wait("session.updated")

    async def listen_only(self, session: dict[str, Any]) -> None:
        """Configure a transcription session as the beta did."""
        await self._connection.transcription_session.update(session=session)
        await self.wait("transcription_session.updated")

    async def truncate(self, item_id: str, audio_end_ms: int) -> None:
        await self._connection.conversation.item.truncate(item_id=item_id, content_index=0, audio_end_ms=audio_end_ms)

    async def retrieve(self, item_id: str) -> None:
        await self._connection.conversation.item.retrieve(item_id=item_id)

    def sent_when(self, index: int) -> int:
        """How many ms of audio had been sent when event `index` came."""
        return self._sent_when[index]

    def answering_s(self) -> tuple[float, float]:
        """When the first response was created, and when it was done."""
        types = self.types()
        return self._came_s[types.index("response.created")], self._came_s[types.index("response.done")]

    def seen(self, kind: str, times: int = 1) -> bool:
        return len(self.of_type(kind)) >= times

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]

    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    def answer(self) -> Audio:
        """All audio of the answers."""
        deltas = [event for event in self.events if event["type"].endswith("audio.delta")]
        sound = [base64.b64decode(event["delta"]) for event in deltas]
        pcm = self._codec.decoder().decode(b"".join(sound))
        return Audio(np.asarray(pcm), self._codec.rate_hz)


@asynccontextmanager
async def calling(url: str, session: dict[str, Any], format_name: str = "audio/pcm") -> AsyncIterator[Caller]:
    """A caller whose session is configured."""
    client = AsyncOpenAI(base_url=f"{url}/v1", api_key="any key will do")
    async with client, client.realtime.connect(model="gpt-realtime") as line, on_the_line(line, format_name) as caller:
        await caller.update({"type": "realtime", **session})
        yield caller


@asynccontextmanager
async def on_the_line(
    connection: AsyncRealtimeConnection | BetaConnection, format_name: str = "audio/pcm"
) -> AsyncIterator[Caller]:
    """A caller who has just connected."""
    caller = Caller(connection, format_name)
    async with asyncio.TaskGroup() as tasks:  # an event that breaks the contract, or a lost line, ends the test
        listening = tasks.create_task(caller.listen())
        yield caller
        listening.cancel()
