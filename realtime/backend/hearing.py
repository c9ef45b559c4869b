"""What is said: `AudioTranscription`, `AudioTranscriptionStream`, `VAD`."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.premises import Premises
from realtime.errors import NotServed


class Hearing:
    """Answers them."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises

    async def audio_transcription(self, request: pb.TranscriptRequest) -> pb.TranscriptResult:
        """Not built yet."""
        raise NotServed("not built yet")

    async def audio_transcription_stream(
        self, request: pb.TranscriptRequest
    ) -> AsyncGenerator[pb.TranscriptStreamResponse, None]:
        """Not built yet."""
        raise NotServed("not built yet")
        yield pb.TranscriptStreamResponse()

    async def vad(self, request: pb.VADRequest) -> pb.VADResponse:
        """Not built yet."""
        raise NotServed("not built yet")
