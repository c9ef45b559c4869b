"""What texts mean: `Embedding`, `Rerank`."""

from __future__ import annotations

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.premises import Premises
from realtime.errors import NotServed


class Embedding:
    """Answers them."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises

    async def embedding(self, request: pb.PredictOptions) -> pb.EmbeddingResult:
        """Not built yet."""
        raise NotServed("not built yet")

    async def rerank(self, request: pb.RerankRequest) -> pb.RerankResult:
        """Not built yet."""
        raise NotServed("not built yet")
