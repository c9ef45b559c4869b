"""What one more conversation costs while nobody speaks: what a server mostly does.

A conversation here is a client with an open microphone in a quiet room: noise at -60 dBFS, 20 ms in each append, in
real time, and nobody says a word. The server is a process of the benchmark's own; its processor time and its memory
are counted, the callers' are not. It is measured idle, with one conversation, and with many; the cost of one more is
the slope between the last two.
"""

from __future__ import annotations

from collections.abc import Callable

from realtime.bench.grid import Grid
from realtime.bench.own_server import OwnServer
from realtime.bench.process import cpu_ms_per_s
from realtime.bench.room import NOISE_DBFS, Phase, Room
from realtime.caller.microphone import SLIP_LIMIT_MS
from realtime.structs import Frozen


class Cost(Frozen):
    """Of one more conversation."""

    cpu_ms_per_s: float
    """Processor time in milliseconds for each second of it."""
    rss_mib: float


class Growth(Frozen):
    """Whether a long call costs more at its end than at its beginning."""

    first_cpu_ms_per_s: float
    """Of all conversations together, over the first third of the last phase."""
    last_cpu_ms_per_s: float
    """Over its last third."""
    rss_mib: float
    """How much more memory there is at the end of the phase than at its beginning."""


async def measure(server: OwnServer, conversations: int, seconds: float, tell: Callable[[Phase], None]) -> list[Phase]:
    """The server idle, with one conversation, and with `conversations`; `tell` hears of each phase.

    Raises `LineLost` when the server drops one. Cancelling hangs all of them up.
    """
    room = Room(server)
    phases: list[Phase] = []
    for number in (0, 1, conversations):
        phases.append(await room.listen(number, seconds))
        tell(phases[-1])
    return phases


def cost(phases: list[Phase]) -> Cost:
    """The slope between the last two phases."""
    few, many = phases[-2:]
    more = many.conversations - few.conversations
    return Cost(cpu_ms_per_s=(many.cpu_ms_per_s - few.cpu_ms_per_s) / more, rss_mib=(many.rss_mib - few.rss_mib) / more)


def growth(phase: Phase) -> Growth:
    """The end of a phase beside its beginning."""
    third = (len(phase.readings) - 1) // 3
    return Growth(
        first_cpu_ms_per_s=cpu_ms_per_s(phase.readings[: third + 1]),
        last_cpu_ms_per_s=cpu_ms_per_s(phase.readings[-third - 1 :]),
        rss_mib=phase.readings[-1].rss_mib - phase.readings[0].rss_mib,
    )


def phase_grid(phases: list[Phase]) -> Grid:
    """A row for each number of conversations."""
    rows = [
        [
            str(phase.conversations),
            f"{phase.cpu_ms_per_s:.1f}",
            f"{phase.rss_mib:.1f}",
            f"{phase.lag['worst_ms']:.0f}",
            f"{phase.lag['worst_own_ms']:.0f}",
            f"{phase.lag['over_10_ms']:.0f}",
            f"{phase.lag['over_50_ms']:.0f}",
            str(phase.false_starts),
        ]
        for phase in phases
    ]
    columns = (
        "conversations",
        "CPU-ms per s",
        "RSS, MiB",
        "loop late, worst ms",
        "by its own work",
        "times over 10 ms",
        "over 50 ms",
        "false starts",
    )
    return Grid("The server while nobody speaks (event loop: since its start)", columns, rows)


def cost_grid(phases: list[Phase]) -> Grid:
    """What it comes to."""
    one_more, grown, idle = cost(phases), growth(phases[-1]), phases[0]
    rows = [
        ["one more conversation, CPU-ms per second of it", f"{one_more.cpu_ms_per_s:.2f}"],
        ["one more conversation, MiB", f"{one_more.rss_mib:.2f}"],
        ["idle, CPU-ms per second", f"{idle.cpu_ms_per_s:.1f}"],
        ["all conversations, first third, CPU-ms per second", f"{grown.first_cpu_ms_per_s:.1f}"],
        ["all conversations, last third, CPU-ms per second", f"{grown.last_cpu_ms_per_s:.1f}"],
        ["memory grown during the last phase, MiB", f"{grown.rss_mib:.2f}"],
    ]
    return Grid(f"Listening to noise at {NOISE_DBFS:.0f} dBFS", ("", "figure"), rows)


def remarks(phases: list[Phase]) -> list[str]:
    """What the reader of the figures must know about this run."""
    slip_ms = max(phase.slip_ms for phase in phases)
    late = f"the callers themselves were up to {slip_ms:.0f} ms late: the machine was too busy for them"
    return [late] if slip_ms > SLIP_LIMIT_MS else []
