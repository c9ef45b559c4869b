"""A model of meaning behind somebody's `Embedding`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.remote.channels import Channels
from realtime.backend.remote.connection import Connection
from realtime.backend.remote.reachable import ask_once, open_channels
from realtime.engines.embedder import Embeddings, Text
from realtime.engines.registry import Workshop
from realtime.errors import EngineFailed


class RemoteEmbedderOptions(Connection):
    """`[embedder]` with `engine = "grpc://host:port"`."""

    model: str = "remote"
    """What the model is called here."""
    dimensions: Annotated[int, Meta(ge=0)] = 0
    """Of its vectors; 0 asks the backend for one at the start."""


class RemoteEmbedder:
    """A model elsewhere."""

    def __init__(self, channels: Channels, model: str, dimensions: int) -> None:
        self.model = model
        self.dimensions = dimensions
        self._channels = channels

    async def embed(self, texts: Sequence[Text]) -> Embeddings:
        """Each text as a vector, one call after another. Tokens that the backend makes of words are not counted: it
        does not tell.

        Raises `ContextTooLong` for a text that the model cannot hold, `EngineFailed` for everything else. Cancelling
        withdraws what is not answered.
        """
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        for row, text in zip(vectors, texts, strict=True):
            told: pb.EmbeddingResult = await self._channels.unary("Embedding", asking_for(text))
            row[:] = self._unit(np.array(told.embeddings, np.float32))
        return Embeddings(vectors, sum(len(text) for text in texts if not isinstance(text, str)))

    async def close(self) -> None:
        """Hang up. Cancelling leaves some channels open."""
        await self._channels.close()

    def _unit(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of length 1, whatever length the backend gives its vectors."""
        length = float(np.linalg.norm(vector))
        if vector.shape != (self.dimensions,) or not np.isfinite(length) or length == 0:
            raise EngineFailed(
                f"the backend at {self._channels.addresses} gave {len(vector)} numbers that are no direction in "
                f"{self.dimensions} dimensions"
            )
        return vector / np.float32(length)


def asking_for(text: Text) -> pb.PredictOptions:
    """What asks for the vector of `text`."""
    if isinstance(text, str):
        return pb.PredictOptions(Embeddings=text)
    return pb.PredictOptions(EmbeddingTokens=text)


def open_remote_embedder(workshop: Workshop) -> RemoteEmbedder:
    """Reach the backend; raises `ModelUnavailable` or `BadConfiguration` where that cannot be. Blocks."""
    options = workshop.read_options(RemoteEmbedderOptions, "grpc")
    channels = open_channels(workshop, options)
    dimensions = options.dimensions
    if not dimensions:
        told: pb.EmbeddingResult = ask_once(workshop, options, "Embedding", asking_for("How long?"))
        dimensions = len(told.embeddings)
    return RemoteEmbedder(channels, options.model, dimensions)
