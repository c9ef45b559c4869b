"""A client's microphone: bytes in its format in, turns out. Joins a codec, a resampler, an enhancer and a listener.

The sound is cleaned before anybody hears it: what is detected, taken and transcribed is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np

from realtime.audio import Audio, Pcm, samples_to_ms
from realtime.codecs import Codec, find_codec
from realtime.codecs.resample import Resampler
from realtime.engines.base import Detector, Enhancer, EnhancerStream
from realtime.pipeline.eagerness import EAGERNESS
from realtime.pipeline.endpoint import Began, Ended, Hushed, Knobs, Paused, Resumed, Verdict, Wording
from realtime.pipeline.listen import Listener
from realtime.protocol.config import (
    AudioInput,
    EchoCancellation,
    NoiseReduction,
    SemanticVad,
    TurnDetection,
    format_name,
)
from realtime.protocol.reports import SpeechBegan, SpeechEnded

CHUNK_MS = 1000
"""Sound decoded and listened to at a time: a 15 MiB append must not hold the event loop for all its five minutes."""

Loudspeaker: TypeAlias = Callable[[int], Pcm]
"""What was played beside the next so many samples of the microphone's, which have just come; shape (n,)."""


def nothing_played(samples: int) -> Pcm:
    """The `Loudspeaker` of who has none."""
    return np.zeros(samples, np.float32)


class Microphone:
    """One client's voice as it arrives. Not a byte is lost or heard twice, however the client cuts it."""

    def __init__(
        self, detector: Detector, enhancer: Enhancer, max_turn_ms: int, loudspeaker: Loudspeaker = nothing_played
    ) -> None:
        self._enhancer = enhancer
        self._loudspeaker = loudspeaker
        self._cleaning: EnhancerStream | None = None
        self._listener = Listener(detector, max_turn_ms)
        self._settings = AudioInput()
        self._late: Pcm = np.zeros(0, np.float32)
        """The end of the sound before a change of format or cleaning, which was still on its way then."""
        self._set_format(self._settings)

    @property
    def rate_hz(self) -> int:
        """Rate of the audio that `take` gives."""
        return self._listener.rate_hz

    def tune(self, settings: AudioInput) -> None:
        """What comes from now on is in this format and cleaned so, and turns are found like this."""
        if settings.format != self._settings.format:
            self._late = self._after_late(self._clean(self._resampler.flush()))
            self._set_format(settings)
        if _cleaning(settings) != _cleaning(self._settings):
            self._late = self._after_late(self._rest())
            self._cleaning = self._cleaner(settings)
        self._settings = settings
        self._listener.tune(_knobs(settings.turn_detection) if settings.turn_detection else None)

    def chunks(self, audio: bytes, chunk_ms: int = CHUNK_MS) -> Iterator[bytes]:
        """`audio` in pieces that can be listened to without holding anybody else up."""
        size = self.codec.rate_hz * self._settings.format.bytes_per_sample * chunk_ms // 1000
        return (audio[start : start + size] for start in range(0, len(audio), size))

    def hear(self, chunk: bytes) -> Iterator[SpeechBegan | SpeechEnded | Hushed | Resumed | Paused]:
        """The turn boundaries in the next piece; run it to the end. Act on each before asking for the next.

        A `Paused` is to be answered with `decide`, sooner or later.
        """
        sound = self._after_late(self._clean(self._resampler.push(self._decoder.decode(chunk))))
        for boundary in self._listener.push(sound):
            match boundary:
                case Began():
                    yield SpeechBegan(audio_start_ms=samples_to_ms(boundary.at_sample, self.rate_hz))
                case Ended():
                    yield self._told(boundary)
                case _:
                    yield boundary

    def newest(self, ms: float) -> Audio:
        """The last `ms` of the turn in progress, or all of it."""
        return Audio(self._listener.newest(ms), self.rate_hz)

    def so_far(self) -> Audio:
        """The turn in progress."""
        return Audio(self._listener.so_far(), self.rate_hz)

    def until(self, hush: Hushed) -> Audio:
        """The turn in progress, or that has ended and was not taken, up to a hush in it."""
        return Audio(self._listener.until(hush), self.rate_hz)

    def decide(self, verdict: Verdict | Wording) -> SpeechEnded | None:
        """The end of the turn, where the sound has come to by now; None if the verdict is that it goes on, or late."""
        ended = self._listener.decide(verdict)
        return self._told(ended) if ended else None

    def take(self) -> Pcm:
        """The audio of the turn, shape (n,) at `rate_hz`; the rest is for the next."""
        return self._listener.take(lambda: self._after_late(self._rest()))

    def new_sound(self) -> Pcm:
        """The audio of the turn in progress that this has not given before, shape (n,) at `rate_hz`.

        What it gives from the turn's beginning on is the beginning of what `take` will give, padding included. None in
        silence; with turn detection off, the turn goes on since the last `take`.
        """
        return self._listener.new_sound()

    def drop(self) -> None:
        """Forget all audio that was not taken."""
        self.take()

    def _set_format(self, settings: AudioInput) -> None:
        self.codec = find_codec(format_name(settings.format))
        self._decoder = self.codec.decoder()
        self._resampler = Resampler(self.codec.rate_hz, self._listener.rate_hz)

    def _told(self, ended: Ended) -> SpeechEnded:
        return SpeechEnded(audio_end_ms=samples_to_ms(ended.at_sample, self.rate_hz))

    def _cleaner(self, settings: AudioInput) -> EnhancerStream | None:
        noise, cancel_echo = _cleaning(settings)
        if noise:
            return self._enhancer.stream(self.rate_hz, noise.type, noise.strength, cancel_echo=cancel_echo)
        return self._enhancer.stream(self.rate_hz, None, cancel_echo=True) if cancel_echo else None

    def _clean(self, pcm: Pcm) -> Pcm:
        return self._cleaning.push(pcm, self._loudspeaker(len(pcm))) if self._cleaning else pcm

    def _rest(self) -> Pcm:
        """All that is still on its way to the listener, as if silence followed."""
        last = self._clean(self._resampler.flush())
        return np.concatenate((last, self._cleaning.flush())) if self._cleaning else last

    def _after_late(self, pcm: Pcm) -> Pcm:
        late, self._late = self._late, self._late[:0]
        return np.concatenate((late, pcm)) if len(late) else pcm


def decode_recording(audio: bytes, codec: Codec) -> Audio:
    """A whole recording as sound. Takes a while: not for the event loop."""
    return Audio(codec.decoder().decode(audio), codec.rate_hz)


def _cleaning(settings: AudioInput) -> tuple[NoiseReduction | None, bool]:
    """What is to be taken out: noise, and echo."""
    return settings.noise_reduction, isinstance(settings.echo_cancellation, EchoCancellation)


def _knobs(detection: TurnDetection) -> Knobs:
    if isinstance(detection, SemanticVad):
        return EAGERNESS["medium" if detection.eagerness == "auto" else detection.eagerness]
    return Knobs(
        threshold=detection.threshold,
        silence_ms=detection.silence_duration_ms,
        prefix_ms=detection.prefix_padding_ms,
    )
