"""When nobody new is let in."""

from __future__ import annotations

from structlog.testing import capture_logs

from realtime.conductor.pressure import NOTED_LAG_S, Pressure
from realtime.engines.load import REMEMBERED_S
from tests.fakes import HandClock


def test_the_door_closes_late_and_opens_late() -> None:
    """One conversation more or less does not make it flap."""
    pressure = Pressure(longest_wait_s=0.5)
    waits_s = (0.1, 0.49, 0.5, 0.4, 0.26, 0.24, 0.49)
    with capture_logs() as logs:
        assert [pressure.too_high(wait_s) for wait_s in waits_s] == [False, False, True, True, True, False, False]
    assert [entry["event"] for entry in logs] == ["too busy for more conversations", "there is room again"]


async def test_an_event_loop_that_is_often_late_closes_it_too() -> None:
    clock = HandClock()
    pressure = Pressure(longest_wait_s=0.5, now_s=clock.now_s)
    for _ in range(100):
        pressure.loop_woke(NOTED_LAG_S / 2)  # as any busy one is
    for _ in range(2):
        pressure.loop_woke(0.5)
        assert not pressure.too_high(0)
    pressure.loop_woke(0.5)
    assert pressure.too_high(0)
    await clock.advance(REMEMBERED_S + 1)
    assert not pressure.too_high(0)


def test_nobody_need_be_refused() -> None:
    assert not Pressure(longest_wait_s=float("inf")).too_high(1000)
