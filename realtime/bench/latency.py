"""How long somebody waits for an answer, and for which part of the server.

Each turn is a call of its own: dial, ask one spoken question in real time, hear the answer to its end, hang up. Times
are those of `caller.turn`: milliseconds from the last voiced sample to each stage, at the caller's end of the line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import cycle, islice, pairwise

import msgspec
import numpy as np

from realtime.bench.errors import BenchFailed
from realtime.bench.grid import Grid
from realtime.bench.questions import Question
from realtime.caller.ask import SESSION, SLIP_LIMIT_MS, ask
from realtime.caller.clip import make_clip
from realtime.caller.errors import LineLost, NoAnswer
from realtime.caller.line import dial
from realtime.caller.turn import STAGES, Stage
from realtime.pipeline.clock import Clock
from realtime.structs import Frozen


class Asked(Frozen):
    """One question and what came of it."""

    question: str
    text: str
    heard: str = ""
    said: str = ""
    status: str = ""
    problem: str = ""
    """Why there was no answer."""
    turns: int = 0
    """More than 1: the server took a pause inside the question for its end."""
    latencies_ms: dict[Stage, float] = msgspec.field(default_factory=dict)
    answer_ms: float = 0
    gaps_ms: int = 0
    slip_ms: float = 0
    """How late the caller itself was, at worst."""

    @property
    def answered(self) -> bool:
        """Whether there was an answer to be heard."""
        return "first audio" in self.latencies_ms


class Spread(Frozen):
    """How one stage's times are spread over the turns."""

    turns: int
    p50_ms: float
    p95_ms: float
    worst_ms: float


async def measure(
    url: str,
    questions: Sequence[Question],
    turns: int,
    *,
    key: str | None = None,
    model: str | None = None,
    tell: Callable[[Asked], None],
    clock: Clock | None = None,
) -> list[Asked]:
    """Ask `turns` questions, one after another, starting again when all were asked; `tell` hears of each.

    A turn without an answer is one of the results. Raises `Unreachable` or `Refused`. Cancelling hangs up.
    """
    results: list[Asked] = []
    for question in islice(cycle(questions), turns):
        results.append(await _ask(url, question, key, model, clock))
        tell(results[-1])
    if not any(asked.answered for asked in results):
        raise BenchFailed(f"no question was answered: {results[-1].problem or results[-1].status}")
    return results


async def _ask(url: str, question: Question, key: str | None, model: str | None, clock: Clock | None) -> Asked:
    async with dial(url, key=key, model=model) as line:
        await line.configure(SESSION)
        try:
            conversation = await ask(line, make_clip(question.audio), clock=clock)
        except (NoAnswer, LineLost) as failure:
            return Asked(question=question.name, text=question.text, problem=str(failure))
    last = conversation.turns[-1]
    return Asked(
        question=question.name,
        text=question.text,
        heard=last.heard,
        said=last.said,
        status=last.status,
        problem=last.problem,
        turns=len(conversation.turns),
        latencies_ms=last.latencies_ms(),
        answer_ms=last.answer.duration_ms,
        gaps_ms=last.gaps_ms,
        slip_ms=conversation.worst_slip_ms,
    )


def spreads(results: Sequence[Asked]) -> dict[Stage, Spread]:
    """For each stage that was reached. Percentiles are interpolated between the nearest two turns."""
    found: dict[Stage, Spread] = {}
    for stage in STAGES:
        times = [asked.latencies_ms[stage] for asked in results if stage in asked.latencies_ms]
        if times:
            p50, p95 = map(float, np.percentile(times, (50, 95)))
            found[stage] = Spread(turns=len(times), p50_ms=p50, p95_ms=p95, worst_ms=max(times))
    return found


def turn_grid(results: Sequence[Asked]) -> Grid:
    """A row for each turn."""
    rows = [
        [asked.question, *(_ms(asked.latencies_ms.get(stage)) for stage in STAGES), f"{asked.answer_ms / 1000:.1f}"]
        for asked in results
    ]
    return Grid("Each turn, ms after the last voiced sample", ("question", *STAGES, "answer, s"), rows)


def summary_grid(results: Sequence[Asked]) -> Grid:
    """A row for each stage, with what it adds to the one before."""
    spread = spreads(results)
    rows = [
        [stage, _ms(each.p50_ms), _ms(each.p95_ms), _ms(each.worst_ms), _ms(_step(results, stage))]
        for stage, each in spread.items()
    ]
    title = f"After the last voiced sample, ms, {len(results)} turns"
    return Grid(title, ("stage", "p50", "p95", "worst", "of it this stage, p50"), rows)


def remarks(results: Sequence[Asked]) -> list[str]:
    """What the reader of the figures must know about this run."""
    silent = [asked for asked in results if not asked.answered]
    cut = [asked for asked in results if asked.turns > 1]
    misheard = [asked for asked in results if asked.heard and _words(asked.heard) != _words(asked.text)]
    late = [asked.slip_ms for asked in results if asked.slip_ms > SLIP_LIMIT_MS]
    stuttered = [asked for asked in results if asked.gaps_ms]
    said = []
    if silent:
        said.append(f"{len(silent)} of {len(results)} turns had no spoken answer: {silent[0].problem or 'no words'}")
    if cut:
        said.append(f"{len(cut)} questions were taken for finished in one of their pauses")
    if misheard:
        said.append(f"{len(misheard)} questions were misheard: {'; '.join(asked.heard for asked in misheard)}")
    if stuttered:
        said.append(f"{len(stuttered)} answers had gaps, {sum(asked.gaps_ms for asked in stuttered)} ms together")
    if late:
        said.append(f"the caller itself was late in {len(late)} turns, by up to {max(late):.0f} ms: they are doubtful")
    return said


def _step(results: Sequence[Asked], stage: Stage) -> float | None:
    before = {later: earlier for earlier, later in pairwise(STAGES)}.get(stage)
    steps = [
        asked.latencies_ms[stage] - asked.latencies_ms[before]
        for asked in results
        if before in asked.latencies_ms and stage in asked.latencies_ms
    ]
    return float(np.median(steps)) if steps else None


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"
