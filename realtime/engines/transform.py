"""Sound made into other sound, frame by frame: cleaned, freed of an echo, brought to another rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from realtime.audio import Pcm
from realtime.engines.base import Urgency
from realtime.structs import Strict


class TransformStream(Protocol):
    """One stream's state; it goes when it is no longer used."""

    @property
    def rate_hz(self) -> int:
        """Of what comes out."""
        ...

    @property
    def delay_samples(self) -> int:
        """How far what comes out lies behind what went in, in samples of what comes out."""
        ...

    async def push(self, pcm: Pcm, reference: Pcm | None = None) -> Pcm:
        """The next frame, of as many samples as were agreed, made anew; as long as it, in time.

        `reference` is as long: what else is known of that moment, such as what a loudspeaker played. None is silence.
        Raises `EngineBusy` when there is too much to do. Cancelling leaves the stream useless.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """How a stream's sound is cut."""

    rate_hz: int
    samples: int
    """In each frame."""
    urgency: Urgency = Urgency.FINAL


class Transform(Protocol):
    """A way of making sound anew."""

    @property
    def name(self) -> str: ...

    @property
    def default_rate_hz(self) -> int: ...

    async def stream(self, frames: Frames, params: Mapping[str, str]) -> TransformStream:
        """A new stream. Raises `InvalidRequest` for a rate or a parameter it does not know.

        Cancelling leaves nothing behind.
        """
        ...

    async def close(self) -> None:
        """Make no more streams; those there are go on."""
        ...


class Params(Strict):
    """Base of every transform's parameters. Each has a default or must be given; all are read from texts."""
