"""What a door costs: the same question over each door of one server, in turn, and how much later the answer comes.

A round is one spoken question, asked once over every door, each time in a call of its own: the same sound at the same
pace, timed by the same clock (`caller.turn`). Rounds go through the doors in one order and in the other by turns, for
whoever asks second finds what the server remembers of the first. What is compared is the two answers of a round.

How long models take differs from answer to answer by more than a door costs. So the server is asked how long the answer
took inside (`response.timing`), and what is left of the time to the first audio was spent on the way: the sound's and
the answer's through the doors. What the server takes for the end of the voice may lie some ms beside the caller's; that
is the same over every door.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any, Literal, TypeAlias

from realtime.bench import latency
from realtime.bench.errors import BenchFailed
from realtime.bench.latency import Asked, ask_on
from realtime.bench.process import ProcessMeter
from realtime.bench.questions import Question
from realtime.bench.spread import Spread, percentile, spread
from realtime.caller.events import Event, Timing
from realtime.caller.turn import STAGES, Stage
from realtime.caller.wire import Wire
from realtime.pipeline.clock import Clock, LoopClock
from realtime.structs import Frozen

TIMED: dict[str, Any] = {"include": ["response.timing"]}
"""What a session must have, over whichever door, for the server to tell how long it took inside."""

Figure: TypeAlias = Stage | Literal["on the way", "processor time"]

FIGURES: tuple[Figure, ...] = (*STAGES, "on the way", "processor time")
"""What doors are compared by, all in ms."""


@dataclass(frozen=True, slots=True)
class Door:
    """One way into a server."""

    name: str
    call: Callable[[], AbstractAsyncContextManager[Wire]]
    """A line to a session with `TIMED`, ready to be spoken into; raises `Unreachable` or `Refused`."""
    meters: Sequence[ProcessMeter] = ()
    """Of all processes that work for who comes this way."""

    def cpu_ms(self) -> float:
        """What they have used since they began."""
        return sum(meter.read().cpu_s for meter in self.meters) * 1000


class Visit(Frozen):
    """One question over one door."""

    asked: Asked
    figures_ms: dict[Figure, float]
    """What is known of it. Processor time is the server's, from the call to the hang-up."""


class Round(Frozen):
    """One question over every door."""

    visits: dict[str, Visit]
    """By the doors' names."""

    def added_ms(self, door: str, to: str, figure: Figure) -> float | None:
        """How much more it is than over the door `to`; None if it is not known of both."""
        here, there = (self.visits[name].figures_ms.get(figure) for name in (door, to))
        return None if here is None or there is None else here - there


class Added(Frozen):
    """Differences between the two answers of a round: half of them lie between the quartiles."""

    rounds: int
    p25_ms: float
    p50_ms: float
    p75_ms: float


class Summary(Frozen):
    """What one door comes to, beside the first."""

    door: str
    turns: latency.Summary
    on_the_way: Spread | None
    processor_time: Spread | None
    added: dict[Figure, Added]
    """To what it is over the first door."""


async def measure(
    doors: Sequence[Door],
    questions: Sequence[Question],
    rounds: int,
    tell: Callable[[str, Asked], None],
    clock: Clock | None = None,
) -> list[Round]:
    """So many rounds, starting again when all questions were asked; `tell` hears of each turn and its door.

    One round before them is not counted: what is done only once is done then. A turn without an answer is one of the
    results. Raises `BenchFailed` when a door gave none at all, `Unreachable` or `Refused`. Cancelling hangs up.
    """
    clock = clock or LoopClock()
    for door in doors:
        await _visit(door, questions[-1], clock)
    results: list[Round] = []
    for place, question in enumerate(islice(cycle(questions), rounds)):
        visits: dict[str, Visit] = {}
        for door in doors if place % 2 == 0 else reversed(doors):
            visits[door.name] = await _visit(door, question, clock)
            tell(door.name, visits[door.name].asked)
        results.append(Round(visits={door.name: visits[door.name] for door in doors}))
    for door in doors:
        if not any(asked.answered for asked in asked_over(door.name, results)):
            last = results[-1].visits[door.name].asked
            raise BenchFailed(f"no question was answered over {door.name}: {last.problem or last.status}")
    return results


async def _visit(door: Door, question: Question, clock: Clock) -> Visit:
    told: list[Timing] = []

    def watch(event: Event) -> None:
        if event.timing:
            told.append(event.timing)

    before_ms = door.cpu_ms()
    async with door.call() as line:
        asked = await ask_on(line, question, clock, watch)
    figures: dict[Figure, float] = {}
    figures.update(asked.latencies_ms.items())
    if told and asked.answered:
        # Handing the sound to the network is the door's work.
        figures["on the way"] = asked.latencies_ms["first audio"] - (told[-1].total_ms - told[-1].send_ms)
    if door.meters:
        figures["processor time"] = door.cpu_ms() - before_ms
    return Visit(asked=asked, figures_ms=figures)


def asked_over(door: str, rounds: Sequence[Round]) -> list[Asked]:
    """The turns of one door."""
    return [each.visits[door].asked for each in rounds]


def known(door: str, rounds: Sequence[Round], figure: Figure) -> list[float]:
    """What is known of it over one door."""
    found = (each.visits[door].figures_ms.get(figure) for each in rounds)
    return [value for value in found if value is not None]


def summaries(rounds: Sequence[Round]) -> list[Summary]:
    """Of every door."""
    names = list(rounds[0].visits)
    return [_summary(name, names[0], rounds) for name in names]


def _summary(door: str, first: str, rounds: Sequence[Round]) -> Summary:
    on_the_way, cost = (known(door, rounds, figure) for figure in ("on the way", "processor time"))
    added = {figure: _added([each.added_ms(door, first, figure) for each in rounds]) for figure in FIGURES}
    return Summary(
        door=door,
        turns=latency.summary(asked_over(door, rounds)),
        on_the_way=spread(on_the_way) if on_the_way else None,
        processor_time=spread(cost) if cost else None,
        added={figure: found for figure, found in added.items() if found},
    )


def _added(differences_ms: Sequence[float | None]) -> Added | None:
    found = [difference for difference in differences_ms if difference is not None]
    if not found:
        return None
    p25, p50, p75 = (percentile(found, percent) for percent in (25, 50, 75))
    return Added(rounds=len(found), p25_ms=p25, p50_ms=p50, p75_ms=p75)
