from __future__ import annotations

import pytest

from realtime.caller.pulse import Pulse
from tests.caller.clocks import Sleepless


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
