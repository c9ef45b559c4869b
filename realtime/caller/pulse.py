"""A steady beat, like a sound card's: late beats do not move the ones that follow."""

from __future__ import annotations

from realtime.pipeline.clock import Clock


class Pulse:
    """Beats every `period_s` seconds from its making on."""

    def __init__(self, period_s: float, clock: Clock) -> None:
        self._period_s = period_s
        self._clock = clock
        self._began_s = clock.now_s()
        self._beats = 0
        self.due_s = self._began_s
        """When the last beat was to come."""
        self.worst_slip_s = 0.0
        """The latest that any beat has come."""

    async def beat(self) -> float:
        """Wait for the next beat; returns the time. Cancelled, that beat is still to come."""
        self.due_s = due_s = self._began_s + self._beats * self._period_s
        if (early_s := due_s - self._clock.now_s()) > 0:
            await self._clock.sleep(early_s)
        self._beats += 1
        now_s = self._clock.now_s()
        self.worst_slip_s = max(self.worst_slip_s, now_s - due_s)
        return now_s
