from __future__ import annotations

import pytest

from realtime.caller.pulse import Pulse
from tests.fakes import HandClock


class Sleepless(HandClock):
    """Sleeping takes exactly as long as asked, or longer by what `oversleeps` says."""

    def __init__(self, *oversleeps: float) -> None:
        super().__init__()
        self._late = list(oversleeps)

    async def sleep(self, seconds: float) -> None:
        self._now_s += seconds + (self._late.pop(0) if self._late else 0)


async def test_the_first_beat_comes_at_once_and_the_others_at_their_time() -> None:
    pulse = Pulse(0.02, Sleepless())
    assert [await pulse.beat() for _ in range(4)] == pytest.approx([0, 0.02, 0.04, 0.06])
    assert pulse.worst_slip_s == pytest.approx(0, abs=1e-12)


async def test_a_late_beat_does_not_move_those_that_follow() -> None:
    pulse = Pulse(0.02, Sleepless(0.005, 0.05))
    beats = [await pulse.beat() for _ in range(6)]
    assert beats == pytest.approx([0, 0.025, 0.09, 0.09, 0.09, 0.1])
    assert pulse.worst_slip_s == pytest.approx(0.05)
    assert pulse.due_s == pytest.approx(0.1)
