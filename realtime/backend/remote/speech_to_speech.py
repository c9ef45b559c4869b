"""An engine that hears, thinks and speaks on another machine: the other side of `AudioToAudioStream`.

A conversation is one stream for as long as it lasts. An answer that is stopped is cancelled far away, and what still
comes of it is passed over until the backend says that it is done. A stream that has failed in any way is given up:
what the backend makes of the conversation is not known then, and another is told everything anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Annotated

import structlog
from msgspec import Meta

from realtime.audio import Audio, silence
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.remote import speech_requests as requests
from realtime.backend.remote.channels import Channels, TwoWay
from realtime.backend.remote.connection import Connection
from realtime.backend.remote.reachable import open_channels
from realtime.backend.remote.spoken_answer import SpokenAnswer, was_cancelled
from realtime.codecs.resample import resample
from realtime.engines.base import Ability, Message
from realtime.engines.registry import Workshop
from realtime.engines.speech_to_speech import Manner, SpokenPart
from realtime.errors import EngineFailed

log = structlog.get_logger(__name__)

WAITING_LIMIT = 64
"""Events, or requests, that may wait. A full line of events holds the backend back, of requests the asking."""

_CALL = "AudioToAudioStream"


class SpeechToSpeechOptions(Connection):
    """`[speech_to_speech]` with `engine = "grpc://host:port"`."""

    model: str = "speech-to-speech"
    """What the engine is called in the list of models."""
    voices: tuple[str, ...] = ()
    """Voices that the backend has: sessions may choose them. Otherwise it speaks with its own."""
    silence_s: Annotated[float, Meta(gt=0)] = 30.0
    """How long the backend may say nothing while it owes an answer; then the answer fails."""
    stop_timeout_s: Annotated[float, Meta(gt=0)] = 2.0
    """How long it may take to stop an answer; then its stream is given up, and it is told all anew on another."""


class RemoteSpeechToSpeech:
    """Conversations with one backend, or with several that do the same. Belongs to one event loop."""

    abilities: frozenset[Ability] = frozenset({"tools"})

    def __init__(self, channels: Channels, options: SpeechToSpeechOptions) -> None:
        self._channels = channels
        self._options = options
        self.model = options.model
        self.voices = options.voices

    def stream(self) -> RemoteSpeechStream:
        """A new conversation, at the best address; nothing is said to anybody before it is run."""
        return RemoteSpeechStream(self._channels, self._options)

    async def close(self) -> None:
        """Close the channels; conversations that go on end. Cancelling leaves some open."""
        await self._channels.close()


class RemoteSpeechStream:
    """One conversation, as one stream."""

    def __init__(self, channels: Channels, options: SpeechToSpeechOptions) -> None:
        self._channels = channels
        self._options = options
        self._name = f"the speech-to-speech backend at {channels.addresses}"
        self._manner: Manner | None = None
        """The one it was told."""
        self._outbox: asyncio.Queue[pb.AudioToAudioRequest] = asyncio.Queue(WAITING_LIMIT)
        self._inbox: asyncio.Queue[pb.AudioToAudioResponse | None] | None = None
        """What has come of the answer that somebody takes; None where nobody takes any."""
        self._idle = asyncio.Event()
        """Whether the backend owes no answer."""
        self._idle.set()
        self._unconfirmed = False
        """Whether it was told to stop and has not said yet that it did: some say so after they were done anyway."""
        self._given_up = asyncio.Event()
        self._failure: EngineFailed | None = None
        """Why it is over."""

    async def ready(self) -> bool:
        """Whether it can go on, once an answer that was stopped has stopped. Cancelling changes nothing."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._options.stop_timeout_s):
                await self._idle.wait()
        if not self._idle.is_set():
            log.warning("a speech-to-speech backend does not stop", backend=self._channels.addresses)
            self._given_up.set()
        return self._failure is None and not self._given_up.is_set()

    async def run(self) -> None:
        """Carry what is said both ways until the stream ends. Cancelling ends it, and the work far away."""
        failure = EngineFailed(f"{self._name} ended the conversation")
        try:
            async with self._channels.two_way(_CALL) as line:
                await self._carry(line)
        except EngineFailed as problem:
            failure = problem
        finally:
            self._failure = self._failure or failure
            if not self._given_up.is_set():
                log.info("a speech-to-speech stream is over", reason=str(self._failure))
            self._idle.set()
            while not self._outbox.empty():
                self._outbox.get_nowait()  # whoever waits for room is told
            if self._inbox and not self._inbox.full():
                self._inbox.put_nowait(None)

    async def answer(
        self, manner: Manner, said: tuple[Message, ...], sound: Audio | None
    ) -> AsyncGenerator[SpokenPart, None]:
        """The answer to all that was said before and since; to be asked for when it is `ready`.

        Closing it early cancels the work far away. Raises `EngineFailed`; the stream is over then.
        """
        answer = SpokenAnswer(self._name, manner.tools)
        asked = False
        inbox = self._inbox = asyncio.Queue(WAITING_LIMIT)
        try:
            if sound and sound.rate_hz != requests.INPUT_RATE_HZ:
                sound = await asyncio.to_thread(resample, sound, requests.INPUT_RATE_HZ)
            for request in self._requests(manner, said, sound):
                await self._say(request)
            self._idle.clear()
            asked = True
            while not answer.ended:
                for part in answer.parts(await self._next(inbox)):
                    yield part
        except EngineFailed:
            self._given_up.set()
            raise
        finally:
            self._inbox = None
            while not inbox.empty():
                inbox.get_nowait()  # who waits for room there goes on
            if not answer.ended:
                self._stop(asked)

    def _requests(
        self, manner: Manner, said: tuple[Message, ...], sound: Audio | None
    ) -> Iterator[pb.AudioToAudioRequest]:
        told = self._manner or replace(manner, aloud=True)  # a beginning cannot say that only words are wanted
        if self._manner is None:
            yield requests.begin(manner)
        if told != manner:
            yield requests.change(manner)
        self._manner = manner
        for message in said:
            yield from requests.tell(message)
        if not (said or sound):
            yield requests.ask()
        yield from requests.turn(sound.pcm if sound else silence(0, requests.INPUT_RATE_HZ))

    def _stop(self, asked: bool) -> None:
        """Nobody wants the answer any more."""
        if not asked:
            self._given_up.set()  # it was told half of what is to be answered
        elif not (self._idle.is_set() or self._given_up.is_set()):
            try:
                self._outbox.put_nowait(requests.control("response.cancel"))
            except asyncio.QueueFull:  # it takes nothing in
                self._given_up.set()
            self._unconfirmed = True

    async def _say(self, request: pb.AudioToAudioRequest) -> None:
        try:
            async with asyncio.timeout(self._options.silence_s):
                await self._outbox.put(request)
        except TimeoutError:
            raise EngineFailed(f"{self._name} does not listen") from None
        if self._failure:
            raise self._failure

    async def _next(self, inbox: asyncio.Queue[pb.AudioToAudioResponse | None]) -> pb.AudioToAudioResponse:
        if self._failure and inbox.empty():
            raise self._failure
        try:
            async with asyncio.timeout(self._options.silence_s):
                event = await inbox.get()
        except TimeoutError:
            raise EngineFailed(f"{self._name} has said nothing for {self._options.silence_s:g} s") from None
        if event is None:
            assert self._failure
            raise self._failure
        return event

    # --- the stream ----------------------------------------------------------------------------------------------

    async def _carry(self, line: TwoWay) -> None:
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(self._write(line))
            ending = tasks.create_task(self._read(line)), tasks.create_task(self._given_up.wait())
            await asyncio.wait(ending, return_when=asyncio.FIRST_COMPLETED)
            for task in (writing, *ending):
                task.cancel()

    async def _write(self, line: TwoWay) -> None:
        with suppress(EngineFailed):  # whoever reads is told why
            while True:
                await line.send(await self._outbox.get())

    async def _read(self, line: TwoWay) -> None:
        try:
            async with aclosing(line.replies()) as events:
                async for event in events:
                    confirms = self._unconfirmed and was_cancelled(event)
                    self._unconfirmed = self._unconfirmed and not confirms
                    if event.event == "response.done" and not (confirms and self._inbox):
                        self._idle.set()
                    if self._inbox and not confirms:
                        await self._inbox.put(event)
        except EngineFailed as problem:
            self._failure = problem


def open_remote_speech_to_speech(workshop: Workshop) -> RemoteSpeechToSpeech:
    """The engine behind the workshop's address. Raises `ModelUnavailable` where nobody answers there."""
    options = workshop.read_options(SpeechToSpeechOptions, "grpc")
    return RemoteSpeechToSpeech(open_channels(workshop, options), options)
