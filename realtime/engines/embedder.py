"""Texts as points in space: what resembles in meaning lies close together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Text: TypeAlias = str | tuple[int, ...]
"""Words, or the tokens of them: numbers of the model's own vocabulary."""


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """What became of some texts."""

    vectors: NDArray[np.float32]
    """Shape (texts, dimensions), each of length 1: the dot product of two is the cosine of their angle."""
    tokens: int
    """Read of all the texts together."""


class Embedder(Protocol):
    """A model of meaning."""

    @property
    def model(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    async def embed(self, texts: Sequence[Text]) -> Embeddings:
        """Each text as a vector, whatever else is asked beside it. Raises `ContextTooLong` for one that the model
        cannot hold, `InvalidRequest` for tokens it does not know. Cancelling withdraws what is not begun.
        """
        ...

    async def close(self) -> None: ...
