"""Until when the client has something to hear, if it plays what it is sent as it comes."""

from __future__ import annotations

from realtime.pipeline.clock import Clock


class Playback:
    """Adds up the sound that was sent."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until_s = 0.0

    def add(self, seconds: float) -> None:
        """So much sound is sent now: it is heard after what was sent before."""
        self._until_s = max(self._until_s, self._clock.now_s()) + seconds

    def stop(self) -> None:
        """The client plays no more of it."""
        self._until_s = 0.0

    @property
    def left_s(self) -> float:
        """Sound that has been sent and not been heard yet."""
        return max(0.0, self._until_s - self._clock.now_s())
