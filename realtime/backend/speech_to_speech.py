"""Spoken conversations: `AudioToAudioStream`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.premises import Premises
from realtime.errors import NotServed


class SpeechToSpeech:
    """Answers them."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises

    async def audio_to_audio_stream(
        self, requests: AsyncIterator[pb.AudioToAudioRequest]
    ) -> AsyncGenerator[pb.AudioToAudioResponse, None]:
        """Not built yet."""
        raise NotServed("not built yet")
        yield pb.AudioToAudioResponse()
