"""Many callers at once: how long each waits when all of them talk to one server.

Each caller holds one call, with the microphone open all the time, and asks a question every so often, whether or not
the answer to the last one is over; the callers start spread over that time. One who is refused with HTTP status 503
hangs up and does not try again: a server that is full may say so, and those it took should not notice.

All callers share one event loop and one processor at most. When they are late themselves, the figures are doubtful, and
the run says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from math import inf
from typing import Any

import msgspec

from realtime.bench.errors import BenchFailed
from realtime.bench.machine import load_average
from realtime.bench.own_server import OwnServer
from realtime.bench.process import ProcessMeter, cpu_ms_per_s
from realtime.bench.questions import Question
from realtime.bench.target import Target
from realtime.caller.call import call
from realtime.caller.clip import Clip, make_clip
from realtime.caller.errors import Busy, CallFailed
from realtime.caller.events import Event
from realtime.caller.line import Line
from realtime.caller.microphone import PIECE_SAMPLES, Microphone
from realtime.caller.notebook import Notebook
from realtime.caller.turn import Stage
from realtime.structs import Frozen

EVERY_S = 8.0
"""From one question of a caller to the next."""


class Asked(Frozen):
    """One question and what came of it before the next."""

    caller: int
    question: str
    latencies_ms: dict[Stage, float] = msgspec.field(default_factory=dict)
    """From the last voiced sample, for each stage that was reached before the next question."""
    turns: int = 0
    """More than 1: the server took a pause inside the question for its end."""
    problem: str = ""

    @property
    def voice_to_voice_ms(self) -> float:
        """From the last voiced sample to the first sound of the answer; infinite when none came in time."""
        return self.latencies_ms.get("first audio", inf)


class Phase(Frozen):
    """So many callers for a while."""

    callers: int
    refused: int
    """Turned away politely, with HTTP status 503."""
    dropped: int
    """Calls that broke off, or were not taken for another reason."""
    asked: list[Asked]
    slip_ms: float
    """How late the callers themselves were, at worst."""
    load_average: float
    cpu_ms_per_session_s: float | None = None
    """Processor time of the server for each second of each conversation; only of a server on this machine."""
    rss_mib: float | None = None
    lag: dict[str, float] = msgspec.field(default_factory=dict)
    """What `/healthz` says at the end about the server's event loop, since its start."""


class Crowd:
    """Callers who all call one server."""

    def __init__(self, target: Target, questions: Sequence[Question], server: OwnServer | None = None) -> None:
        """`server` is read as well, if it is one of the benchmark's own. Raises `NotSound`."""
        self._target = target
        self._server = server
        self._meter = ProcessMeter(server.pid) if server else None
        self._clips = [(question.name, make_clip(question.audio)) for question in questions]

    async def call(self, callers: int, turns: int, tell: Callable[[Asked], None]) -> Phase:
        """So many callers, each of whom asks `turns` questions; `tell` hears of each when it is over.

        Cancelling hangs all of them up.
        """
        people = [_Caller(place, self._target, self._clips, tell) for place in range(callers)]
        before = self._meter.read() if self._meter else None
        began_s = self._target.clock.now_s()
        try:
            async with asyncio.TaskGroup() as tasks:
                for person in people:
                    tasks.create_task(person.live(began_s + person.place / callers * EVERY_S, turns))
        except ExceptionGroup as problems:
            raise problems.exceptions[0] from None
        phase = Phase(
            callers=callers,
            refused=sum(person.refused for person in people),
            dropped=sum(person.dropped for person in people),
            asked=[asked for person in people for asked in person.asked],
            slip_ms=max(person.slip_ms for person in people),
            load_average=load_average(),
        )
        if self._meter and self._server and before:
            after, on_the_line_s = self._meter.read(), sum(person.on_the_line_s for person in people)
            used_ms = cpu_ms_per_s([before, after]) * (after.at_s - before.at_s)
            phase = msgspec.structs.replace(
                phase,
                cpu_ms_per_session_s=used_ms / on_the_line_s if on_the_line_s else None,
                rss_mib=after.rss_mib,
                lag=_lag(await self._server.health()),
            )
        return phase


async def measure(
    crowd: Crowd, callers: Sequence[int], turns: int, tell: Callable[[Asked | Phase], None]
) -> list[Phase]:
    """A phase for each number of callers; `tell` hears of each question and each phase.

    Raises `BenchFailed` when nobody was answered in the first phase. Cancelling hangs everybody up.
    """
    phases: list[Phase] = []
    for number in callers:
        phases.append(await crowd.call(number, turns, tell))
        tell(phases[-1])
        if not any(asked.voice_to_voice_ms < inf for asked in phases[0].asked):
            why = next((asked.problem for asked in phases[0].asked if asked.problem), "")
            raise BenchFailed(f"nobody was answered{': ' if why else ''}{why}")
    return phases


class _Caller:
    """One person on the line."""

    def __init__(
        self, place: int, target: Target, clips: Sequence[tuple[str, Clip]], tell: Callable[[Asked], None]
    ) -> None:
        self.place = place
        self._target = target
        self._clips = clips
        self._tell = tell
        self._notebook = Notebook()
        self.asked: list[Asked] = []
        self.refused = self.dropped = False
        self.slip_ms = self.on_the_line_s = 0.0

    async def live(self, begin_s: float, turns: int) -> None:
        """Call at `begin_s` and ask so many questions."""
        clock = self._target.clock
        await clock.sleep(max(begin_s - clock.now_s(), 0))
        called_s: float | None = None
        try:
            async with self._target.call() as line:
                called_s = clock.now_s()
                await call(line, lambda: self._speak(line, turns), self._note, clock)
        except Busy:
            self.refused = True
        except CallFailed as problem:
            self.dropped = True
            self._take_down(Asked(caller=self.place, question="", problem=str(problem)))
        finally:
            self.on_the_line_s = clock.now_s() - called_s if called_s is not None else 0.0

    async def _speak(self, line: Line, turns: int) -> None:
        clock = self._target.clock
        microphone = Microphone(line, clock)
        for turn in range(turns):
            name, clip = self._clips[(self.place + turn) % len(self._clips)]
            next_s = clock.now_s() + EVERY_S
            self._notebook = Notebook()
            said = await microphone.say(clip.pcm)
            await microphone.stay_quiet(lambda now_s, next_s=next_s: now_s >= next_s)  # type: ignore[misc]
            self.slip_ms = microphone.slip_ms
            heard = self._notebook.record(clip, said.start, said.sent_at_s, PIECE_SAMPLES)
            last = heard[-1] if heard else None
            self._take_down(
                Asked(
                    caller=self.place,
                    question=name,
                    latencies_ms=last.latencies_ms() if last else {},
                    turns=len(heard),
                    problem=last.problem if last else "the server heard nobody speak",
                )
            )

    def _note(self, event: Event, at_s: float) -> None:
        self._notebook.note(event, at_s)

    def _take_down(self, asked: Asked) -> None:
        self.asked.append(asked)
        self._tell(asked)


def _lag(health: dict[str, Any]) -> dict[str, float]:
    found: dict[str, float] = health.get("event_loop_lag", {})
    return found
