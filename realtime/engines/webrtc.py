"""WebRTC's audio processing, from the `livekit` wheel: echo and noise out of a microphone's sound.

A headset (`near_field`) gets noise suppression and a high-pass filter. A microphone in the room (`far_field`) gets
automatic gain control as well, because who sits away from it comes in soft. The echo goes first (`webrtc_echo`).

Measured on five human clips of 3-7 s, with noise 10 dB below the voice: the voice stands out by 11-15 dB more, which is
for the voice detector and for whoever listens. Whisper has heard more noise than this suppressor has, and mishears more
words of what is left than of the noisy sound (docs/benchmarks.md). A second of sound costs 4 ms (near) or 7 ms (far),
the library 0.2 s and 27 MiB once.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from realtime.audio import SPEECH_RATE_HZ, Framer, Pcm
from realtime.engines import webrtc_echo
from realtime.engines.registry import Options, Workshop
from realtime.engines.webrtc_echo import EchoCanceller
from realtime.engines.webrtc_module import FRAME_SAMPLES, WebrtcModule
from realtime.errors import EngineFailed

DELAY_SAMPLES = 96
"""By how much noise suppression delays sound at this rate: the overlap of its 256-sample windows."""


class WebrtcOptions(Options):
    """`[enhancer]` with `engine = "webrtc"`, which has nothing to choose."""


class NoiseSuppressor:
    """Takes the share `strength` of the noise out."""

    def __init__(self, distance: Literal["near_field", "far_field"], strength: float) -> None:
        self._module = WebrtcModule(
            noise_suppression=True, high_pass_filter=True, auto_gain_control=distance == "far_field"
        )
        self._strength = np.float32(strength)
        self._before: Pcm = np.zeros(DELAY_SAMPLES, np.float32)
        """The end of the last frame, as it was."""

    def clean(self, frame: Pcm) -> Pcm:
        """The next frame, cleaned and `DELAY_SAMPLES` late."""
        raw = np.concatenate((self._before, frame))
        raw, self._before = raw[:FRAME_SAMPLES], raw[FRAME_SAMPLES:]
        cleaned = self._module.clean(frame)
        return cleaned if self._strength == 1 else raw + self._strength * (cleaned - raw)


class WebrtcStream:
    """One microphone. Sound comes out where it went in: the delay of what cleans it is taken out again."""

    def __init__(self, canceller: EchoCanceller | None, suppressor: NoiseSuppressor | None) -> None:
        self._canceller = canceller
        self._suppressor = suppressor
        self._near = Framer(FRAME_SAMPLES)
        self._far = Framer(FRAME_SAMPLES)
        self._delay_samples = (webrtc_echo.DELAY_SAMPLES if canceller else 0) + (DELAY_SAMPLES if suppressor else 0)
        self._skip = self._delay_samples
        """Samples that will come out before any that went in."""
        self._inside = 0
        """Samples that went in and have not come out yet."""

    def push(self, pcm: Pcm, reference: Pcm | None = None) -> Pcm:
        """The next sound, shape (n,) at 16 kHz, cleaned; at most 383 samples of it come with the next push."""
        played = np.zeros_like(pcm) if reference is None else reference
        self._inside += len(pcm)
        cleaned = self._clean(self._near.push(pcm), self._far.push(played))
        self._inside -= len(cleaned)
        return cleaned

    def flush(self) -> Pcm:
        """The samples that are still inside, as if silence followed."""
        near, far = self._near.flush(), self._far.flush()
        needed = self._inside + self._skip
        silence = np.zeros(max(0, -(-needed // FRAME_SAMPLES) * FRAME_SAMPLES - len(near)), np.float32)
        frames = self._near.push(np.concatenate((near, silence))), self._far.push(np.concatenate((far, silence)))
        rest = self._clean(*frames)[: self._inside]
        self._skip, self._inside = self._delay_samples, 0
        return rest

    def _clean(self, near: list[Pcm], far: list[Pcm]) -> Pcm:
        cleaned = np.empty((len(near), FRAME_SAMPLES), np.float32)
        for index, frame in enumerate(near):
            if self._canceller:
                frame = self._canceller.clean(frame, far[index])
            cleaned[index] = self._suppressor.clean(frame) if self._suppressor else frame
        out = cleaned.reshape(-1)[self._skip :]
        self._skip = max(0, self._skip - cleaned.size)
        return out


class Webrtc:
    """Makes streams. There are no weights: what is shared is the library."""

    cancels_echo = True

    def stream(
        self,
        rate_hz: int,
        distance: Literal["near_field", "far_field"] | None,
        strength: float = 1.0,
        *,
        cancel_echo: bool = False,
    ) -> WebrtcStream:
        """A new microphone; below a `strength` of 1 the sound with its noise is mixed in.

        Raises `EngineFailed` for a rate other than 16 kHz.
        """
        if rate_hz != SPEECH_RATE_HZ:
            raise EngineFailed(f"engine 'webrtc' cleans sound at {SPEECH_RATE_HZ} Hz, not at {rate_hz} Hz")
        canceller = EchoCanceller() if cancel_echo else None
        return WebrtcStream(canceller, NoiseSuppressor(distance, strength) if distance else None)

    async def close(self) -> None:
        """Nothing to let go: streams go when they are no longer used. Cancelling changes nothing."""


def open_webrtc(workshop: Workshop) -> Webrtc:
    """Load the library and clean a frame of silence."""
    workshop.read_options(WebrtcOptions, "webrtc")
    engine = Webrtc()
    engine.stream(SPEECH_RATE_HZ, "far_field").push(np.zeros(FRAME_SAMPLES, np.float32))
    return engine
