"""When a reply came how far."""

from __future__ import annotations

from realtime.pipeline.moments import Moments
from tests.fakes import HandClock


async def test_the_first_of_its_kind_counts() -> None:
    clock = HandClock()
    moments = Moments(clock)
    await clock.advance(0.5)
    moments.reach("token")
    await clock.advance(0.5)
    moments.reach("token")
    moments.reach("sound")
    assert (moments.at_s("token"), moments.at_s("sound")) == (0.5, 1.0)


def test_what_has_not_come_is_at_no_time() -> None:
    assert Moments(HandClock()).at_s("asked") is None
