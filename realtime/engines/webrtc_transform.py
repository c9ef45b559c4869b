"""WebRTC's audio processing as a transform: echo, rumble and noise out of a microphone's sound, and its level even.

One of the library's modules does all of it, in its own order, at the next of 16, 32 and 48 kHz above the stream's rate.
Unlike a conversation's canceller (`webrtc_echo`), which knows when an answer begins and is made anew for each, this one
lasts as long as its stream: whoever sends a microphone's frame together with what was played in it has settled by how
much the one is later than the other. With everything on 10 ms of sound cost 0.13-0.19 ms of one thread.

What it does delays the sound: noise suppression by 96 samples at 16 kHz, its windows' overlap; echo cancellation by
128, two of its blocks; at 32 and 48 kHz twice and three times as many, and the filter that splits the bands 4 and 46.
Automatic gain delays nothing, and splits nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

import numpy as np
from msgspec import Meta

from realtime.audio import SPEECH_RATE_HZ, Pcm, ms_to_samples
from realtime.engines.cadence import Cadence, EvenStream
from realtime.engines.registry import Options, Workshop
from realtime.engines.scheduler import Scheduler
from realtime.engines.transform import Frames, Params
from realtime.engines.webrtc_module import RATES_HZ, WebrtcModule
from realtime.params import read_params

INLINE_MS = 40
"""Of sound, which cost less than a millisecond."""

_SPLITTING_SAMPLES: Mapping[int, int] = MappingProxyType({16_000: 0, 32_000: 4, 48_000: 46})
"""By how much the filter that splits the bands delays sound, by rate."""


class WebrtcParams(Params):
    """What is done to the sound."""

    aec: bool = True
    """Takes the echo of the reference out."""
    ns: bool = True
    """Takes steady noise out."""
    hpf: bool = True
    """Takes out what lies below speech, rumble and any constant. With `aec` or `ns` the library does it in any case."""
    agc: bool = False
    """Brings the voice to an even level."""
    echo_delay_ms: Annotated[float, Meta(ge=0, le=2000)] = 0.0
    """By how much the reference is held back first: for an echo that is known to be late. Up to 400 ms the canceller
    finds by itself."""


class WebrtcMaker:
    """One microphone beside one loudspeaker."""

    def __init__(self, rate_hz: int, params: WebrtcParams) -> None:
        self.rate_hz = rate_hz
        self.piece_samples = rate_hz // 100
        self.heeds_reference = params.aec
        self.delay_samples = _delay_samples(rate_hz, params)
        self._module = WebrtcModule(
            echo_cancellation=params.aec,
            noise_suppression=params.ns,
            high_pass_filter=params.hpf,
            auto_gain_control=params.agc,
            rate_hz=rate_hz,
        )
        self._held: Pcm = np.zeros(ms_to_samples(params.echo_delay_ms, rate_hz), np.float32)
        """Of the reference."""

    def make(self, piece: Pcm, reference: Pcm) -> Pcm:
        """The next 10 ms."""
        if self.heeds_reference:
            held = np.concatenate((self._held, reference))
            played, self._held = held[: len(piece)], held[len(piece) :]
            self._module.play(played)
        return self._module.clean(piece)


class WebrtcTransform:
    """Takes echo, noise and rumble out of streams. There are no weights: what is shared is the library."""

    name = "webrtc"
    default_rate_hz = SPEECH_RATE_HZ

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    async def stream(self, frames: Frames, params: Mapping[str, str]) -> EvenStream:
        """A new stream. Raises `InvalidRequest` for a rate or a parameter it does not know.

        Cancelling leaves nothing behind.
        """
        chosen = read_params(params, WebrtcParams, "params")
        rate_hz = next((rate_hz for rate_hz in RATES_HZ if rate_hz >= frames.rate_hz), RATES_HZ[-1])
        # Filters between unusual rates take tens of milliseconds to make.
        cadence = await asyncio.to_thread(lambda: Cadence(frames, WebrtcMaker(rate_hz, chosen)))
        return EvenStream(cadence, frames, self._scheduler, INLINE_MS)

    async def close(self) -> None:
        """Nothing to let go. Cancelling changes nothing."""


def open_webrtc_transform(workshop: Workshop) -> WebrtcTransform:
    """Load the library and clean a piece of silence."""
    workshop.read_options(Options, "webrtc")
    silence = np.zeros(SPEECH_RATE_HZ // 100, np.float32)
    WebrtcMaker(SPEECH_RATE_HZ, WebrtcParams()).make(silence, silence)
    return WebrtcTransform(workshop.scheduler)


def _delay_samples(rate_hz: int, params: WebrtcParams) -> int:
    at_16_khz = 128 * params.aec + 96 * params.ns
    split = _SPLITTING_SAMPLES[rate_hz] if params.aec or params.ns or params.hpf else 0
    return at_16_khz * rate_hz // SPEECH_RATE_HZ + split
