"""What holds for every call, over a real channel: limits, deadlines, cancelling, and how failures are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from realtime.backend.calls import Calls, Send
from realtime.backend.statuses import status_of
from realtime.errors import (
    BadConfiguration,
    ContextTooLong,
    EngineBusy,
    EngineFailed,
    InvalidRequest,
    ModelUnavailable,
    NotLoaded,
    NotPermitted,
    NotServed,
    RealtimeError,
    UnknownEngine,
)
from realtime.settings import GrpcSettings
from tests.backend.doorway import PATIENCE_S, refusal
from tests.dialogue import nothing_left_over
from tests.server.house import until


class Answers:
    """Calls of bytes that do what a test wants, and remember how they ended."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.begun = asyncio.Event()
        self.over = asyncio.Event()
        self.problem: Exception | None = None
        self.cancelled = False

    async def unary(self, request: bytes) -> bytes:
        """The request, once the gate is open."""
        await self._wait()
        return request

    async def streaming(self, request: bytes) -> AsyncGenerator[bytes, None]:
        """The request, and again once the gate is open."""
        yield request
        await self._wait()
        yield request

    async def two_way(self, requests: AsyncIterator[bytes], send: Send) -> None:
        """All that is said."""
        async for request in requests:
            if request == b"fail":
                raise InvalidRequest("It says fail.")
            await send(request)
        await self._wait()

    async def _wait(self) -> None:
        self.begun.set()
        try:
            if self.problem:
                raise self.problem
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        finally:
            self.over.set()


