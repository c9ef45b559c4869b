"""Who speaks: `VoiceEmbed`, `VoiceVerify`, `VoiceAnalyze`, `Diarize`."""

from __future__ import annotations

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.premises import Premises
from realtime.errors import NotServed


class Speakers:
    """Answers them."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises

    async def voice_embed(self, request: pb.VoiceEmbedRequest) -> pb.VoiceEmbedResponse:
        """Not built yet."""
        raise NotServed("not built yet")

    async def voice_verify(self, request: pb.VoiceVerifyRequest) -> pb.VoiceVerifyResponse:
        """Not built yet."""
        raise NotServed("not built yet")

    async def voice_analyze(self, request: pb.VoiceAnalyzeRequest) -> pb.VoiceAnalyzeResponse:
        """Not built yet."""
        raise NotServed("not built yet")

    async def diarize(self, request: pb.DiarizeRequest) -> pb.DiarizeResponse:
        """Not built yet."""
        raise NotServed("not built yet")
