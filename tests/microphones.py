"""Microphones of clients: what is said into them, and the turns that come of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from realtime.audio import Pcm
from realtime.codecs import find_codec
from realtime.microphone import Microphone
from realtime.pipeline.endpoint import Paused, Verdict
from realtime.protocol.config import (
    AudioFormat,
    AudioInput,
    NoiseReduction,
    PcmaFormat,
    PcmFormat,
    PcmuFormat,
    ServerVad,
    TurnDetection,
    format_name,
)
from realtime.protocol.reports import SpeechBegan, SpeechEnded
from tests.fakes import FakeDetector, FakeEnhancer

FORMATS: list[AudioFormat] = [PcmFormat(), PcmuFormat(), PcmaFormat()]
VAD = ServerVad(silence_duration_ms=200, prefix_padding_ms=100)
EARS_HZ = 16_000
NEAR = NoiseReduction(type="near_field")
any_format = pytest.mark.parametrize("audio_format", FORMATS, ids=format_name)


def encode(audio_format: AudioFormat, *pieces: Pcm) -> bytes:
    """These pieces of sound, one after another, as a client sends them."""
    return find_codec(format_name(audio_format)).encode(np.concatenate(pieces))


def tone(ms: float, rate_hz: int, start_ms: float = 0) -> Pcm:
    """A hum that says where in it one is, loud enough to be speech."""
    at_s = np.arange(round(ms * rate_hz / 1000)) / rate_hz + start_ms / 1000
    return (0.5 + 0.3 * np.sin(2 * np.pi * 7.3 * at_s)).astype(np.float32)


@dataclass
class Client:
    """A microphone, what was said into it, and what came of it; turns are taken when they end."""

    audio_format: AudioFormat
    detection: TurnDetection | None = VAD
    max_turn_ms: int = 60_000
    noise_reduction: NoiseReduction | None = None
    enhancer: FakeEnhancer = field(default_factory=FakeEnhancer)
    reports: list[SpeechBegan | SpeechEnded] = field(default_factory=list)
    turns: list[Pcm] = field(default_factory=list)
    pauses: list[Paused] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.microphone = Microphone(FakeDetector(), self.enhancer, self.max_turn_ms)
        self.tune(self.audio_format)

    def tune(self, audio_format: AudioFormat) -> None:
        """The client sends in this format from now on."""
        self.audio_format = audio_format
        self.microphone.tune(
            AudioInput(format=audio_format, turn_detection=self.detection, noise_reduction=self.noise_reduction)
        )

    def append(self, audio: bytes) -> None:
        """One `input_audio_buffer.append`."""
        for chunk in self.microphone.chunks(audio):
            for report in self.microphone.hear(chunk):
                match report:
                    case Paused():
                        self.pauses.append(report)
                    case SpeechBegan() | SpeechEnded():
                        self._note(report)

    def _note(self, report: SpeechBegan | SpeechEnded) -> None:
        self.reports.append(report)
        if isinstance(report, SpeechEnded):
            self.turns.append(self.microphone.take())

    def is_told(self, completeness: float | None) -> None:
        """What the turn detector makes of the newest pause."""
        ended = self.microphone.decide(Verdict(self.pauses[-1], completeness))
        if ended:
            self._note(ended)

    def says(self, *pieces: Pcm) -> None:
        """Sound, at the rate of the format, in one append."""
        self.append(encode(self.audio_format, *pieces))

    @property
    def times_ms(self) -> list[int]:
        """Where turns began and ended, in their order."""
        return [
            report.audio_start_ms if isinstance(report, SpeechBegan) else report.audio_end_ms for report in self.reports
        ]


def assert_same(turns: list[Pcm], others: list[Pcm]) -> None:
    """As many turns, each of the same sound."""
    assert [len(turn) for turn in turns] == [len(other) for other in others]
    for turn, other in zip(turns, others, strict=True):
        np.testing.assert_allclose(turn, other, atol=1e-5)


def assert_heard_alike(client: Client, other: Client) -> None:
    """The same reports and turns, and the same sound after the last of them, which this takes."""
    assert client.reports == other.reports
    assert_same(client.turns, other.turns)
    assert_same([client.microphone.take()], [other.microphone.take()])
