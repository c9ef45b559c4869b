"""`AudioTransformStream` as a microphone uses it: how long a frame takes there and back, and how many streams at once
get theirs in time.

A frame is sent when it would have been recorded, whether or not the last has come back, and is late from then on: a
client that is itself late makes it no better. Streams begin spread over a frame, after each has had its first one back,
so that what a transform needs to begin with is not in the figures. All share one process and one connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from math import inf
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from realtime.audio import ms_to_samples
from realtime.bench.errors import BenchFailed
from realtime.bench.own_server import OwnServer
from realtime.bench.process import ProcessMeter, Reading, cpu_ms_per_s
from realtime.bench.questions import load_questions
from realtime.bench.spread import percentile
from realtime.codecs.pcm16 import Pcm16
from realtime.codecs.resample import resample
from realtime.errors import EngineFailed
from realtime.pipeline.clock import Clock, LoopClock
from realtime.structs import Frozen

if TYPE_CHECKING:
    from realtime.backend.caller.transform_stream import TransformClient, TransformLine

PATIENCE_S = 30.0
"""For streams to begin, and for late frames to come, beyond the time that they were sent in."""


TRIES = 2
"""Of a number of streams that does not hold."""


class Case(Frozen):
    """A transform, and how its sound is cut."""

    transform: str
    rate_hz: int
    frame_ms: int
    params: dict[str, str] = msgspec.field(default_factory=dict)
    reference: bool = False
    """Whether each frame has one."""

    @property
    def name(self) -> str:
        """For a table."""
        return f"{self.transform}, {self.rate_hz // 1000} kHz, {self.frame_ms} ms"

    @property
    def frame_samples(self) -> int:
        """In each frame."""
        return ms_to_samples(self.frame_ms, self.rate_hz)


TRANSFORMS = {
    "webrtc": Case(transform="webrtc", rate_hz=16_000, frame_ms=10, params={"agc": "true"}, reference=True),
    "deepfilter": Case(transform="deepfilter", rate_hz=48_000, frame_ms=10),
    "resample": Case(transform="resample", rate_hz=48_000, frame_ms=10, params={"to_rate": "16000"}),
}
"""What can be measured: each at the rate it is made for, with everything on."""


class Run(Frozen):
    """So many streams for a while."""

    streams: int
    p50_ms: float
    """A frame's time there and back."""
    p99_ms: float
    worst_ms: float
    slip_ms: float
    """How late the client itself was with a frame, at worst."""
    cpu_ms_per_stream_s: float | None = None
    """Processor time of the server for each second of each stream; only of a server on this machine."""
    problem: str = ""
    """Why a stream broke off; then the times are infinite."""

    def held(self, case: Case) -> bool:
        """Whether 99 of 100 frames were back before the next was due."""
        return self.p99_ms <= case.frame_ms


class Measured(Frozen):
    """What came of one case."""

    case: Case
    runs: list[Run]
    """The first are of one stream; the others look for the most that hold."""

    @property
    def alone(self) -> Run:
        """The better one with one stream."""
        return min((run for run in self.runs if run.streams == 1), key=lambda run: run.p99_ms)

    @property
    def most(self) -> int:
        """Streams at once that held; 0 if not even one did."""
        return max((run.streams for run in self.runs if run.held(self.case)), default=0)


