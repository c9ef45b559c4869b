"""`realtime bench grpc`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated

import typer

from realtime.bench import grpc_conversation, grpc_conversation_figures, grpc_figures, grpc_knocks
from realtime.bench.errors import BenchFailed
from realtime.bench.grid import Grid
from realtime.bench.grpc_conversation import Round
from realtime.bench.grpc_knocks import Knocks
from realtime.bench.grpc_transforms import TRANSFORMS, Bench, Case, Measured, Run, cases_of
from realtime.bench.own_server import OwnServer
from realtime.cli.bench import options
from realtime.cli.bench.grpc_doors import converse, open_doors
from realtime.cli.bench.report import Report, say
from realtime.cli.bench.serving import own_process
from realtime.cli.context import plain_errors
from realtime.cli.talk import KeyOption

MOST_STREAMS = 500
"""More would measure this end of the line."""


def measure_grpc(
    url: Annotated[
        str | None,
        typer.Option(
            "--url", metavar="HOST:PORT", help="A running server; by default one is started here and stopped."
        ),
    ] = None,
    transforms: Annotated[
        str, typer.Option(metavar="NAME[,NAME…]", help="Transforms to send frames through; '' is none.")
    ] = ",".join(TRANSFORMS),
    frames_ms: Annotated[
        str, typer.Option("--frames-ms", metavar="N[,N…]", help="Lengths of frames, in milliseconds.")
    ] = "10,16",
    seconds: Annotated[float, typer.Option(min=0.1, max=600, help="How long each number of streams is held.")] = 5,
    streams: Annotated[
        int, typer.Option("--streams", min=1, max=MOST_STREAMS, help="The most to try at once; 1 tries no more.")
    ] = 128,
    turns: Annotated[
        int, typer.Option("--turns", min=0, help="Questions to ask over each door of a server of its own; 0 is none.")
    ] = 20,
    front: Annotated[
        bool, typer.Option("--front", help="Ask them as well over a second server that has the first one answer.")
    ] = False,
    key: KeyOption = None,
    out: options.OutOption = None,
    plot: options.PlotOption = None,
    markdown: options.MarkdownOption = False,
) -> None:
    """Report what the gRPC door costs: to frames of an AudioTransformStream, and to conversations.

    Frames are sent in real time. For each transform and length of frame there is one stream first, then ever more at
    once, until 1 of 100 frames is not back before the next is due. Of a server of its own, what it costs is reported,
    and conversations are held over both doors, AudioToAudioStream and /v1/realtime, in turn: the same questions, and
    how much later the answers come over one than over the other.

        realtime bench grpc --plot grpc.svg
        realtime bench grpc --transforms '' --turns 20 --front
    """
    with plain_errors():
        report = Report("grpc", out, plot, markdown=markdown)
        names = [name for name in transforms.split(",") if name]
        if not names and (url or not turns):
            raise BenchFailed("nothing is to be measured: no transforms, and no conversations with a server of its own")
        wanted = _Wanted(cases_of(names, _lengths(frames_ms)), seconds, streams, turns, front)
        found = asyncio.run(_measure(url, key, wanted))
        report.show(*_shown(found, streams))
        charts = [grpc_figures.chart(found.measured)] if found.measured else []
        charts += [grpc_conversation_figures.chart(found.rounds)] if found.rounds else []
        report.draw(charts)
        summary = {
            "transforms": [grpc_figures.summary(each, streams) for each in found.measured],
            "conversations": grpc_conversation.summaries(found.rounds) if found.rounds else [],
            "knocks": grpc_knocks.summaries(found.knocks),
        }
        results = {"transforms": found.measured, "conversations": found.rounds, "knocks": found.knocks}
        report.write({"url": url, "seconds": seconds, **results, "summary": summary})


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is to be measured."""

    cases: Sequence[Case]
    seconds: float
    streams: int
    turns: int
    front: bool


@dataclass(slots=True)
class _Found:
    """What came of it."""

    measured: list[Measured]
    rounds: list[Round] = field(default_factory=list)
    knocks: list[Knocks] = field(default_factory=list)


def _shown(found: _Found, streams: int) -> tuple[list[Grid], list[str]]:
    grids: list[Grid] = []
    if found.measured:
        grids += [grpc_figures.latency_grid(found.measured), grpc_figures.stream_grid(found.measured, streams)]
    remarks = grpc_figures.remarks(found.measured)
    if found.rounds:
        grids += [*grpc_conversation_figures.grids(found.rounds), grpc_knocks.grid(found.knocks)]
        remarks += grpc_conversation_figures.remarks(found.rounds)
    return grids, remarks


def _lengths(frames_ms: str) -> list[int]:
    try:
        lengths = [int(length) for length in frames_ms.split(",")]
    except ValueError:
        lengths = [0]
    if not all(1 <= length <= 1000 for length in lengths):
        raise BenchFailed(f"--frames-ms {frames_ms}: numbers from 1 to 1000, parted by commas, are expected")
    return lengths


async def _measure(url: str | None, key: str | None, wanted: _Wanted) -> _Found:
    def tell(case: Case, run: Run) -> None:
        say(f"{case.name}, {run.streams} streams: {run.problem or f'p50 {run.p50_ms:.1f} ms, p99 {run.p99_ms:.1f} ms'}")

    try:
        from realtime.backend.caller.transform_stream import transform_client  # takes a third of a second
    except ModuleNotFoundError as missing:
        raise BenchFailed(f"this needs the package {missing.name}: install the project with its `grpc` extra") from None
    found = _Found([])
    async with _server(url, wanted.streams) as (address, server):
        if server and wanted.turns:  # first: while the server has done nothing else
            async with open_doors(server, key, front=wanted.front) as doors:
                found.rounds, found.knocks = await converse(doors, wanted.turns)
        async with transform_client(address, key) as client:
            bench = Bench(client, server)
            found.measured = [await bench.measure(case, wanted.seconds, wanted.streams, tell) for case in wanted.cases]
    return found


@asynccontextmanager
async def _server(url: str | None, streams: int) -> AsyncIterator[tuple[str, OwnServer | None]]:
    """The address to call, and the server if it is one of the benchmark's own, that takes so many streams."""
    if url:
        yield url.removeprefix("grpc://"), None
        return
    async with own_process({"REALTIME_GRPC__MAX_STREAMS": str(streams)}) as server:
        yield server.grpc_address, server
