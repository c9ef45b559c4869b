"""Voices as points in space: the same person's lie close together, whatever is said."""

from __future__ import annotations

from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from realtime.audio import Pcm

Voiceprint: TypeAlias = NDArray[np.float32]
"""Shape (dimensions,), of length 1: 1 less the dot product of two is their cosine distance, 0 to 2."""


class SpeakerEncoder(Protocol):
    """A model of voices."""

    @property
    def model(self) -> str: ...

    @property
    def rate_hz(self) -> int: ...

    @property
    def same_below(self) -> float:
        """Two voiceprints nearer than this cosine distance are taken for one person's."""
        ...

    async def encode(self, speech: Pcm) -> Voiceprint:
        """Whose voice `speech` is, shape (n,) at `rate_hz`.

        Raises `InvalidRequest` for sound too short to tell. Cancelling withdraws the question.
        """
        ...

    async def close(self) -> None: ...
