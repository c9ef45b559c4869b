"""A voice behind somebody's `TTSStream`, or else behind `TTS` and a shared folder."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from msgspec import Meta

from realtime.audio import Audio
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.remote.channels import Channels
from realtime.backend.remote.deadline import Deadline
from realtime.backend.remote.reachable import open_channels
from realtime.backend.remote.refusals import NotOffered
from realtime.backend.remote.shared import FileConnection, SharedDirectory, open_shared
from realtime.backend.remote.sound_stream import SoundStream
from realtime.codecs.resample import resampled
from realtime.engines.base import Speaking
from realtime.engines.registry import Workshop
from realtime.errors import EngineFailed

ITS_OWN_CHOICE = "default"
"""A voice that is asked for by saying nothing."""


class RemoteSynthesizerOptions(FileConnection):
    """`[synthesizer]` with `engine = "grpc://host:port"`."""

    model: str = "remote"
    """What the model is called here."""
    model_there: str = ""
    """What the backend is to speak with, for a backend that has several models."""
    voices: Annotated[tuple[str, ...], Meta(min_length=1)] = (ITS_OWN_CHOICE,)
    """The backend's voices, which it cannot be asked for, the usual one first; `default` is what it takes unasked."""
    language: str = ""
    """What is spoken, by ISO-639-1 code, for a backend that wants to know."""
    rate_hz: Annotated[int, Meta(ge=8000, le=48_000)] = 24_000
    """The rate the sound is brought to, and taken to have where the backend does not say."""


class RemoteSynthesizer:
    """A voice elsewhere. It has its own pace: the contract has no word for another."""

    def __init__(
        self, channels: Channels, options: RemoteSynthesizerOptions, shared: SharedDirectory | None = None
    ) -> None:
        self.model = options.model
        self.rate_hz = options.rate_hz
        self.voices = options.voices
        self._channels = channels
        self._options = options
        self._shared = shared
        self._by_file = False
        """Whether the backend is known to write files only."""

    async def speak(self, text: str, speaking: Speaking) -> AsyncGenerator[Audio, None]:
        """`text` as sound, as it comes. Cancelling, or closing it, stops the voice far away at once.

        Raises `EngineBusy` when every backend has too much to do, `EngineFailed` for everything else.
        """
        if not any(letter.isalnum() for letter in text):
            return
        deadline = Deadline(self._options.deadline_s)
        if not self._by_file:
            try:
                async with aclosing(self._stream(text, speaking, deadline)) as pieces:
                    async for piece in pieces:
                        yield piece
                return
            except NotOffered as problem:
                if not self._shared:
                    raise EngineFailed(
                        f"{problem}, and without the option `shared_directory` it has no file to write to"
                    ) from problem
                self._by_file = True
        yield await self._file(text, speaking, deadline)

    async def close(self) -> None:
        """Hang up. Cancelling leaves some channels open."""
        await self._channels.close()

    async def _stream(self, text: str, speaking: Speaking, deadline: Deadline) -> AsyncGenerator[Audio, None]:
        sound, request = SoundStream(self.rate_hz), self._request(text, speaking)
        calling = self._channels.streaming("TTSStream", request, deadline_s=deadline.left_s)
        async with aclosing(calling) as replies:
            async for reply in replies:
                if len((piece := sound.push(reply)).pcm):
                    yield piece
        if len((rest := sound.flush()).pcm):
            yield rest

    async def _file(self, text: str, speaking: Speaking, deadline: Deadline) -> Audio:
        assert self._shared
        async with self._shared.file() as file:
            request = self._request(text, speaking)
            request.dst = file.there
            result: pb.Result = await self._channels.unary("TTS", request, deadline_s=deadline.left_s)
            if not result.success:
                raise EngineFailed(f"the backend at {self._channels.addresses} could not speak")
            audio = await file.read()
        return await resampled(audio, self.rate_hz)

    def _request(self, text: str, speaking: Speaking) -> pb.TTSRequest:
        voice = speaking.voice or self.voices[0]
        asked = "" if voice == ITS_OWN_CHOICE else voice
        request = pb.TTSRequest(text=text, model=self._options.model_there, voice=asked)
        if self._options.language:
            request.language = self._options.language
        return request


def open_remote_synthesizer(workshop: Workshop) -> RemoteSynthesizer:
    """Reach the backend; raises `ModelUnavailable` or `BadConfiguration` where that cannot be. Blocks."""
    options = workshop.read_options(RemoteSynthesizerOptions, "grpc")
    return RemoteSynthesizer(open_channels(workshop, options), options, open_shared(options))
