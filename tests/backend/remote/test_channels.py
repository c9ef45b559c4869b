"""Calls to other machines' backends over real channels: balance, second tries, deadlines, cancelling, errors."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, suppress
from typing import Any

import grpc
import pytest

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.remote import places
from realtime.backend.remote.channels import Channels
from realtime.backend.remote.connection import UNHEARD_MS, Connection, make_line
from realtime.backend.remote.refusals import NotOffered
from realtime.errors import ContextTooLong, EngineBusy, EngineFailed, NotServed
from tests.backend.remote.remote_backend import Answer, BareBackend, at_work
from tests.backend.remote.silent_way import silent_way
from tests.server.house import until

SECRET = "sesame-open"


def channels_to(address: str, **options: Any) -> Channels:
    """Made as an engine's are, without asking first."""
    return Channels(make_line(address, Connection(**options)))


def failing(code: grpc.StatusCode, details: str = "Somebody said: my secret.") -> Answer:
    async def answer(request: Any, context: Any) -> Any:
        await context.abort(code, details)

    return answer


async def told(request: Any, context: Any) -> AsyncIterator[pb.Reply]:
    """Two words."""
    for word in (b"well", b"then"):
        yield pb.Reply(message=word)


async def echo(requests: Any, context: Any) -> AsyncIterator[pb.AudioTransformFrameResponse]:
    """What is said, back."""
    async for request in requests:
        yield pb.AudioTransformFrameResponse(pcm=request.frame.audio_pcm)


async def words(channels: Channels, **options: Any) -> list[bytes]:
    async with aclosing(channels.streaming("PredictStream", pb.PredictOptions(), **options)) as replies:
        return [reply.message async for reply in replies]


def frame(pcm: bytes) -> pb.AudioTransformFrameRequest:
    return pb.AudioTransformFrameRequest(frame=pb.AudioTransformFrame(audio_pcm=pcm))


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


async def test_the_least_busy_gets_the_next_call() -> None:
    """And each the same number when all are idle."""
    gate = asyncio.Event()

    async def waiting(request: Any, context: Any) -> AsyncIterator[pb.Reply]:
        yield pb.Reply(message=b"well")
        await gate.wait()

    backends = [BareBackend({"PredictStream": waiting}) for _ in range(3)]
    async with at_work(*backends) as addresses:
        channels = channels_to(addresses)
        for _ in range(30):
            await channels.unary("Health", pb.HealthMessage())
        await until(lambda: all(backend.calls for backend in backends))
        before = [len(backend.calls) for backend in backends]
        begun = [channels.streaming("PredictStream", pb.PredictOptions()) for _ in range(6)]
        for replies in begun:
            await anext(replies)
        assert [backend.calls.count("PredictStream") for backend in backends] == [2, 2, 2]
        await begun[0].aclose()
        begun[0] = channels.streaming("PredictStream", pb.PredictOptions())
        await anext(begun[0])
        assert [backend.calls.count("PredictStream") for backend in backends].count(3) == 1
        assert min(before) >= 5
        gate.set()
        for replies in begun:
            await replies.aclose()
        await channels.close()


async def test_what_is_refused_before_anything_came_is_tried_elsewhere() -> None:
    """Once at each other address; the one that refused is avoided for a while."""
    refusing = BareBackend({"PredictStream": refused_stream(grpc.StatusCode.UNAVAILABLE)})
    full = BareBackend({"PredictStream": refused_stream(grpc.StatusCode.RESOURCE_EXHAUSTED)})
    working = BareBackend({"PredictStream": told})
    async with at_work(refusing, full, working) as addresses:
        channels = channels_to(addresses)
        for _ in range(6):
            assert await words(channels) == [b"well", b"then"]
        assert len(refusing.calls) <= 1
        assert len(working.calls) == 6
        await channels.close()


async def test_a_write_that_was_lost_is_not_made_again() -> None:
    """It may have been done; one that was refused for being too much was not."""
    for code, tries in ((grpc.StatusCode.UNAVAILABLE, 1), (grpc.StatusCode.RESOURCE_EXHAUSTED, 2)):
        backends = [BareBackend({"StoresSet": failing(code)}) for _ in range(2)]
        async with at_work(*backends) as addresses:
            channels = channels_to(addresses)
            with pytest.raises(EngineFailed):
                await channels.unary("StoresSet", pb.StoresSetOptions())
            assert sum(len(backend.calls) for backend in backends) == tries
            await channels.close()


