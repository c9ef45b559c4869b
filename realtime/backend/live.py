"""What is being said: `AudioTranscriptionLive`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.premises import Premises
from realtime.errors import NotServed


class Live:
    """Answers them."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises

    async def audio_transcription_live(
        self, requests: AsyncIterator[pb.TranscriptLiveRequest]
    ) -> AsyncGenerator[pb.TranscriptLiveResponse, None]:
        """Not built yet."""
        raise NotServed("not built yet")
        yield pb.TranscriptLiveResponse()
