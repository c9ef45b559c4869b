"""Whether the machine carries as many conversations as it can.

What tells is how long everybody waits: the steps that somebody's answer consists of, for a processor, and the event
loop, which everybody's sound goes through, for itself. While waits are long nobody new is let in, so that those who are
talking already are answered as fast as before; when they are half as long, the door opens again. In between it stays as
it was, or one conversation would open and close it.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

import structlog

from realtime.engines.load import Waits

NOTED_LAG_S = 0.05
"""What the event loop is late by when it is not idle is not worth remembering."""

RELIEF = 0.5
"""Of what is too long, what is short enough again."""

log = structlog.get_logger(__name__)


class Pressure:
    """How busy one server is. `now_s` is any clock that only goes forward."""

    def __init__(self, longest_wait_s: float, now_s: Callable[[], float] = monotonic) -> None:
        """`longest_wait_s` is how long a step may wait for a processor, or the event loop be late."""
        self._longest_wait_s = longest_wait_s
        self._lags = Waits(now_s)
        self._too_high = False

    def loop_woke(self, late_s: float) -> None:
        """The event loop was so late."""
        if late_s >= NOTED_LAG_S:
            self._lags.note(late_s)

    def too_high(self, wait_s: float) -> bool:
        """Whether nobody new should come in, now that steps usually wait for `wait_s`."""
        wait_s = max(wait_s, self._lags.usual_s())
        too_high = wait_s >= self._longest_wait_s * (RELIEF if self._too_high else 1.0)
        if too_high != self._too_high:
            log.warning(
                "too busy for more conversations" if too_high else "there is room again", wait_s=round(wait_s, 3)
            )
        self._too_high = too_high
        return too_high
