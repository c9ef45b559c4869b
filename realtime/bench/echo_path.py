"""The way from a client's loudspeaker to its own microphone, made up: late, softer, and off the walls of a room."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from realtime.audio import Pcm, ms_to_samples


@dataclass(frozen=True, slots=True, kw_only=True)
class EchoPath:
    """One place of one client in one room."""

    delay_ms: float
    """From when the sound is sent until it has come back: the network both ways, buffers, the air."""
    attenuation_db: float
    """By so much less energy comes back than was played."""
    reverberation_ms: float = 300.0
    """How long the room takes to fall silent by 60 dB."""
    room: int = 0
    """Which of all rooms like this."""

    def carry(self, sound: Pcm, rate_hz: int) -> Pcm:
        """What the microphone hears of `sound`, as long as it: what comes back later is cut off."""
        response = self._response(rate_hz)
        size = len(sound) + len(response)
        heard = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(response, size), size)
        late = np.concatenate((np.zeros(ms_to_samples(self.delay_ms, rate_hz)), heard))
        return late[: len(sound)].astype(np.float32)

    def _response(self, rate_hz: int) -> Pcm:
        """Half of the energy comes straight, the other half as noise that decays."""
        noise = np.random.default_rng(self.room).standard_normal(ms_to_samples(self.reverberation_ms, rate_hz))
        walls = noise * 10 ** (-3 * np.arange(len(noise)) / len(noise))
        walls *= np.sqrt(0.5 / np.sum(walls**2))
        walls[0] += np.sqrt(0.5)
        return (walls * 10 ** (-self.attenuation_db / 20)).astype(np.float32)


def level_db(sound: Pcm) -> float:
    """Mean level, in dB below full scale; -120 for silence."""
    return float(10 * np.log10(np.mean(np.square(sound, dtype=np.float64)) + 1e-12))
