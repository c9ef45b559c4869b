"""How much of something may be used in a minute: a bucket that fills as time passes."""

from __future__ import annotations

from realtime.pipeline.clock import Clock

MINUTE_S = 60.0


class Allowance:
    """A token bucket that holds one minute's worth and begins full."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._left = float(per_minute)
        self._looked_s = clock.now_s()

    @property
    def left(self) -> float:
        """What may be used now; below 0 when more was used than there was."""
        now_s = self._clock.now_s()
        self._left = min(float(self.per_minute), self._left + (now_s - self._looked_s) * self.per_minute / MINUTE_S)
        self._looked_s = now_s
        return self._left

    def use(self, amount: float) -> None:
        """So much was used."""
        self._left = self.left - amount

    @property
    def full_in_s(self) -> float:
        """Until all of it may be used again."""
        return (self.per_minute - self.left) * MINUTE_S / self.per_minute
