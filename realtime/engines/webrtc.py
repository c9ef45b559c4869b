"""WebRTC's audio processing, from the `livekit` wheel: noise out of a microphone's sound.

A headset (`near_field`) gets noise suppression and a high-pass filter. A microphone in the room (`far_field`) gets
automatic gain control as well, because who sits away from it comes in soft.

Measured on five human clips of 3-7 s, with noise 10 dB below the voice: the voice stands out by 11-15 dB more, which is
for the voice detector and for whoever listens. Whisper has heard more noise than this suppressor has, and mishears more
words of what is left than of the noisy sound (docs/benchmarks.md). A second of sound costs 4 ms (near) or 7 ms (far),
the library 0.2 s and 27 MiB once.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from livekit.rtc import AudioFrame
from livekit.rtc.apm import AudioProcessingModule

from realtime.audio import SPEECH_RATE_HZ, Framer, Pcm
from realtime.engines.registry import Options, Workshop
from realtime.errors import EngineFailed

FRAME_SAMPLES = SPEECH_RATE_HZ // 100
DELAY_SAMPLES = 96
"""By how much noise suppression delays sound at this rate: the overlap of its 256-sample windows."""

FULL_SCALE = 32_768


class WebrtcOptions(Options):
    """`[enhancer]` with `engine = "webrtc"`, which has nothing to choose."""


class WebrtcStream:
    """One microphone. Sound comes out where it went in: the suppressor's delay is taken out again."""

    def __init__(self, distance: Literal["near_field", "far_field"], strength: float) -> None:
        self._module = AudioProcessingModule(
            noise_suppression=True, high_pass_filter=True, auto_gain_control=distance == "far_field"
        )
        self._strength = strength
        self._frame = AudioFrame.create(SPEECH_RATE_HZ, 1, FRAME_SAMPLES)
        self._samples = np.frombuffer(self._frame.data, np.int16)
        self._framer = Framer(FRAME_SAMPLES)
        self._inside: Pcm = np.zeros(0, np.float32)
        """What went in and has not come out yet, as it was."""
        self._skip = DELAY_SAMPLES
        """Samples that will come out of the suppressor before any that went in."""

    def push(self, pcm: Pcm) -> Pcm:
        """The next sound, shape (n,) at 16 kHz, cleaned; at most 255 samples of it come with the next push."""
        self._inside = np.concatenate((self._inside, pcm))
        return self._mix(self._clean(self._framer.push(pcm)))

    def flush(self) -> Pcm:
        """The samples that are still inside, as if silence followed."""
        rest = self._framer.flush()
        needed = len(self._inside) + self._skip
        silence = np.zeros(-(-needed // FRAME_SAMPLES) * FRAME_SAMPLES - len(rest), np.float32)
        cleaned = self._clean(self._framer.push(np.concatenate((rest, silence))))
        self._skip = DELAY_SAMPLES
        return self._mix(cleaned[: len(self._inside)])

    def _clean(self, frames: list[Pcm]) -> Pcm:
        cleaned = np.empty((len(frames), FRAME_SAMPLES), np.float32)
        for index, frame in enumerate(frames):
            np.clip(frame * FULL_SCALE, -FULL_SCALE, FULL_SCALE - 1, out=self._samples, casting="unsafe")
            self._module.process_stream(self._frame)
            np.divide(self._samples, FULL_SCALE, out=cleaned[index])
        out = cleaned.reshape(-1)[self._skip :]
        self._skip = max(0, self._skip - cleaned.size)
        return out

    def _mix(self, cleaned: Pcm) -> Pcm:
        raw, self._inside = self._inside[: len(cleaned)], self._inside[len(cleaned) :].copy()
        return cleaned if self._strength == 1 else raw + np.float32(self._strength) * (cleaned - raw)


class Webrtc:
    """Makes streams. There are no weights: what is shared is the library."""

    def stream(self, rate_hz: int, distance: Literal["near_field", "far_field"], strength: float = 1.0) -> WebrtcStream:
        """A new microphone; below a `strength` of 1 the sound as it was is mixed in. Raises `EngineFailed` for a rate
        other than 16 kHz."""
        if rate_hz != SPEECH_RATE_HZ:
            raise EngineFailed(f"engine 'webrtc' cleans sound at {SPEECH_RATE_HZ} Hz, not at {rate_hz} Hz")
        return WebrtcStream(distance, strength)

    async def close(self) -> None:
        """Nothing to let go: streams go when they are no longer used. Cancelling changes nothing."""


def open_webrtc(workshop: Workshop) -> Webrtc:
    """Load the library and clean a frame of silence."""
    workshop.read_options(WebrtcOptions, "webrtc")
    engine = Webrtc()
    engine.stream(SPEECH_RATE_HZ, "far_field").push(np.zeros(FRAME_SAMPLES, np.float32))
    return engine
