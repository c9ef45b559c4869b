"""How much sound calls may have in memory: an hour of speech is 230 MB, and a few kilobytes of FLAC may hold it."""

from __future__ import annotations

from threading import RLock
from weakref import finalize

from realtime.audio import Audio
from realtime.errors import EngineBusy


class SoundMemory:
    """Counts samples for as long as anybody has them. Safe to use from several threads."""

    def __init__(self, most_samples: int) -> None:
        self._most_samples = most_samples
        self._samples = 0
        # A sound may be let go while another is counted, by the same thread: whenever memory is tidied.
        self._lock = RLock()

    def count(self, audio: Audio) -> Audio:
        """`audio`, counted until its samples are gone. Raises `EngineBusy` where there would be too many."""
        samples = len(audio.pcm)
        with self._lock:
            if self._samples + samples > self._most_samples:
                raise EngineBusy(
                    f"Other calls have {self._samples} samples of sound in memory; with the {samples} of this file "
                    f"there would be more than {self._most_samples}. Try again later."
                )
            self._samples += samples
        finalize(audio.pcm, self._forget, samples).atexit = False
        return audio

    def _forget(self, samples: int) -> None:
        with self._lock:
            self._samples -= samples
