"""Sound made anew: `AudioTransform`, `AudioTransformStream`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.premises import Premises
from realtime.errors import NotServed


class Transform:
    """Answers them."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises

    async def audio_transform(self, request: pb.AudioTransformRequest) -> pb.AudioTransformResult:
        """Not built yet."""
        raise NotServed("not built yet")

    async def audio_transform_stream(
        self, requests: AsyncIterator[pb.AudioTransformFrameRequest]
    ) -> AsyncGenerator[pb.AudioTransformFrameResponse, None]:
        """Not built yet."""
        raise NotServed("not built yet")
        yield pb.AudioTransformFrameResponse()
