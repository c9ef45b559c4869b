"""What is written: `Predict`, `PredictStream`, `TokenizeString`, `Detokenize`."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.premises import Premises
from realtime.errors import NotServed


class Language:
    """Answers them."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises

    async def predict(self, request: pb.PredictOptions) -> pb.Reply:
        """Not built yet."""
        raise NotServed("not built yet")

    async def predict_stream(self, request: pb.PredictOptions) -> AsyncGenerator[pb.Reply, None]:
        """Not built yet."""
        raise NotServed("not built yet")
        yield pb.Reply()

    async def tokenize_string(self, request: pb.PredictOptions) -> pb.TokenizationResponse:
        """Not built yet."""
        raise NotServed("not built yet")

    async def detokenize(self, request: pb.DetokenizeRequest) -> pb.DetokenizeResponse:
        """Not built yet."""
        raise NotServed("not built yet")
