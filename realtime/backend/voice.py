"""What is spoken: `TTS`, `TTSStream`, `SoundGeneration`."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.premises import Premises
from realtime.errors import NotServed


class Voice:
    """Answers them."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises

    async def tts(self, request: pb.TTSRequest) -> pb.Result:
        """Not built yet."""
        raise NotServed("not built yet")

    async def tts_stream(self, request: pb.TTSRequest) -> AsyncGenerator[pb.Reply, None]:
        """Not built yet."""
        raise NotServed("not built yet")
        yield pb.Reply()

    async def sound_generation(self, request: pb.SoundGenerationRequest) -> pb.Result:
        """Not built yet."""
        raise NotServed("not built yet")
