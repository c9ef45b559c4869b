"""Whether something holds the event loop up: everybody's audio goes through it, so a block is heard by everybody."""

from __future__ import annotations

from collections.abc import Callable
from time import thread_time

import structlog

from realtime.pipeline.clock import Clock, LoopClock

PERIOD_S = 0.02
"""A block hides as long as the sleep it falls into lasts: one of 30 ms is seen as 10 ms at least."""

WARN_S = 0.1

log = structlog.get_logger(__name__)


class LoopLag:
    """Sleeps, again and again, and notes how much later than asked it is woken.

    The loop is late because it worked, or because it could not: the interpreter was held by another thread, or the
    processors were busy. Its own work is told apart by the processor time of its thread.
    """

    def __init__(self, tell: Callable[[float], None] | None = None) -> None:
        """`tell` is told of each awakening how late it came, in seconds."""
        self._tell = tell
        self.worst_s = 0.0
        """The latest awakening since the watch began."""
        self.worst_own_s = 0.0
        """The most that the loop's own work has made an awakening late."""
        self.over_10_ms = 0
        """Awakenings that came more than 10 ms late."""
        self.over_50_ms = 0

    async def watch(self, clock: Clock | None = None) -> None:
        """Watch for as long as it is not cancelled."""
        clock = clock or LoopClock()
        while True:
            due_s, worked_s = clock.now_s() + PERIOD_S, thread_time()
            await clock.sleep(PERIOD_S)
            self.note(clock.now_s() - due_s, thread_time() - worked_s)

    def note(self, late_s: float, worked_s: float) -> None:
        """An awakening came this late, and the loop had worked for so long since the one before."""
        own_s = min(late_s, worked_s)
        self.worst_s = max(self.worst_s, late_s)
        self.worst_own_s = max(self.worst_own_s, own_s)
        self.over_10_ms += late_s > 0.01
        self.over_50_ms += late_s > 0.05
        if self._tell:
            self._tell(late_s)
        if late_s > WARN_S:
            log.warning("event loop was late", by_ms=_ms(late_s), own_work_ms=_ms(own_s))

    def describe(self) -> dict[str, float]:
        """What was seen, for whoever watches the server."""
        return {
            "worst_ms": _ms(self.worst_s),
            "worst_own_ms": _ms(self.worst_own_s),
            "over_10_ms": self.over_10_ms,
            "over_50_ms": self.over_50_ms,
        }


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
