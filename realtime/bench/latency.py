"""How long somebody waits for an answer, and for which part of the server.

Each turn is a call of its own: dial, ask one spoken question in real time, hear the answer to its end, hang up. Times
are those of `caller.turn`: milliseconds from the last voiced sample to each stage, at the caller's end of the line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import cycle, islice, pairwise
from math import inf

import msgspec
import numpy as np

from realtime.bench.chart import Chart, Series
from realtime.bench.errors import BenchFailed
from realtime.bench.grid import Grid
from realtime.bench.questions import Question
from realtime.bench.spread import Spread, shown_ms, shown_share, spread, steps
from realtime.bench.target import Target
from realtime.caller.ask import Watch, ask
from realtime.caller.clip import make_clip
from realtime.caller.errors import LineLost, NoAnswer
from realtime.caller.microphone import SLIP_LIMIT_MS
from realtime.caller.turn import STAGES, Stage
from realtime.caller.wire import Wire
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


class Summary(Frozen):
    """What a run comes to. A latency means nothing without the share of turns that it was bought with."""

    turns: int
    unanswered: int
    cut_into: int
    """Questions that were taken for finished in one of their pauses."""
    stages: dict[Stage, Spread]


async def measure(
    target: Target, questions: Sequence[Question], turns: int, tell: Callable[[Asked], None]
) -> list[Asked]:
    """Ask `turns` questions, one after another, starting again when all were asked; `tell` hears of each.

    A turn without an answer is one of the results. Raises `Unreachable` or `Refused`. Cancelling hangs up.
    """
    results: list[Asked] = []
    for question in islice(cycle(questions), turns):
        results.append(await _ask(target, question))
        tell(results[-1])
    if not any(asked.answered for asked in results):
        raise BenchFailed(f"no question was answered: {results[-1].problem or results[-1].status}")
    return results


async def _ask(target: Target, question: Question) -> Asked:
    async with target.call_when_free() as line:
        return await ask_on(line, question, target.clock)


async def ask_on(line: Wire, question: Question, clock: Clock, watch: Watch | None = None) -> Asked:
    """One question and what came of it, which may be nothing; `watch` sees every event as it comes.

    Raises `Refused`. Cancelling stops speaking.
    """
    try:
        conversation = await ask(line, make_clip(question.audio), watch, clock=clock)
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


def summary(results: Sequence[Asked]) -> Summary:
    """Over all turns: one that did not reach a stage which others reached has waited for it for ever."""
    stages: dict[Stage, Spread] = {}
    for stage in STAGES:
        times = [asked.latencies_ms.get(stage, inf) for asked in results]
        if min(times) < inf:
            stages[stage] = spread(times)
    return Summary(
        turns=len(results),
        unanswered=sum(not asked.answered for asked in results),
        cut_into=sum(asked.turns > 1 for asked in results),
        stages=stages,
    )


def chart(results: Sequence[Asked]) -> Chart:
    """How many turns had come how far by when."""
    series = [
        Series(name=stage, points=[*steps([asked.latencies_ms.get(stage, inf) for asked in results])], style="steps")
        for stage in STAGES[:-1]
    ]
    return Chart(
        title="Answers to spoken questions",
        x="ms after the last voiced sample",
        y="% of turns",
        series=series,
        shares=True,
    )


def turn_grid(results: Sequence[Asked]) -> Grid:
    """A row for each turn."""
    rows = [
        [
            asked.question,
            *(shown_ms(asked.latencies_ms.get(stage)) for stage in STAGES),
            f"{asked.answer_ms / 1000:.1f}",
        ]
        for asked in results
    ]
    return Grid("Each turn, ms after the last voiced sample", ("question", *STAGES, "answer, s"), rows)


def summary_grid(results: Sequence[Asked]) -> Grid:
    """A row for each stage, with what it adds to the one before."""
    found = summary(results)
    rows = [
        [stage, *map(shown_ms, (each.p50_ms, each.p95_ms, each.worst_ms, _step(results, stage)))]
        for stage, each in found.stages.items()
    ]
    title = (
        f"After the last voiced sample, ms, {found.turns} turns; "
        f"questions cut into: {shown_share(found.cut_into, found.turns)}"
    )
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
