"""When a reply came how far."""

from __future__ import annotations

from typing import Literal, TypeAlias

from realtime.pipeline.clock import Clock

Moment: TypeAlias = Literal["asked", "token", "sentence", "sound"]
"""The model was asked, wrote its first token, had written enough to be said, and that was sound."""


class Moments:
    """Of one reply. Each moment is the first of its kind."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at_s: dict[Moment, float] = {}

    def reach(self, moment: Moment) -> None:
        """It has come to this now, unless it had before."""
        if moment not in self._at_s:
            self._at_s[moment] = self._clock.now_s()

    def at_s(self, moment: Moment) -> float | None:
        """When it came to this, in seconds of the clock; None if it has not."""
        return self._at_s.get(moment)
