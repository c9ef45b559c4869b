"""Whether something holds the event loop up: everybody's audio goes through it, so a block is heard by everybody."""

from __future__ import annotations

import structlog

from realtime.pipeline.clock import Clock, LoopClock

PERIOD_S = 0.02
"""A block hides as long as the sleep it falls into lasts: one of 30 ms is seen as 10 ms at least."""

WARN_S = 0.1

log = structlog.get_logger(__name__)


class LoopLag:
    """Sleeps, again and again, and notes how much later than asked it is woken."""

    def __init__(self) -> None:
        self.worst_s = 0.0
        """The latest awakening since the watch began."""
        self.over_10_ms = 0
        """Awakenings that came more than 10 ms late."""
        self.over_50_ms = 0

    async def watch(self, clock: Clock | None = None) -> None:
        """Watch for as long as it is not cancelled."""
        clock = clock or LoopClock()
        while True:
            due_s = clock.now_s() + PERIOD_S
            await clock.sleep(PERIOD_S)
            self.note(clock.now_s() - due_s)

    def note(self, late_s: float) -> None:
        """An awakening came this late."""
        self.worst_s = max(self.worst_s, late_s)
        self.over_10_ms += late_s > 0.01
        self.over_50_ms += late_s > 0.05
        if late_s > WARN_S:
            log.warning("event loop was blocked", for_ms=round(late_s * 1000))

    def describe(self) -> dict[str, float]:
        """What was seen, for whoever watches the server."""
        return {
            "worst_ms": round(self.worst_s * 1000, 1),
            "over_10_ms": self.over_10_ms,
            "over_50_ms": self.over_50_ms,
        }
