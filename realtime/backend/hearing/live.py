"""What is being said: `AudioTranscriptionLive`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from realtime.audio import HIGHEST_HZ, LOWEST_HZ
from realtime.backend.floats import floats_of
from realtime.backend.hearing.dictation import Dictation
from realtime.backend.hearing.manner import LiveParams, Manner
from realtime.backend.hearing.transcripts import language_of
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.premises import Premises
from realtime.errors import InvalidRequest
from realtime.params import read_params


class Live:
    """Puts a microphone into words while somebody speaks."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises
        self._max_turn_ms = premises.settings.conversation.max_turn_ms

    async def audio_transcription_live(
        self,
        requests: AsyncIterator[pb.TranscriptLiveRequest],
        send: Callable[[pb.TranscriptLiveResponse], Awaitable[None]],
    ) -> None:
        """First `ready`, then what is said as it becomes certain: `delta`, with its `words` by their time in the sound
        since the config; `eou` when an utterance has ended, `eob` when it says no more than that somebody listens.
        Once the client has said all: `final_result`, whose text is all the deltas.

        The first request must be a config, and a config later begins anew. While `send` waits, no more than an
        utterance is listened to. Raises `InvalidRequest` for what a config may not say, and what the engines raise, at
        once; what the transcriber raises when it has failed twice in a row, or at the end of an utterance. Cancelling
        stops all work.
        """
        first = await anext(requests, None)
        if first is None:
            return
        if first.WhichOneof("payload") != "config":
            message = "The first request must hold a 'config'."
            raise InvalidRequest(message, code="missing_required_parameter", param="config")
        manner = self._manner(first.config)
        try:
            async with asyncio.TaskGroup() as tasks:
                dictation = Dictation(self._premises.engines, self._max_turn_ms, tasks, send)
                dictation.begin(manner)
                await send(pb.TranscriptLiveResponse(ready=True))
                try:
                    await self._take_in(dictation, requests)
                    await send(pb.TranscriptLiveResponse(final_result=await dictation.end()))
                finally:
                    await dictation.drop()
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures

    async def _take_in(self, dictation: Dictation, requests: AsyncIterator[pb.TranscriptLiveRequest]) -> None:
        async for request in requests:
            match request.WhichOneof("payload"):
                case "config":
                    manner = self._manner(request.config)
                    await dictation.drop()
                    dictation.begin(manner)
                case "audio":
                    await dictation.hear(floats_of(request.audio, "audio.pcm"))
                case _:
                    raise InvalidRequest("The request holds neither a 'config' nor 'audio'.", param="payload")

    def _manner(self, config: pb.TranscriptLiveConfig) -> Manner:
        """What a config asks for. Raises `InvalidRequest`."""
        rate_hz = config.sample_rate or 16_000
        if not LOWEST_HZ <= rate_hz <= HIGHEST_HZ:
            message = f"'config.sample_rate' must be {LOWEST_HZ} to {HIGHEST_HZ}, or 0, not {rate_hz}."
            raise InvalidRequest(message, param="config.sample_rate")
        return Manner(
            language=language_of(config.language, self._premises.engines.transcriber, "config.language"),
            rate_hz=rate_hz,
            params=read_params(config.params, LiveParams, "config.params"),
        )
