"""What is to be known of the language model: `ModelMetadata`, `GetMetrics`."""

from __future__ import annotations

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.premises import Premises
from realtime.errors import NotServed


class Metadata:
    """Answers them."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises

    async def model_metadata(self, request: pb.ModelOptions) -> pb.ModelMetadataResponse:
        """Not built yet."""
        raise NotServed("not built yet")

    async def get_metrics(self, request: pb.MetricsRequest) -> pb.MetricsResponse:
        """Not built yet."""
        raise NotServed("not built yet")
