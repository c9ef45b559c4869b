"""An engine that hears, thinks and speaks on another machine: the other side of `AudioToAudioStream`.

    answer ──requests──▶ line ──▶ the backend ──▶ line ──events──▶ debt ──▶ inbox ──▶ spoken answer

A conversation is one stream for as long as it lasts (`speech_line`). An answer that is stopped is cancelled far away,
and what still comes of it is passed over until the backend says that it is done (`speech_debt`). A stream that has
failed in any way is given up: what the backend makes of the conversation is not known then, and another is told
everything anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import ExitStack, suppress
from typing import Annotated

import structlog
from msgspec import Meta

from realtime.audio import Audio
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.remote import speech_requests as requests
from realtime.backend.remote.channels import Channels
from realtime.backend.remote.connection import Connection
from realtime.backend.remote.reachable import open_channels
from realtime.backend.remote.speech_debt import SpeechDebt
from realtime.backend.remote.speech_inbox import SpeechInbox
from realtime.backend.remote.speech_line import SpeechLine
from realtime.backend.remote.spoken_answer import SpokenAnswer
from realtime.codecs.resample import resampled
from realtime.engines.base import Ability, Message
from realtime.engines.registry import Workshop
from realtime.engines.speech_to_speech import Manner, SpokenPart
from realtime.errors import EngineFailed

log = structlog.get_logger(__name__)


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
        self._addresses = channels.addresses
        self._options = options
        self._name = f"the speech-to-speech backend at {channels.addresses}"
        self._line = SpeechLine(channels, self._name, options.silence_s)
        self._debt = SpeechDebt()
        self._inbox: SpeechInbox | None = None
        """Of the answer that somebody takes; None where nobody takes any."""
        self._manner: Manner | None = None
        """The one it was told."""

    async def ready(self) -> bool:
        """Whether it can go on, once an answer that was stopped has stopped. Cancelling changes nothing."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._options.stop_timeout_s):
                await self._debt.wait_until_clear()
        if not self._debt.clear:
            log.warning("a speech-to-speech backend does not stop", backend=self._addresses)
            self._line.give_up()
        return self._line.failure is None

    async def run(self) -> None:
        """Carry what is said both ways until the stream ends. Cancelling ends it, and the work far away."""
        try:
            await self._line.run(self._hear)
        finally:
            self._debt.write_off()
            if self._inbox and self._line.failure:
                self._inbox.end(self._line.failure)

    async def answer(
        self, manner: Manner, said: tuple[Message, ...], sound: Audio | None
    ) -> AsyncGenerator[SpokenPart, None]:
        """The answer to all that was said before and since; to be asked for when it is `ready`.

        Closing it early cancels the work far away. Raises `EngineFailed`; the stream is over then.
        """
        answer = SpokenAnswer(self._name, manner.tools)
        inbox = self._inbox = SpeechInbox(self._name, self._options.silence_s)
        try:
            await self._ask(manner, said, sound)
            while not answer.ended:
                for part in answer.parts(await inbox.take()):
                    yield part
        except EngineFailed:
            self._line.give_up()
            raise
        finally:
            self._inbox = None
            inbox.leave()
            if not answer.ended:
                self._stop()

    async def _ask(self, manner: Manner, said: tuple[Message, ...], sound: Audio | None) -> None:
        with ExitStack() as half_told:
            half_told.callback(self._line.give_up)  # what the backend would make of a part is not known
            if sound:
                sound = await resampled(sound, requests.INPUT_RATE_HZ)
            for request in requests.ask(self._manner, manner, said, sound):
                await self._line.say(request)
            half_told.pop_all()
        self._manner = manner
        self._debt.ask()

    def _stop(self) -> None:
        """Nobody wants the answer any more."""
        if not self._debt.clear:
            self._debt.stop()
            self._line.say_or_give_up(requests.control("response.cancel"))

    async def _hear(self, event: pb.AudioToAudioResponse) -> None:
        if self._debt.hear(event) and self._inbox:
            await self._inbox.put(event)


def open_remote_speech_to_speech(workshop: Workshop) -> RemoteSpeechToSpeech:
    """The engine behind the workshop's address. Raises `ModelUnavailable` where nobody answers there."""
    options = workshop.read_options(SpeechToSpeechOptions, "grpc")
    return RemoteSpeechToSpeech(open_channels(workshop, options), options)