async def test_what_all_refuse_fails_with_the_last_refusal() -> None:
    """After one try at each."""
    backends = [BareBackend({"PredictStream": refused_stream(grpc.StatusCode.RESOURCE_EXHAUSTED)}) for _ in range(3)]
    async with at_work(*backends) as addresses:
        channels = channels_to(addresses)
        with pytest.raises(EngineBusy):
            await words(channels)
        assert [backend.calls for backend in backends] == [["PredictStream"]] * 3
        await channels.close()


async def test_an_address_that_is_down_is_passed_over_and_comes_back() -> None:
    """For all kinds of calls."""
    down, working = (BareBackend({"PredictStream": told, "AudioTransformStream": echo}) for _ in range(2))
    async with at_work(down, working) as addresses:
        await down.close()
        channels = channels_to(addresses)
        for _ in range(3):
            assert (await channels.unary("Health", pb.HealthMessage())).message == b"OK"
            assert await words(channels) == [b"well", b"then"]
            async with channels.two_way("AudioTransformStream") as stream, aclosing(stream.replies()) as replies:
                await stream.send(frame(b"ab"))
                assert (await anext(replies)).pcm == b"ab"
        assert not down.calls
        await down.open()

        async def asked_again() -> bool:
            await words(channels)
            return bool(down.calls)

        await until(asked_again)
        await channels.close()


async def test_an_answer_that_has_begun_is_not_begun_again() -> None:
    """When the backend dies in its midst the call fails, and the next goes elsewhere."""
    gate = asyncio.Event()

    async def stuck(request: Any, context: Any) -> AsyncIterator[pb.Reply]:
        yield pb.Reply(message=b"well")
        await gate.wait()

    backends = [BareBackend({"PredictStream": stuck}) for _ in range(2)]
    async with at_work(*backends) as addresses:
        channels = channels_to(addresses)
        async with aclosing(channels.streaming("PredictStream", pb.PredictOptions())) as replies:
            await anext(replies)
            (dying,) = (backend for backend in backends if backend.calls)
            (other,) = (backend for backend in backends if not backend.calls)
            await dying.close()
            with pytest.raises(EngineFailed, match=f"{dying.address} cannot be reached, or broke off"):
                await anext(replies)
        assert not other.calls
        async with aclosing(channels.streaming("PredictStream", pb.PredictOptions())) as replies:
            await anext(replies)
        assert other.calls
        gate.set()
        await channels.close()


async def test_who_says_it_is_not_serving_is_left_alone_until_it_serves_again() -> None:
    """By the standard health service, which gRPC watches."""
    backends = [BareBackend({"PredictStream": told}, watched=True) for _ in range(2)]
    async with at_work(*backends) as addresses:
        channels = channels_to(addresses)

        async def both_answer() -> bool:
            await words(channels)
            return all(backend.calls for backend in backends)

        await until(both_answer)
        await backends[0].tell(serving=False)

        async def only_the_other_answers() -> bool:
            before = len(backends[0].calls)
            for _ in range(4):
                await words(channels)
            return len(backends[0].calls) == before

        await until(only_the_other_answers)
        await backends[1].tell(serving=False)

        async def nobody_answers() -> bool:
            try:
                await words(channels)
            except EngineFailed:
                return True
            return False

        await until(nobody_answers)
        for backend in backends:
            backend.calls.clear()
            await backend.tell(serving=True)

        async def serves_again() -> bool:
            return not await nobody_answers() and all(backend.calls for backend in backends)

        await until(serves_again)
        await channels.close()


async def ask(channels: Channels, kind: str) -> None:
    """Any call of that kind, to its end or its deadline."""
    match kind:
        case "unary":
            await channels.unary("Health", pb.HealthMessage())
        case "streaming":
            await words(channels)
        case _:
            greeted = kind == "greeted"
            name, opening = "AudioTransformStream", frame(b"ab")
            async with channels.two_way(name, opening, greeted=greeted, deadline_s=1.0) as stream:
                await stream.end()
                async with aclosing(stream.replies()) as replies:
                    assert len([reply async for reply in replies]) == (0 if greeted else 1)


