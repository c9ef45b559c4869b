"""Sound made into other sound, frame by frame: cleaned, freed of an echo, brought to another rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from realtime.audio import Pcm


class TransformStream(Protocol):
    """One stream's state."""

    @property
    def rate_hz(self) -> int:
        """Of what comes out."""
        ...

    @property
    def delay_ms(self) -> float:
        """How far what comes out lies behind what went in."""
        ...

    async def push(self, pcm: Pcm, reference: Pcm | None = None) -> Pcm:
        """The next frame, shape (n,), made anew; as long as it, in time.

        `reference` is as long: what else is known of that moment, such as what a loudspeaker played. None is silence.
        Cancelling leaves the stream useless.
        """
        ...

    async def close(self) -> None: ...


class Transform(Protocol):
    """A way of making sound anew."""

    @property
    def name(self) -> str: ...

    @property
    def default_rate_hz(self) -> int: ...

    @property
    def default_frame_samples(self) -> int: ...

    def stream(self, rate_hz: int, params: Mapping[str, str]) -> TransformStream:
        """A new stream at `rate_hz`. Raises `InvalidRequest` for a rate or a parameter it does not know."""
        ...

    async def close(self) -> None: ...
