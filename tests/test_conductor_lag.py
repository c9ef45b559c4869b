from __future__ import annotations

import asyncio
import http.client
import json
from urllib.parse import urlsplit

import pytest
from structlog.testing import capture_logs

from realtime.conductor.lag import PERIOD_S, LoopLag
from tests.caller.server import fake_app, serving
from tests.fakes import HandClock


class Sluggish(HandClock):
    """Every sleep takes longer than asked, by what the script says; then it never ends."""

    def __init__(self, *late_s: float) -> None:
        super().__init__()
        self._script = list(late_s)
        self.slept_out = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        if not self._script:
            self.slept_out.set()
            await asyncio.Event().wait()
        self._now_s += seconds + self._script.pop(0)


async def test_late_awakenings_are_counted_and_the_worst_is_kept() -> None:
    lag, clock = LoopLag(), Sluggish(0.0, 0.02, 0.06, 0.005)
    watching = asyncio.create_task(lag.watch(clock))
    await clock.slept_out.wait()
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching
    shown = lag.describe()
    assert (shown["worst_ms"], shown["over_10_ms"], shown["over_50_ms"]) == (60.0, 2, 1)
    assert shown["worst_own_ms"] < 60  # the clock moved by itself: nobody worked
    assert clock.now_s() == pytest.approx(4 * PERIOD_S + 0.085)


def test_a_long_block_is_logged() -> None:
    with capture_logs() as logs:
        LoopLag().note(0.099, 0.0)
        LoopLag().note(0.25, 0.2)
    assert logs == [{"event": "event loop was late", "by_ms": 250, "own_work_ms": 200, "log_level": "warning"}]


def test_work_counts_only_as_far_as_it_made_somebody_late() -> None:
    lag = LoopLag()
    lag.note(0.005, 0.019)
    lag.note(0.060, 0.020)
    assert lag.describe() == {"worst_ms": 60.0, "worst_own_ms": 20.0, "over_10_ms": 1, "over_50_ms": 1}


def test_the_health_page_shows_it() -> None:
    app = fake_app()
    app.state.server.lag.note(0.02, 0.015)
    with serving(app) as url:
        connection = http.client.HTTPConnection(urlsplit(url).netloc)
        connection.request("GET", "/healthz")
        shown = json.loads(connection.getresponse().read())
        connection.close()
    lag = {"worst_ms": 20.0, "worst_own_ms": 15.0, "over_10_ms": 1, "over_50_ms": 0}
    assert (shown["status"], shown["event_loop_lag"]) == ("ok", lag)
