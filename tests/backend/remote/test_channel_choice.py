"""Which of a backend's addresses is asked: the least busy, and not who is down, refuses, or says nothing."""

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
from realtime.backend.remote.connection import UNHEARD_MS
from realtime.errors import EngineBusy, EngineFailed
from tests.backend.remote.channel_doubles import channels_to, echo, failing, frame, refused_stream, stuck, told, words
from tests.backend.remote.remote_backend import BareBackend, at_work
from tests.backend.remote.silent_way import silent_way
from tests.server.house import until


async def test_the_least_busy_gets_the_next_call() -> None:
    """And each the same number when all are idle."""
    gate = asyncio.Event()

    backends = [BareBackend({"PredictStream": stuck(gate)}) for _ in range(3)]
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

    backends = [BareBackend({"PredictStream": stuck(gate)}) for _ in range(2)]
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