@pytest.mark.parametrize("kind", ["unary", "streaming", "two-way", "greeted"])
async def test_who_falls_silent_is_avoided(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that vanishes refuses nothing, breaks nothing off, and was healthy when it was last heard of."""
    monkeypatch.setattr(places, "AVOIDED_S", 3600.0)
    answers = {"PredictStream": told, "AudioTransformStream": echo}
    backends = [BareBackend(answers, watched=True) for _ in range(2)]
    async with at_work(*backends), silent_way(backends[0].address) as way:
        channels = channels_to(f"{way.address},{backends[1].address}", deadline_s=1.0)

        async def both_answer() -> bool:
            await ask(channels, kind)
            return all(backend.calls for backend in backends)

        await until(both_answer)
        way.open = False
        failed: list[EngineFailed] = []
        for _ in range(10):
            try:
                await ask(channels, kind)
            except EngineFailed as problem:
                failed.append(problem)
        assert len(failed) == 1
        assert f"{way.address} did not answer" in str(failed[0])
        await channels.close()


@pytest.mark.parametrize("kind", ["unary", "streaming", "two-way", "greeted"])
async def test_who_was_silent_and_speaks_is_forgiven(kind: str) -> None:
    """It was only slow: the next time is the first one again."""
    gate = asyncio.Event()

    async def late_told(request: Any, context: Any) -> AsyncIterator[pb.Reply]:
        await gate.wait()
        async for reply in told(request, context):
            yield reply

    async def late_health(request: Any, context: Any) -> pb.Reply:
        await gate.wait()
        return pb.Reply(message=b"OK")

    async def late_echo(requests: Any, context: Any) -> AsyncIterator[pb.AudioTransformFrameResponse]:
        await gate.wait()
        async for response in echo(requests, context):
            yield response

    late = {"Health": late_health, "PredictStream": late_told, "AudioTransformStream": late_echo}
    backend = BareBackend(late)
    async with at_work(backend) as address:
        channels = channels_to(address, deadline_s=1.0)
        with pytest.raises(EngineFailed, match="in time"):
            await ask(channels, kind)
        (place,) = channels._places._places
        assert place.silences == 1
        await until(lambda: bool(backend.ended))
        gate.set()
        await ask(channels, kind)
        assert place.silences == 0
        await channels.close()


async def test_a_stream_that_breaks_off_has_its_address_avoided(monkeypatch: pytest.MonkeyPatch) -> None:
    """By other streams too, though it has said something, and is still connected."""
    monkeypatch.setattr(places, "AVOIDED_S", 3600.0)

    async def lost(requests: Any, context: Any) -> AsyncIterator[pb.AudioTransformFrameResponse]:
        yield pb.AudioTransformFrameResponse(pcm=b"ab")
        while await context.read() is not grpc.aio.EOF:
            continue
        await context.abort(grpc.StatusCode.UNAVAILABLE, "going down")

    backends = [BareBackend({"AudioTransformStream": answer}) for answer in (lost, echo)]
    async with at_work(*backends) as addresses:
        channels = channels_to(addresses)
        broken: list[str] = []
        for _ in range(8):
            async with channels.two_way("AudioTransformStream", frame(b"ab")) as stream:
                await stream.end()
                try:
                    async with aclosing(stream.replies()) as replies:
                        assert [reply.pcm async for reply in replies] == [b"ab"]
                except EngineFailed:
                    broken.append(stream.address)
        assert broken == [backends[0].address]
        await channels.close()


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels cannot be told")
async def test_the_kernel_knows_how_long_what_was_sent_may_go_unheard() -> None:
    """It breaks the connection off then; otherwise it would go on sending for a quarter of an hour."""
    async with at_work(BareBackend()) as address:
        channels = channels_to(address)
        await channels.unary("Health", pb.HealthMessage())
        assert list(unheard_ms(address)) == [UNHEARD_MS]
        await channels.close()


def unheard_ms(address: str) -> Iterator[int]:
    """Of each connection of ours to `address`."""
    for file in os.listdir("/proc/self/fd"):
        with suppress(OSError), socket.socket(fileno=os.dup(int(file))) as connection:
            host, port, *_ = connection.getpeername() or ("", "")
            if f"{host.removeprefix('::ffff:')}:{port}" == address:
                yield connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)


async def test_a_call_ends_at_its_deadline_at_both_ends() -> None:
    """The line's own, or the call's."""
    gate = asyncio.Event()

    async def stuck(request: Any, context: Any) -> AsyncIterator[pb.Reply]:
        yield pb.Reply(message=b"well")
        await gate.wait()

    backend = BareBackend({"PredictStream": stuck})
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

    async def stuck(request: Any, context: Any) -> AsyncIterator[pb.Reply]:
        yield pb.Reply(message=b"well")
        await gate.wait()

    async def never(request: Any, context: Any) -> pb.Reply:
        await gate.wait()
        raise AssertionError

    backend = BareBackend({"PredictStream": stuck, "Predict": never, "AudioTransformStream": echo})
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


def refused_stream(code: grpc.StatusCode, details: str = "") -> Answer:
    async def answer(request: Any, context: Any) -> AsyncIterator[pb.Reply]:
        await context.abort(code, details)
        yield pb.Reply()

    return answer
