"""One of WebRTC's audio processing modules, from the `livekit` wheel: sound in, 10 ms at a time, and out again."""

from __future__ import annotations

import numpy as np
from livekit.rtc import AudioFrame
from livekit.rtc.apm import AudioProcessingModule

from realtime.audio import SPEECH_RATE_HZ, Pcm

FRAME_SAMPLES = SPEECH_RATE_HZ // 100
"""What a module works on at 16 kHz; frames are shape (160,)."""

RATES_HZ = (16_000, 32_000, 48_000)
"""What the library works at itself; to any other rate it would resample, and worse than we do."""

FULL_SCALE = 32_768


class WebrtcModule:
    """What it takes out of one microphone's sound is chosen at the beginning. Frames last 10 ms."""

    def __init__(
        self,
        *,
        echo_cancellation: bool = False,
        noise_suppression: bool = False,
        high_pass_filter: bool = False,
        auto_gain_control: bool = False,
        rate_hz: int = SPEECH_RATE_HZ,
    ) -> None:
        self._module = AudioProcessingModule(
            echo_cancellation=echo_cancellation,
            noise_suppression=noise_suppression,
            high_pass_filter=high_pass_filter,
            auto_gain_control=auto_gain_control,
        )
        if echo_cancellation:
            self._module.set_stream_delay_ms(0)  # with no word of the delay it needs seconds for one near zero
        self._frame = AudioFrame.create(rate_hz, 1, rate_hz // 100)
        self._samples = np.frombuffer(self._frame.data, np.int16)

    def play(self, frame: Pcm) -> None:
        """The next frame that a loudspeaker plays beside the microphone."""
        self._fill(frame)
        self._module.process_reverse_stream(self._frame)

    def clean(self, frame: Pcm) -> Pcm:
        """The next frame that the microphone hears; what comes out belongs to a moment before it."""
        self._fill(frame)
        self._module.process_stream(self._frame)
        return self._samples.astype(np.float32) / np.float32(FULL_SCALE)

    def _fill(self, frame: Pcm) -> None:
        np.clip(frame * FULL_SCALE, -FULL_SCALE, FULL_SCALE - 1, out=self._samples, casting="unsafe")
