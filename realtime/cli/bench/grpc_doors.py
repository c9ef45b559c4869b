"""The doors of `realtime bench grpc`: how conversations get into servers of the benchmark's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from realtime.bench import grpc_conversation, grpc_knocks
from realtime.bench.grpc_conversation import TIMED, Door, Round
from realtime.bench.grpc_knocks import Knocks
from realtime.bench.grpc_line import dial_grpc
from realtime.bench.latency import Asked
from realtime.bench.own_server import OwnServer
from realtime.bench.process import ProcessMeter
from realtime.bench.questions import load_questions
from realtime.bench.target import Target, session_with
from realtime.cli.bench.report import say
from realtime.cli.bench.serving import own_process

KNOCKS = 500


@asynccontextmanager
async def open_doors(server: OwnServer, key: str | None, *, front: bool) -> AsyncIterator[list[Door]]:
    """Both of `server`, and with `front` that of a second server, which has its conversations held by the first.

    Raises `BenchFailed` when that does not start. Cancelling stops it.
    """
    from realtime.backend.caller.conversation_stream import conversation_client  # takes a third of a second

    meter, session = ProcessMeter(server.pid), session_with(TIMED)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(conversation_client(server.grpc_address, key))
        doors = [
            Door("/v1/realtime", Target(server.url, key, session=session).call_when_free, [meter]),
            Door("AudioToAudioStream", lambda: dial_grpc(client, TIMED), [meter]),
        ]
        if front:
            behind = {"REALTIME_SPEECH_TO_SPEECH__ENGINE": f"grpc://{server.grpc_address}"}
            if key:
                behind["REALTIME_SPEECH_TO_SPEECH__TOKEN"] = key
            other = await stack.enter_async_context(own_process(behind))
            through = Target(other.url, key, session=session)
            doors.append(Door("a front", through.call_when_free, [meter, ProcessMeter(other.pid)]))
        yield doors


async def converse(doors: Sequence[Door], turns: int) -> tuple[list[Round], list[Knocks]]:
    """So many questions over each, and knocks. Raises `BenchFailed`, `LineLost`, `Unreachable` or `Refused`."""

    def tell(door: str, asked: Asked) -> None:
        first = asked.latencies_ms.get("first audio")
        heard = f"{first:.0f} ms" if first is not None else asked.problem or "no answer"
        say(f"{door}: {asked.text}  {heard}")

    knocks = await grpc_knocks.knock(doors, KNOCKS)
    return await grpc_conversation.measure(doors, load_questions(), turns, tell), knocks
