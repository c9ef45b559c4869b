"""Frames there and back: their times, and how many streams hold."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import isinf

import pytest

from realtime.backend.caller.transform_stream import TransformClient, transform_client
from realtime.bench import grpc_transforms
from realtime.bench.errors import BenchFailed
from realtime.bench.grpc_transforms import TRANSFORMS, Bench, Case, Run, cases_of
from realtime.engines.resampling import Resampling
from realtime.engines.scheduler import Scheduler
from realtime.engines.webrtc_transform import WebrtcTransform
from tests.backend.doorway import Doorway
from tests.backend.rooms import premises_of
from tests.backend.sound.transforms import Marking
from tests.server.house import until

PLAIN = Case(transform="webrtc", rate_hz=16_000, frame_ms=10)


@asynccontextmanager
async def calling() -> AsyncIterator[TransformClient]:
    """To a door with real transforms, that takes eight streams."""
    scheduler = Scheduler(1)
    makers = {"webrtc": lambda: WebrtcTransform(scheduler), "resample": lambda: Resampling(scheduler)}
    async with Doorway(premises_of(on_demand=makers, max_streams=8)) as door, transform_client(door.address) as client:
        yield client
    scheduler.close()


@pytest.mark.parametrize("case", cases_of(["webrtc", "resample"], [10, 16]), ids=lambda case: case.name)
async def test_a_frame_takes_time(case: Case) -> None:
    """Of two streams at once, every frame: there and back, after it was recorded."""
    async with calling() as client:
        run = await Bench(client).run(case, streams=2, seconds=0.32)
    assert (run.streams, run.problem) == (2, "")
    assert 0 < run.p50_ms <= run.p99_ms <= run.worst_ms < 30_000
    assert run.slip_ms >= 0


async def test_a_frame_that_waits_for_another_is_late() -> None:
    """From when it was recorded, whenever it could be sent: a backend that stops for a while is late with each."""
    marking = Marking()
    async with (
        Doorway(premises_of(on_demand={"webrtc": lambda: marking})) as door,
        transform_client(door.address) as to,
    ):

        async def stop_for_a_while() -> None:
            await until(lambda: marking.pushed >= 5)
            marking.open.clear()
            await asyncio.sleep(0.2)
            marking.open.set()

        stopping = asyncio.create_task(stop_for_a_while())
        run = await Bench(to).run(PLAIN, streams=1, seconds=0.3)
        await stopping
    assert run.worst_ms > 150
    assert run.p50_ms > 30


async def test_a_stream_that_is_refused_breaks_the_run() -> None:
    """It says why, and counts as infinitely late."""
    async with calling() as client:
        run = await Bench(client).run(PLAIN, streams=9, seconds=0.1)
    assert isinf(run.p50_ms)
    assert isinf(run.p99_ms)
    assert not run.held(PLAIN)
    assert "has too much to do" in run.problem


async def test_streams_that_hang_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpc_transforms, "PATIENCE_S", 0.3)
    marking = Marking()
    marking.open.clear()
    async with (
        Doorway(premises_of(on_demand={"webrtc": lambda: marking})) as door,
        transform_client(door.address) as to,
    ):
        run = await Bench(to).run(PLAIN, streams=1, seconds=0.1)
    assert run.problem == "a stream did not begin or end within 0.3 s"


@pytest.mark.parametrize(
    ("holds", "most", "tried", "found"),
    [
        (0, 64, [1, 1], 0),
        (1, 64, [1, 2, 2], 1),
        (5, 64, [1, 2, 4, 8, 8, 6, 6, 5], 5),
        (37, 64, [1, 2, 4, 8, 16, 32, 64, 64, 48, 48, 40, 40, 36], 36),
        (100, 64, [1, 2, 4, 8, 16, 32, 64], 64),
        (100, 5, [1, 2, 4, 5], 5),
        (100, 1, [1], 1),
    ],
)
async def test_the_most_that_hold_are_found(
    monkeypatch: pytest.MonkeyPatch, holds: int, most: int, tried: list[int], found: int
) -> None:
    """Within an eighth, in few runs, and never more than are allowed. What does not hold has another try."""

    async def run(self: Bench, case: Case, streams: int, seconds: float) -> Run:
        time_ms = 5.0 if streams <= holds else 50.0
        return Run(streams=streams, p50_ms=time_ms, p99_ms=time_ms, worst_ms=time_ms, slip_ms=0)

    monkeypatch.setattr(Bench, "run", run)
    told: list[int] = []
    async with transform_client("127.0.0.1:9") as nobody:
        measured = await Bench(nobody).measure(PLAIN, 1, most, lambda _, run: told.append(run.streams))
    assert told == [run.streams for run in measured.runs] == tried
    assert measured.most == found


async def test_a_backend_that_has_no_such_transform_cannot_be_measured() -> None:
    unknown = Case(transform="autotune", rate_hz=16_000, frame_ms=10)
    async with calling() as client:
        with pytest.raises(BenchFailed, match="failed at 'AudioTransformStream'"):
            await Bench(client).measure(unknown, 0.1, 1, lambda *_: None)


def test_cases_are_every_transform_with_every_length() -> None:
    cases = cases_of(["webrtc", "deepfilter"], [10, 16])
    assert [(case.transform, case.frame_samples) for case in cases] == [
        ("webrtc", 160),
        ("webrtc", 256),
        ("deepfilter", 480),
        ("deepfilter", 768),
    ]
    assert cases_of(["resample"], [10])[0] == TRANSFORMS["resample"]
    with pytest.raises(BenchFailed, match="no transform is called autotune; there are: webrtc, deepfilter, resample"):
        cases_of(["autotune"], [10])
