"""A call in which the client's microphone hears its loudspeaker, in the time of the sound.

The server's side is the real one: what is sent is noted by `Playback`, and what the microphone hears goes through
`Microphone` with the engines given. The client's side is made up: it plays each answer from the moment its first sound
has come, and sends its microphone every 20 ms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from realtime.audio import Audio, Pcm, silence
from realtime.bench.echo_path import EchoPath
from realtime.codecs import find_codec
from realtime.conductor.playback import Playback
from realtime.engines.base import Detector, Enhancer
from realtime.microphone import Microphone
from realtime.protocol.config import AudioInput, EchoCancellation
from realtime.protocol.reports import SpeechBegan, SpeechEnded

RATE_HZ = 24_000
STEP = RATE_HZ // 50
LEAD_STEPS = 25
"""So far ahead of its playing an answer is sent, in pieces of one step."""


@dataclass
class SoundClock:
    """Goes as far as the sound has come."""

    samples: int = 0

    def now_s(self) -> float:
        return self.samples / RATE_HZ

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(f"nobody waits for {seconds} s here")


@dataclass(frozen=True)
class Answer:
    """Something the server says."""

    at_s: float
    sound: Pcm
    """At 24 kHz."""
    later_ms: float = 0.0
    """By so much longer than usual its first piece takes to the client, and so all of it."""


@dataclass
class Call:
    """What is said, and what the server hears of it."""

    path: EchoPath
    answers: Sequence[Answer]
    user: Pcm
    """What the user says, at 24 kHz, as long as the call."""
    noise_db: float = -65.0
    cancellation: EchoCancellation | None = field(default_factory=lambda: EchoCancellation(type="server"))
    began_ms: list[int] = field(default_factory=list)
    """Where turns began, padding included."""
    turns: list[Pcm] = field(default_factory=list)
    """The sound of each at 16 kHz; one that does not end is the last."""

    def hold(self, detector: Detector, enhancer: Enhancer) -> None:
        """From the first sample to the last."""
        clock = SoundClock()
        playback = Playback(clock)
        microphone = Microphone(detector, enhancer, 60_000, playback.reference.beside)
        playback.reference.follow(self.cancellation.delay_ms if self.cancellation else None)
        microphone.tune(AudioInput(echo_cancellation=self.cancellation))
        codec = find_codec("audio/pcm")
        sound, sent = self._heard(), [0] * len(self.answers)
        open_turn = False
        for start in range(0, len(sound), STEP):
            for index, answer in enumerate(self.answers):
                due = start + (LEAD_STEPS + 1) * STEP if start >= answer.at_s * RATE_HZ else 0
                while sent[index] < min(due - round(answer.at_s * RATE_HZ), len(answer.sound)):
                    playback.add(Audio(answer.sound[sent[index] : sent[index] + STEP], RATE_HZ))
                    sent[index] += STEP
            clock.samples = start + STEP
            for boundary in microphone.hear(codec.encode(sound[start : start + STEP])):
                match boundary:
                    case SpeechBegan():
                        open_turn = True
                        self.began_ms.append(boundary.audio_start_ms)
                    case SpeechEnded():
                        open_turn = False
                        self.turns.append(microphone.take())
        if open_turn:
            self.turns.append(microphone.take())

    def _heard(self) -> Pcm:
        """What the microphone hears: the user, the answers as they come back, and the room."""
        heard = self.user + np.random.default_rng(7).normal(0, 10 ** (self.noise_db / 20), len(self.user))
        for answer in self.answers:
            played = np.zeros(len(self.user), np.float32)
            start = round(answer.at_s * RATE_HZ)
            played[start : start + len(answer.sound)] = answer.sound[: len(played) - start]
            heard += replace(self.path, delay_ms=self.path.delay_ms + answer.later_ms).carry(played, RATE_HZ)
        return heard.astype(np.float32)


def said_at(at_s: float, sound: Pcm, call_s: float) -> Pcm:
    """`sound` at that moment of a call, with silence around it."""
    call = silence(call_s * 1000, RATE_HZ)
    start = round(at_s * RATE_HZ)
    call[start : start + len(sound)] = sound[: len(call) - start]
    return call
