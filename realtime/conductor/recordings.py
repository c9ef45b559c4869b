"""The sound of the user's items as it was heard, noise reduction and all, for a client that wants it back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realtime.audio import Audio
from realtime.codecs import Codec
from realtime.codecs.resample import resample


class Recordings:
    """Keeps the newest sound, up to a limit; the oldest item's goes first. As 16-bit samples: half of a float's."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._kept: dict[str, tuple[NDArray[np.int16], int]] = {}

    def keep(self, item_id: str, sound: Audio) -> None:
        """Remember an item's sound, if there is room for all of it."""
        if sound.duration_ms > self._limit_s * 1000:
            return
        samples = np.clip(np.rint(sound.pcm * 32768), -32768, 32767).astype(np.int16)
        self._kept[item_id] = (samples, sound.rate_hz)
        seconds = sum(len(samples) / rate_hz for samples, rate_hz in self._kept.values())
        while seconds > self._limit_s:
            oldest = next(iter(self._kept))
            samples, rate_hz = self._kept.pop(oldest)
            seconds -= len(samples) / rate_hz

    def forget(self, item_id: str) -> None:
        """The item is gone."""
        self._kept.pop(item_id, None)

    def play_back(self, item_id: str, codec: Codec) -> bytes | None:
        """An item's sound in a client's format; None when it was not kept. Takes a while: not for the event loop."""
        if item_id not in self._kept:
            return None
        samples, rate_hz = self._kept[item_id]
        sound = resample(Audio(samples.astype(np.float32) / np.float32(32768), rate_hz), codec.rate_hz)
        return codec.encode(sound.pcm)