class Bench:
    """Streams to one backend."""

    def __init__(self, client: TransformClient, server: OwnServer | None = None, clock: Clock | None = None) -> None:
        """`server` is read as well, if it is one of the benchmark's own."""
        self._client = client
        self._meter = ProcessMeter(server.pid) if server else None
        self._clock = clock or LoopClock()

    async def run(self, case: Case, streams: int, seconds: float) -> Run:
        """`streams` at once, each for so many seconds of sound. Cancelling ends them."""
        frames = await asyncio.to_thread(_frames, case, seconds)
        people = [_Talker(self._clock, case, frames, place / streams) for place in range(streams)]
        begin = asyncio.Barrier(streams + 1)
        before: Reading | None = None
        try:
            async with asyncio.timeout(seconds + PATIENCE_S), asyncio.TaskGroup() as tasks:
                for person in people:
                    tasks.create_task(person.talk(self._client, begin))
                await begin.wait()
                before = self._meter.read() if self._meter else None
        except TimeoutError:
            return _broken(streams, f"a stream did not begin or end within {PATIENCE_S:g} s")
        except ExceptionGroup as problems:
            return _broken(streams, str(_first(problems)))
        late_ms = [late for person in people for late in person.late_ms]
        cost: float | None = None
        if self._meter and before:
            after = self._meter.read()
            cost = cpu_ms_per_s([before, after]) * (after.at_s - before.at_s) / streams / seconds
        return Run(
            streams=streams,
            p50_ms=percentile(late_ms, 50),
            p99_ms=percentile(late_ms, 99),
            worst_ms=max(late_ms),
            slip_ms=max(person.slip_ms for person in people),
            cpu_ms_per_stream_s=cost,
        )

    async def measure(self, case: Case, seconds: float, most: int, tell: Callable[[Case, Run], None]) -> Measured:
        """One stream, and then the most that hold, `most` at most; `tell` hears of each run.

        The number is doubled until it does not hold, then halved between the last two to within an eighth. What does
        not hold is tried twice: other work on the machine may have been in the way. Raises `BenchFailed` when not even
        one stream can be had. Cancelling ends it.
        """
        runs: list[Run] = []

        async def holds(streams: int) -> bool:
            for _ in range(TRIES):
                runs.append(await self.run(case, streams, seconds))
                tell(case, runs[-1])
                if runs[-1].held(case):
                    return True
            return False

        held, failed = 0, most + 1
        if await holds(1):
            held = 1
        elif runs[0].problem:
            raise BenchFailed(runs[0].problem)
        else:
            failed = 1
        while failed - held > max(1, held // 8):
            streams = min(2 * held, most) if failed > most else (held + failed) // 2
            if streams == held:
                break
            if await holds(streams):
                held = streams
            else:
                failed = streams
        return Measured(case=case, runs=runs)


def cases_of(transforms: Sequence[str], frames_ms: Sequence[int]) -> list[Case]:
    """Every transform with every length of frame. Raises `BenchFailed` for one that is not known."""
    for name in transforms:
        if name not in TRANSFORMS:
            raise BenchFailed(f"no transform is called {name}; there are: {', '.join(TRANSFORMS)}")
    return [
        msgspec.structs.replace(TRANSFORMS[name], frame_ms=frame_ms) for name in transforms for frame_ms in frames_ms
    ]


class _Talker:
    """One microphone."""

    def __init__(self, clock: Clock, case: Case, frames: Sequence[bytes], phase: float) -> None:
        """`phase` is by which part of a frame it begins later than the first."""
        self._clock = clock
        self._case = case
        self._phase = phase
        self._frames = frames
        self._start_s = 0.0
        self.late_ms: list[float] = []
        self.slip_ms = 0.0

    async def talk(self, client: TransformClient, begin: asyncio.Barrier) -> None:
        """Say all of it once everybody else has begun as well."""
        from realtime.backend.caller.transform_stream import Wanted

        case = self._case
        wanted = Wanted(
            transform=case.transform, rate_hz=case.rate_hz, frame_samples=case.frame_samples, params=case.params
        )
        async with client.stream(wanted) as line, aclosing(line.heard()) as heard:
            await self._send(line, self._frames[0])
            await _next(heard)
            await begin.wait()
            self._start_s = self._clock.now_s()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._say(line))
                for index in range(len(self._frames)):
                    await _next(heard)
                    self.late_ms.append((self._clock.now_s() - self._due_s(index)) * 1000)

    async def _say(self, line: TransformLine) -> None:
        for index, frame in enumerate(self._frames):
            due_s = self._due_s(index)
            await self._clock.sleep(max(due_s - self._clock.now_s(), 0))
            self.slip_ms = max(self.slip_ms, (self._clock.now_s() - due_s) * 1000)
            await self._send(line, frame)

    async def _send(self, line: TransformLine, frame: bytes) -> None:
        await line.send(frame, frame if self._case.reference else b"")

    def _due_s(self, index: int) -> float:
        """When a frame has been recorded."""
        return self._start_s + (index + 1 + self._phase) * self._case.frame_ms / 1000


def _frames(case: Case, seconds: float) -> list[bytes]:
    """Questions, over and over, in frames of 16-bit samples. Blocks: it reads them."""
    sound = np.concatenate([resample(question.audio, case.rate_hz).pcm for question in load_questions()[:2]])
    count = max(1, round(seconds * 1000 / case.frame_ms))
    long_enough = np.resize(sound, count * case.frame_samples)
    return [Pcm16().encode(frame) for frame in long_enough.reshape(count, case.frame_samples)]


async def _next(heard: AsyncIterator[bytes]) -> None:
    if await anext(heard, None) is None:
        raise EngineFailed("the backend has ended a stream before its time")


def _first(problems: ExceptionGroup[Exception]) -> EngineFailed:
    """What a stream broke off for; what is no such thing is a mistake of our own."""
    problem: Exception = problems
    while isinstance(problem, ExceptionGroup):
        problem = problem.exceptions[0]
    if not isinstance(problem, EngineFailed):
        raise problem
    return problem


def _broken(streams: int, problem: str) -> Run:
    return Run(streams=streams, p50_ms=inf, p99_ms=inf, worst_ms=inf, slip_ms=0.0, problem=problem)
