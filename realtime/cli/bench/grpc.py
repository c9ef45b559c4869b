"""`realtime bench grpc`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated

import typer

from realtime.bench import grpc_figures
from realtime.bench.errors import BenchFailed
from realtime.bench.grpc_transforms import TRANSFORMS, Bench, Case, Measured, Run, cases_of
from realtime.bench.own_server import OwnServer
from realtime.cli.bench import options
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
        str, typer.Option(metavar="NAME[,NAME…]", help="Transforms to send frames through.")
    ] = ",".join(TRANSFORMS),
    frames_ms: Annotated[
        str, typer.Option("--frames-ms", metavar="N[,N…]", help="Lengths of frames, in milliseconds.")
    ] = "10,16",
    seconds: Annotated[float, typer.Option(min=0.1, max=600, help="How long each number of streams is held.")] = 5,
    streams: Annotated[
        int, typer.Option("--streams", min=1, max=MOST_STREAMS, help="The most to try at once; 1 tries no more.")
    ] = 128,
    key: KeyOption = None,
    out: options.OutOption = None,
    plot: options.PlotOption = None,
    markdown: options.MarkdownOption = False,
) -> None:
    """Report how long frames of an AudioTransformStream take there and back, and how many streams get theirs in time.

    Frames are sent in real time. For each transform and length of frame there is one stream first, then ever more at
    once, until 1 of 100 frames is not back before the next is due. Of a server of its own, what it costs is reported.

        realtime bench grpc --plot grpc.svg
    """
    with plain_errors():
        report = Report("grpc", out, plot, markdown=markdown)
        cases = cases_of(transforms.split(","), _lengths(frames_ms))
        measured = asyncio.run(_transforms(url, key, cases, seconds, streams))
        grids = [grpc_figures.latency_grid(measured), grpc_figures.stream_grid(measured, streams)]
        report.show(grids, grpc_figures.remarks(measured))
        report.draw([grpc_figures.chart(measured)])
        summary = [grpc_figures.summary(each, streams) for each in measured]
        report.write({"url": url, "seconds": seconds, "transforms": measured, "summary": {"transforms": summary}})


def _lengths(frames_ms: str) -> list[int]:
    try:
        lengths = [int(length) for length in frames_ms.split(",")]
    except ValueError:
        lengths = [0]
    if not all(1 <= length <= 1000 for length in lengths):
        raise BenchFailed(f"--frames-ms {frames_ms}: numbers from 1 to 1000, parted by commas, are expected")
    return lengths


async def _transforms(
    url: str | None, key: str | None, cases: Sequence[Case], seconds: float, most: int
) -> list[Measured]:
    def tell(case: Case, run: Run) -> None:
        say(f"{case.name}, {run.streams} streams: {run.problem or f'p50 {run.p50_ms:.1f} ms, p99 {run.p99_ms:.1f} ms'}")

    try:
        from realtime.backend.remote.transform_stream import transform_client  # takes a third of a second
    except ModuleNotFoundError as missing:
        raise BenchFailed(f"this needs the package {missing.name}: install the project with its `grpc` extra") from None
    async with _server(url, most) as (address, server), transform_client(address, key) as client:
        bench = Bench(client, server)
        return [await bench.measure(case, seconds, most, tell) for case in cases]


@asynccontextmanager
async def _server(url: str | None, streams: int) -> AsyncIterator[tuple[str, OwnServer | None]]:
    """The address to call, and the server if it is one of the benchmark's own, that takes so many streams."""
    if url:
        yield url.removeprefix("grpc://"), None
        return
    async with own_process({"REALTIME_GRPC__MAX_STREAMS": str(streams)}) as server:
        yield server.grpc_address, server
