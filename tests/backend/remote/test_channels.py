"""Calls to other machines' backends over real channels: balance, second tries, deadlines, cancelling, errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc
import pytest

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.remote.channels import Channels
from realtime.backend.remote.connection import Connection, make_line
from realtime.backend.remote.refusals import NotOffered
from realtime.errors import ContextTooLong, EngineBusy, EngineFailed, NotServed
from tests.backend.remote.channel_doubles import channels_to, echo, failing, frame, refused_stream, stuck, told, words
from tests.backend.remote.remote_backend import BareBackend, at_work
from tests.server.house import until

SECRET = "sesame-open"


async def test_the_three_kinds_of_calls() -> None:
    """One and one, one and many, many and many."""
    backend = BareBackend({"PredictStream": told, "AudioTransformStream": echo})
    async with at_work(backend) as address:
        channels = channels_to(address)
        assert (await channels.unary("Health", pb.HealthMessage())).message == b"OK"
        assert await words(channels) == [b"well", b"then"]
        async with channels.two_way("AudioTransformStream") as stream, aclosing(stream.replies()) as replies:
            for pcm in (b"ab", b"cd"):
                await stream.send(frame(pcm))
                assert (await anext(replies)).pcm == pcm
            await stream.end()
            assert [reply async for reply in replies] == []
        async with channels.two_way("AudioTransformStream", frame(b"ef"), greeted=True) as stream:
            assert stream.greeting.pcm == b"ef"
        await channels.close()


async def test_a_call_ends_at_its_deadline_at_both_ends() -> None:
    """The line's own, or the call's."""
    gate = asyncio.Event()

    backend = BareBackend({"PredictStream": stuck(gate)})
    async with at_work(backend) as address:
        for options, of_call in (({"deadline_s": 0.3}, {}), ({}, {"deadline_s": 0.3})):
            channels = channels_to(address, **options)
            with pytest.raises(EngineFailed, match=f"{address} did not answer 'PredictStream' in time"):
                await words(channels, **of_call)
            await channels.close()
        await until(lambda: backend.ended == ["PredictStream"] * 2)


@pytest.mark.parametrize("by", ["closing", "cancelling"])
async def test_giving_up_reaches_the_other_side(by: str) -> None:
    """At once: nothing else ends the work there."""
    gate = asyncio.Event()

    async def never(request: Any, context: Any) -> pb.Reply:
        await gate.wait()
        raise AssertionError

    backend = BareBackend({"PredictStream": stuck(gate), "Predict": never, "AudioTransformStream": echo})
    async with at_work(backend) as address:
        channels = channels_to(address)
        if by == "closing":
            replies = channels.streaming("PredictStream", pb.PredictOptions())
            await anext(replies)
            await replies.aclose()
            async with channels.two_way("AudioTransformStream") as stream:
                await stream.send(frame(b"ab"))
                await until(lambda: "AudioTransformStream" in backend.calls)
        else:
            for work in (words(channels), channels.unary("Predict", pb.PredictOptions())):
                count = len(backend.calls)
                task = asyncio.get_running_loop().create_task(work)
                await until(lambda count=count: len(backend.calls) > count)  # type: ignore[misc]
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
        await until(lambda: sorted(backend.ended) == sorted(backend.calls))
        assert len(backend.ended) == 2
        await channels.close()


@pytest.mark.parametrize(
    ("code", "details", "kind"),
    [
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "", EngineBusy),
        (grpc.StatusCode.UNIMPLEMENTED, "", NotServed),
        (grpc.StatusCode.UNAUTHENTICATED, "", EngineFailed),
        (grpc.StatusCode.PERMISSION_DENIED, "", EngineFailed),
        (grpc.StatusCode.FAILED_PRECONDITION, "", EngineFailed),
        (grpc.StatusCode.INTERNAL, "", EngineFailed),
        (grpc.StatusCode.CANCELLED, "", EngineFailed),
        (grpc.StatusCode.INVALID_ARGUMENT, "Somebody said: my secret.", EngineFailed),
        (grpc.StatusCode.INVALID_ARGUMENT, "the request exceeds the available context size", ContextTooLong),
    ],
)
async def test_a_refusal_names_the_address_and_nothing_that_was_said(
    code: grpc.StatusCode, details: str, kind: type[Exception]
) -> None:
    """A conversation goes on after each: they are all failures of an engine."""
    details = details or "Somebody said: my secret."
    backend = BareBackend({"Predict": failing(code, details), "PredictStream": refused_stream(code, details)})
    async with at_work(backend) as address:
        channels = channels_to(address, token=SECRET)
        for work in (channels.unary("Predict", pb.PredictOptions()), words(channels)):
            with pytest.raises(kind) as refused:
                await work
            assert isinstance(refused.value, EngineFailed)
            assert address in str(refused.value)
            assert "said" not in str(refused.value)
            assert SECRET not in str(refused.value)
            assert isinstance(refused.value.__cause__, grpc.aio.AioRpcError)
        await channels.close()


@pytest.mark.parametrize("greeted", [True, False])
async def test_a_call_that_is_not_there_is_told_from_one_that_failed(greeted: bool) -> None:
    """Even where much is said before the refusal has come."""

    async def talk(channels: Channels) -> None:
        async with (
            channels.two_way("AudioTransformStream", frame(b"ab"), greeted=greeted) as stream,
            aclosing(stream.replies()) as replies,
        ):
            for _ in range(50):
                await stream.send(frame(b"ab"))
            await anext(replies)

    async with at_work(BareBackend()) as address:
        channels = channels_to(address)
        for work in (talk(channels), words(channels)):
            with pytest.raises(NotOffered, match="does not offer"):
                await work
        await channels.close()


@pytest.mark.parametrize("deadline_s", [None, 60.0, 3.0])
async def test_what_a_stream_was_told_is_found_out_at_a_glance(deadline_s: float | None) -> None:
    """A backend that does not even refuse it keeps nobody waiting, and its deadline does not begin anew."""
    left_s: list[float | None] = []

    async def note(requests: Any, context: Any) -> AsyncIterator[pb.AudioTransformFrameResponse]:
        left_s.append(context.time_remaining())
        async for response in echo(requests, context):
            yield response

    async with at_work(BareBackend({"AudioTransformStream": note})) as address:
        channels = channels_to(address, connect_timeout_s=5.0)
        async with channels.two_way("AudioTransformStream", deadline_s=deadline_s) as stream:
            await stream.end()
            async with aclosing(stream.replies()) as replies:
                assert [reply async for reply in replies] == []
            glance = stream.again()
            await glance.done_writing()
            assert await glance.read() is grpc.aio.EOF
        first_s, again_s = left_s
        assert (first_s is None) == (deadline_s is None)
        assert again_s is not None
        assert again_s < 1.1 * min(5.0, deadline_s or 5.0)  # gRPC tells it to a few per cent
        await channels.close()


async def test_a_stream_without_a_greeting_is_opened_elsewhere() -> None:
    """Nothing has come of it yet."""

    async def full(requests: Any, context: Any) -> AsyncIterator[pb.AudioTransformFrameResponse]:
        await context.read()
        await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "")
        yield pb.AudioTransformFrameResponse()

    backends = [BareBackend({"AudioTransformStream": answer}) for answer in (full, echo)]
    async with at_work(*backends) as addresses:
        channels = channels_to(addresses)
        for _ in range(2):
            async with channels.two_way("AudioTransformStream", frame(b"ab"), greeted=True) as stream:
                assert stream.greeting.pcm == b"ab"
                assert stream.address == backends[1].address
        assert backends[0].calls
        await channels.close()


async def test_the_token_is_shown_and_never_printed() -> None:
    """With every call."""
    backend = BareBackend({"PredictStream": told, "AudioTransformStream": echo})
    async with at_work(backend) as address:
        channels = channels_to(address, token=SECRET)
        await channels.unary("Health", pb.HealthMessage())
        await words(channels)
        async with channels.two_way("AudioTransformStream") as stream:
            await stream.end()
            async with aclosing(stream.replies()) as replies:
                assert [reply async for reply in replies] == []
        assert [shown["authorization"] for shown in backend.metadata] == [f"Bearer {SECRET}"] * 3
        await channels.close()
    connection = Connection(token=SECRET, deadline_s=7)
    assert "deadline_s=7" in repr(connection)
    assert SECRET not in repr(connection) + repr(make_line(address, connection))


async def test_a_message_that_is_too_large_fails_and_nothing_else_does() -> None:
    """In either direction."""

    async def long(request: Any, context: Any) -> AsyncIterator[pb.Reply]:
        yield pb.Reply(message=bytes(1 << 20))

    backend = BareBackend({"PredictStream": long})
    async with at_work(backend) as address:
        channels = channels_to(address, max_message_bytes=1 << 16)
        with pytest.raises(EngineBusy, match="too large"):
            await words(channels)
        with pytest.raises(EngineBusy, match="too large"):
            await channels.unary("Health", pb.PredictOptions(Prompt="x" * (1 << 20)))
        assert (await channels.unary("Health", pb.HealthMessage())).message == b"OK"
        await channels.close()
