"""One question over two doors of one server, and what the second adds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from realtime.audio import Audio
from realtime.backend.caller.conversation_stream import ConversationClient, conversation_client
from realtime.bench.errors import BenchFailed
from realtime.bench.grpc_conversation import TIMED, Door, Figure, Round, Visit, measure, summaries
from realtime.bench.grpc_line import dial_grpc
from realtime.bench.latency import Asked
from realtime.bench.process import ProcessMeter, Reading
from realtime.bench.questions import Question
from realtime.bench.target import Target, session_with
from realtime.caller.errors import Unreachable
from realtime.caller.turn import STAGES
from realtime.engines.ensemble import Engines
from realtime.errors import EngineFailed
from tests.backend.doorway import Doorway
from tests.backend.speech_to_speech.caller import place
from tests.caller.clocks import Hurried
from tests.caller.server import fake_app, serving
from tests.fakes import FakeChat, FakeTranscriber, fake_engines, quiet, voice

CLOCK = Hurried()


def question(name: str) -> Question:
    return Question(name, f"{name}?", Audio(np.concatenate((voice(300), quiet(100))), 24_000))


def asked(*times_ms: float) -> Asked:
    return Asked(question="q", text="Well?", latencies_ms=dict(zip(STAGES, times_ms, strict=False)))


def visit(*times_ms: float, **figures: float) -> Visit:
    found = asked(*times_ms)
    known: dict[Figure, float] = {}
    known.update(found.latencies_ms.items())
    if "way" in figures:
        known["on the way"] = figures["way"]
    if "cpu" in figures:
        known["processor time"] = figures["cpu"]
    return Visit(asked=found, figures_ms=known)


def between(there: Visit, here: Visit) -> Round:
    return Round(visits={"A": there, "B": here})


@asynccontextmanager
async def backend(engines: Engines | None = None) -> AsyncIterator[ConversationClient]:
    premises = place(engines or fake_engines(), lead_ms=10_000)
    async with Doorway(premises) as door, conversation_client(door.address) as client:
        yield client


async def test_the_doors_are_gone_through_in_one_order_and_the_other() -> None:
    """What is asked before the first round is not counted."""
    told: list[tuple[str, str]] = []
    heard = FakeTranscriber(["Warm?", "One?", "Two?", "Three?"])
    over_grpc = FakeTranscriber(["Warm?", "One?", "Two?", "Three?"])
    with serving(fake_app(fake_engines(transcriber=heard))) as url:
        async with backend(fake_engines(transcriber=over_grpc)) as client:
            doors = [
                Door("A", Target(url, session=session_with(TIMED)).call),
                Door("B", lambda: dial_grpc(client, TIMED)),
            ]
            rounds = await measure(
                doors,
                [question("one"), question("two")],
                3,
                lambda door, asked: told.append((door, asked.question)),
                CLOCK,
            )
    assert told == [("A", "one"), ("B", "one"), ("B", "two"), ("A", "two"), ("A", "one"), ("B", "one")]
    assert [[visit.asked.heard for visit in each.visits.values()] for each in rounds] == [
        ["One?", "One?"],
        ["Two?", "Two?"],
        ["Three?", "Three?"],
    ]
    assert all(list(each.visits) == ["A", "B"] for each in rounds)
    for each in rounds:
        added = [each.added_ms("B", "A", stage) for stage in STAGES]
        assert added[STAGES.index("first token")] is None
        assert sum(difference is not None for difference in added) == len(STAGES) - 1
        assert each.added_ms("B", "A", "processor time") is None
        assert each.added_ms("B", "A", "on the way") is not None
        for found in each.visits.values():
            assert 0 < found.figures_ms["on the way"] < found.figures_ms["first audio"]


class Meter(ProcessMeter):
    """Of a process that works for 50 ms between two looks."""

    def __init__(self) -> None:
        self._cpu_s = 0.0

    def read(self) -> Reading:
        self._cpu_s += 0.05
        return Reading(at_s=0, cpu_s=self._cpu_s, rss_mib=0)


async def test_what_a_turn_costs_is_that_of_all_processes_behind_the_door() -> None:
    async with backend() as client:
        one = Door("one", lambda: dial_grpc(client), [Meter()])
        both = Door("both", lambda: dial_grpc(client), [Meter(), Meter()])
        [found] = await measure([one, both], [question("one")], 1, lambda *_: None, CLOCK)
    assert [each.figures_ms["processor time"] for each in found.visits.values()] == pytest.approx([50, 100])
    assert found.added_ms("both", "one", "processor time") == pytest.approx(50)
    assert all("on the way" not in each.figures_ms for each in found.visits.values())


async def test_a_door_without_any_answer_is_no_measurement() -> None:
    engines = fake_engines(chat=FakeChat([EngineFailed("the model is ill")]))
    with serving(fake_app()) as url:
        async with backend(engines) as client:
            doors = [Door("A", Target(url).call), Door("B", lambda: dial_grpc(client))]
            with pytest.raises(BenchFailed, match="no question was answered over B: the model is ill"):
                await measure(doors, [question("one")], 1, lambda *_: None, CLOCK)


async def test_a_door_that_is_not_there_is_said_so() -> None:
    async with conversation_client("127.0.0.1:1") as client:
        with pytest.raises(Unreachable):
            await measure([Door("B", lambda: dial_grpc(client))], [question("one")], 1, lambda *_: None, CLOCK)


def test_a_door_adds_what_lies_between_answers_to_the_same_question() -> None:
    """However long the questions' answers take, and whatever else is missing."""
    first, second = summaries(
        [
            between(visit(500, 600, 700, 800, cpu=100, way=50), visit(501, cpu=110)),
            between(visit(900, 950, 990, 999, cpu=200, way=50), visit(903, 960, cpu=230)),
            between(visit(100, 200, cpu=300), visit(102, 205, cpu=320, way=60)),
        ]
    )
    assert (first.door, second.door) == ("A", "B")
    assert second.turns.unanswered == 3
    assert first.processor_time
    assert second.processor_time
    assert (first.processor_time.p50_ms, second.processor_time.p50_ms) == (200, 230)
    assert set(second.added) == {"speech stopped", "transcript", "processor time"}
    stopped = second.added["speech stopped"]
    assert (stopped.rounds, stopped.p25_ms, stopped.p50_ms, stopped.p75_ms) == (3, 1.5, 2, 2.5)
    transcript = second.added["transcript"]
    assert (transcript.rounds, transcript.p50_ms) == (2, 7.5)
    assert second.added["processor time"].p50_ms == 20
    assert first.added["first audio"].p50_ms == 0


def test_what_is_not_known_is_not_told() -> None:
    for each in summaries([between(visit(500), visit(501))]):
        assert (each.on_the_way, each.processor_time, set(each.added)) == (None, None, {"speech stopped"})