@asynccontextmanager
async def served(
    answers: Answers, *, keyed: bool = False, **limits: Any
) -> AsyncGenerator[tuple[grpc.aio.Channel, Calls], None]:
    """A server of those calls, and a channel to it."""
    calls = Calls(GrpcSettings(**limits), keyed=keyed)
    handlers: dict[str, Any] = {
        "Unary": grpc.unary_unary_rpc_method_handler(calls.unary("Unary", answers.unary)),
        "Streaming": grpc.unary_stream_rpc_method_handler(calls.streaming("Streaming", answers.streaming)),
        "TwoWay": grpc.stream_stream_rpc_method_handler(calls.two_way("TwoWay", answers.two_way)),
    }
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("tests.Calls", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    with nothing_left_over():
        others = asyncio.all_tasks()
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel, calls
        await server.stop(0)
        if closing := asyncio.all_tasks() - others:  # gRPC cancels what is left, and does not wait for it
            await asyncio.wait(closing, timeout=PATIENCE_S)


def unary(channel: grpc.aio.Channel) -> Callable[..., Any]:
    """The call of one message."""
    return channel.unary_unary("/tests.Calls/Unary")


def two_way(channel: grpc.aio.Channel, key: str = "") -> Any:
    """The call of many, by whoever has that key."""
    metadata = (("authorization", f"Bearer {key}"),) if key else None
    return channel.stream_stream("/tests.Calls/TwoWay")(metadata=metadata)


async def begun(stream: Any) -> Any:
    """A two-way call that is being answered."""
    await stream.write(b"hello")
    assert await stream.read() == b"hello"
    return stream


async def ended(streams: list[Any], calls: Calls) -> None:
    """Hang up, and wait until the server has noticed."""
    for stream in streams:
        stream.cancel()
    await until(lambda: not calls.going_on)


PROBLEMS: list[tuple[RealtimeError, grpc.StatusCode]] = [
    (InvalidRequest("It is wrong.", param="field"), grpc.StatusCode.INVALID_ARGUMENT),
    (InvalidRequest("It is not there.", code="not_found"), grpc.StatusCode.NOT_FOUND),
    (InvalidRequest("It is too far.", code="out_of_range"), grpc.StatusCode.OUT_OF_RANGE),
    (ContextTooLong("It is too long."), grpc.StatusCode.INVALID_ARGUMENT),
    (NotPermitted("It is not yours."), grpc.StatusCode.PERMISSION_DENIED),
    (NotServed("It is not here."), grpc.StatusCode.UNIMPLEMENTED),
    (UnknownEngine("It is not known."), grpc.StatusCode.UNIMPLEMENTED),
    (NotLoaded("It is not loaded."), grpc.StatusCode.FAILED_PRECONDITION),
    (ModelUnavailable("It is missing."), grpc.StatusCode.FAILED_PRECONDITION),
    (BadConfiguration("It cannot work."), grpc.StatusCode.FAILED_PRECONDITION),
    (EngineBusy("It is busy."), grpc.StatusCode.RESOURCE_EXHAUSTED),
    (EngineFailed("It has failed."), grpc.StatusCode.INTERNAL),
]


@pytest.mark.parametrize(("problem", "status"), PROBLEMS, ids=lambda value: str(getattr(value, "name", value)))
async def test_an_error_is_told_with_its_status(problem: RealtimeError, status: grpc.StatusCode) -> None:
    """And in its own words."""
    answers = Answers()
    answers.problem = problem
    async with served(answers) as (channel, _):
        assert await refusal(unary(channel)(b"?")) == (status, str(problem))
    assert status_of(problem) is status


async def test_a_bug_ends_its_call_alone(caplog: pytest.LogCaptureFixture) -> None:
    """The client is told nothing of its inside."""
    answers = Answers()
    answers.problem = ValueError("the secret is 42")
    async with served(answers) as (channel, _):
        code, message = await refusal(unary(channel)(b"?"))
        assert code is grpc.StatusCode.INTERNAL
        assert "42" not in message
        answers.problem = None
        answers.gate.set()
        assert await unary(channel)(b"again") == b"again"


async def test_one_call_too_many_is_refused() -> None:
    """Until another is over."""
    answers = Answers()
    async with served(answers, max_calls=1) as (channel, calls):
        first = unary(channel)(b"first")
        await answers.begun.wait()
        assert (await refusal(unary(channel)(b"second")))[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
        answers.gate.set()
        assert await first == b"first"
        assert await unary(channel)(b"third") == b"third"
        assert calls.going_on == 0


async def test_streams_are_counted_apart() -> None:
    """A full house of them leaves room for calls."""
    answers = Answers()
    answers.gate.set()
    async with served(answers, max_streams=1) as (channel, _):
        first = await begun(two_way(channel))
        code, message = await refusal(two_way(channel).read())
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "1 streams are going on already (setting 'grpc.max_streams')" in message
        assert await unary(channel)(b"call") == b"call"
        await first.done_writing()
        assert await first.read() is grpc.aio.EOF


async def test_one_client_cannot_have_all_streams() -> None:
    """Where the operator says so; another's are left to it, and what it ends it may begin again."""
    answers = Answers()
    answers.gate.set()
    async with served(answers, keyed=True, max_streams=4, max_streams_per_client=2) as (channel, calls):
        streams = [await begun(two_way(channel, "greedy")) for _ in range(2)]
        code, message = await refusal(two_way(channel, "greedy").read())
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "2 streams of this client are going on already (setting 'grpc.max_streams_per_client')" in message
        streams += [await begun(two_way(channel, "modest")) for _ in range(2)]
        assert "(setting 'grpc.max_streams')" in (await refusal(two_way(channel, "late").read()))[1]
        await streams[0].done_writing()
        assert await streams[0].read() is grpc.aio.EOF
        await until(lambda: calls.going_on == 3)
        streams.append(await begun(two_way(channel, "greedy")))
        await ended(streams, calls)


async def test_without_keys_a_made_up_one_is_no_other_client() -> None:
    """Nor is another connection from the same address."""
    answers = Answers()
    async with served(answers, max_streams_per_client=1) as (channel, calls):
        first = await begun(two_way(channel, "one"))
        for key in ("", "one", "another"):
            assert "of this client" in (await refusal(two_way(channel, key).read()))[1]
        await ended([first], calls)


async def test_one_client_may_have_all_streams_unless_told() -> None:
    """It may be one that carries everybody."""
    answers = Answers()
    async with served(answers, keyed=True, max_streams=12) as (channel, calls):
        streams = [await begun(two_way(channel, "everybody")) for _ in range(12)]
        assert calls.going_on == 12
        await ended(streams, calls)


async def test_a_call_may_take_so_long_and_no_longer() -> None:
    """Whatever the client allows it."""
    answers = Answers()
    async with served(answers, deadline_s=0.05) as (channel, _):
        assert (await refusal(unary(channel)(b"?")))[0] is grpc.StatusCode.DEADLINE_EXCEEDED
        assert answers.cancelled


async def test_a_silent_stream_ends() -> None:
    """One in which something is said does not."""
    answers = Answers()
    async with served(answers, idle_stream_s=0.3) as (channel, _):
        stream = two_way(channel)
        for _ in range(5):
            await stream.write(b"still here")
            assert await stream.read() == b"still here"
            await asyncio.sleep(0.1)  # what is tested is that time passes
        assert (await refusal(stream.read()))[0] is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_failure_comes_at_once() -> None:
    """Though the client has not said that it will say no more."""
    answers = Answers()
    async with served(answers) as (channel, _):
        stream = two_way(channel)
        await stream.write(b"fail")
        assert await refusal(stream.read()) == (grpc.StatusCode.INVALID_ARGUMENT, "It says fail.")


@pytest.mark.parametrize("shape", ["Unary", "Streaming", "TwoWay"])
async def test_cancelling_reaches_the_answer(shape: str) -> None:
    """And leaves nothing of the call."""
    answers = Answers()
    async with served(answers) as (channel, calls):
        if shape == "TwoWay":
            call = two_way(channel)
            await call.done_writing()
        else:
            opened: Any = channel.unary_unary if shape == "Unary" else channel.unary_stream
            call = opened(f"/tests.Calls/{shape}")(b"?")
            if shape == "Streaming":
                assert await call.read() == b"?"
        async with asyncio.timeout(10):
            await answers.begun.wait()
            call.cancel()
            await answers.over.wait()
        await until(lambda: not calls.going_on)
        assert answers.cancelled
