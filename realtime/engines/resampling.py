"""Another sample rate as a transform: `codecs.resample`'s filter, with frames out as even as frames in."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta

from realtime.audio import HIGHEST_HZ, LOWEST_HZ, SPEECH_RATE_HZ
from realtime.engines.cadence import Cadence, EvenStream
from realtime.engines.registry import Options, Workshop
from realtime.engines.scheduler import Scheduler
from realtime.engines.transform import Frames, Params
from realtime.params import read_params

INLINE_MS = 200
"""Of sound, which cost less than a millisecond."""


class ResampleParams(Params):
    """Where the sound goes."""

    to_rate: Annotated[int, Meta(ge=LOWEST_HZ, le=HIGHEST_HZ)]
    """In Hz."""


class Resampling:
    """Brings streams to another rate."""

    name = "resample"
    default_rate_hz = SPEECH_RATE_HZ

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    async def stream(self, frames: Frames, params: Mapping[str, str]) -> EvenStream:
        """A new stream. Raises `InvalidRequest` for rates that no filter can join, or a wrong parameter.

        Cancelling leaves nothing behind.
        """
        chosen = read_params(params, ResampleParams, "params")
        # Filters between unusual rates take tens of milliseconds to make.
        cadence = await asyncio.to_thread(Cadence, frames, to_hz=chosen.to_rate)
        return EvenStream(cadence, frames, self._scheduler, INLINE_MS)

    async def close(self) -> None:
        """Nothing to let go. Cancelling changes nothing."""


def open_resampling(workshop: Workshop) -> Resampling:
    """There is nothing to load."""
    workshop.read_options(Options, "resample")
    return Resampling(workshop.scheduler)
