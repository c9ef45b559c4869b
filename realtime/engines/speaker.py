"""Voices as points in space: the same person's lie close together, whatever is said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from realtime.audio import Pcm

Points: TypeAlias = NDArray[np.float32]
"""Some points, or what one is computed of: the last dimension is the point's own."""

Voiceprint: TypeAlias = NDArray[np.float32]
"""Shape (dimensions,), of length 1: 1 less the dot product of two is their cosine distance, 0 to 2."""

FARTHEST: Final = 2.0
"""Cosine distance of two opposite directions."""


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

    @property
    def same_group_below(self) -> float:
        """So are two groups of windows of a second or two, if their mean distance is less than this. Windows are too
        short to be near each other for certain; that is made up for by their number."""
        ...

    async def encode(self, speech: Pcm) -> Voiceprint:
        """Whose voice `speech` is, shape (n,) at `rate_hz`.

        Raises `InvalidRequest` for sound too short to tell. Cancelling withdraws the question.
        """
        ...

    async def encode_each(self, clips: Sequence[Pcm]) -> list[Voiceprint]:
        """Whose voice each clip is: as many calls of `encode` in less time."""
        ...

    async def close(self) -> None: ...


def direction(point: Points) -> Voiceprint:
    """The point of length 1 that lies the same way; `point` is not all zeros."""
    there: Voiceprint = (point / np.linalg.norm(point)).astype(np.float32)
    return there


def distance(one: Voiceprint, other: Voiceprint) -> float:
    """Cosine distance of two voiceprints, 0 to `FARTHEST`."""
    return max(0.0, 1.0 - float(one @ other))
