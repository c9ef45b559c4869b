"""What a door costs by itself: a little sound and a small wish sent in, until the answer is back; no model is at work.

The sound is 20 ms of quiet and the wish is that it be forgotten, so all that happens is what happens to every frame and
every event: read, taken into the session, told. Lines over all doors are open at once and knocked on in turn, each
20 ms after the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack

from realtime.bench.grid import Grid
from realtime.bench.grpc_conversation import Door
from realtime.bench.spread import percentile
from realtime.caller.microphone import PIECE_MS, PIECE_SAMPLES
from realtime.caller.pulse import Pulse
from realtime.caller.wire import Wire
from realtime.pipeline.clock import Clock, LoopClock
from realtime.structs import Frozen

_QUIET = bytes(2 * PIECE_SAMPLES)


class Knocks(Frozen):
    """Over one door."""

    door: str
    times_ms: list[float]
    """Of each, there and back."""


class KnocksSummary(Frozen):
    """What they come to."""

    door: str
    p50_ms: float
    p95_ms: float
    added_p50_ms: float
    """To the knock on the first door just before: the median."""
    added_p25_ms: float
    added_p75_ms: float


async def knock(doors: Sequence[Door], times: int, clock: Clock | None = None) -> list[Knocks]:
    """So often on each; the first ten are not counted.

    Raises `LineLost`, `Unreachable` or `Refused`. Cancelling hangs up.
    """
    clock = clock or LoopClock()
    found = [Knocks(door=door.name, times_ms=[]) for door in doors]
    async with AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(door.call()) for door in doors]
        pulse = Pulse(PIECE_MS / 1000, clock)
        for place in range(-10, times):
            for line, knocks in zip(lines, found, strict=True):
                await pulse.beat()
                time_ms = await _knock(line, clock)
                if place >= 0:
                    knocks.times_ms.append(time_ms)
    return found


async def _knock(line: Wire, clock: Clock) -> float:
    began_s = clock.now_s()
    await line.append(_QUIET)
    await line.clear()
    while (await line.hear()).type != "input_audio_buffer.cleared":
        pass
    return (clock.now_s() - began_s) * 1000


def summaries(found: Sequence[Knocks]) -> list[KnocksSummary]:
    """Of every door, beside the first."""
    said = []
    for each in found:
        added = [here - there for here, there in zip(each.times_ms, found[0].times_ms, strict=True)]
        said.append(
            KnocksSummary(
                door=each.door,
                p50_ms=percentile(each.times_ms, 50),
                p95_ms=percentile(each.times_ms, 95),
                added_p50_ms=percentile(added, 50),
                added_p25_ms=percentile(added, 25),
                added_p75_ms=percentile(added, 75),
            )
        )
    return said


def grid(found: Sequence[Knocks]) -> Grid:
    """A row for each door."""
    rows = []
    for place, each in enumerate(summaries(found)):
        added = [each.added_p50_ms, each.added_p25_ms, each.added_p75_ms]
        shown = [f"{value:+.2f}" if place else "–" for value in added]
        rows.append([each.door, f"{each.p50_ms:.2f}", f"{each.p95_ms:.2f}", *shown])
    title = f"20 ms of sound sent and forgotten, there and back, ms, {len(found[0].times_ms)} times"
    return Grid(title, ["door", "p50", "p95", "added, p50", "p25", "p75"], rows)
