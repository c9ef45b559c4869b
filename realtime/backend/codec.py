"""Sound as telephones and browsers send it: `AudioEncode`, `AudioDecode`."""

from __future__ import annotations

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.premises import Premises
from realtime.errors import NotServed


class Codec:
    """Answers them."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises

    async def audio_encode(self, request: pb.AudioEncodeRequest) -> pb.AudioEncodeResult:
        """Not built yet."""
        raise NotServed("not built yet")

    async def audio_decode(self, request: pb.AudioDecodeRequest) -> pb.AudioDecodeResult:
        """Not built yet."""
        raise NotServed("not built yet")
