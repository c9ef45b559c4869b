"""Calls that are passed on to another backend, over two real channels."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from realtime.backend.door import Door
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.remote.refusals import refusal as refusal_from_afar
from realtime.errors import BadConfiguration, ContextTooLong
from realtime.keys import Keyring
from tests.backend.doorway import Doorway, refusal
from tests.backend.remote.remote_backend import BareBackend, opened
from tests.backend.rooms import premises_of
from tests.server.house import free_port, until

SECRET = "sesame-open"


async def painted(request: pb.GenerateImageRequest, context: Any) -> pb.Result:
    return pb.Result(success=True, message=f"painted {request.positive_prompt} into {request.dst}")


async def trained(request: Any, context: Any) -> AsyncIterator[pb.FineTuneProgressUpdate]:
    for step in (1, 2, 3):
        yield pb.FineTuneProgressUpdate(current_step=step)


async def echo(requests: Any, context: Any) -> AsyncIterator[pb.AudioTransformFrameResponse]:
    async for request in requests:
        yield pb.AudioTransformFrameResponse(pcm=request.frame.audio_pcm)


def frame(pcm: bytes) -> pb.AudioTransformFrameRequest:
    return pb.AudioTransformFrameRequest(frame=pb.AudioTransformFrame(audio_pcm=pcm))


@asynccontextmanager
async def routed(backend: BareBackend, *keys: str, **settings: Any) -> AsyncIterator[Doorway]:
    """A door that sends all that `backend` answers to it."""
    backend.address = f"127.0.0.1:{free_port()}"
    routes = {name: f"grpc://{backend.address}" for name in backend.answers if name != "Health"}
    async with Doorway(premises_of(routes=routes, **settings), *keys) as door, opened(backend):
        yield door


async def test_calls_of_every_kind_are_passed_on() -> None:
    """Unary, answered by many, and two-way in step; what has no route is answered here."""
    answers = {"GenerateImage": painted, "FineTuneProgress": trained, "AudioTransformStream": echo}
    backend = BareBackend(answers)
    async with routed(backend) as door:
        result = await door.stub.GenerateImage(pb.GenerateImageRequest(positive_prompt="a boat", dst="/tmp/x.png"))
        assert result == pb.Result(success=True, message="painted a boat into /tmp/x.png")
        progress = door.stub.FineTuneProgress(pb.FineTuneProgressRequest())
        assert [update.current_step async for update in progress] == [1, 2, 3]
        stream = door.stub.AudioTransformStream()
        for pcm in (b"ab", b"cd"):
            await stream.write(frame(pcm))
            assert (await stream.read()).pcm == pcm
        await stream.done_writing()
        assert await stream.read() is grpc.aio.EOF
        assert await stream.code() is grpc.StatusCode.OK
        assert (await door.stub.Status(pb.HealthMessage())).state == pb.StatusResponse.READY
        assert backend.calls == list(answers)


async def test_fields_that_nobody_here_knows_survive() -> None:
    """A newer backend may have them, and so may its clients."""
    asked: list[bytes] = []

    async def note(request: pb.GenerateImageRequest, context: Any) -> pb.Result:
        asked.append(request.SerializeToString())
        return pb.Result(success=True)

    unknown = b"\xa2\x3f\x05later"
    async with routed(BareBackend({"GenerateImage": note})) as door:
        call: Any = door.channel.unary_unary("/backend.Backend/GenerateImage")
        await call(pb.GenerateImageRequest(dst="/x").SerializeToString() + unknown)
        assert asked == [pb.GenerateImageRequest(dst="/x").SerializeToString() + unknown]


@pytest.mark.parametrize("code", [grpc.StatusCode.NOT_FOUND, grpc.StatusCode.ABORTED, grpc.StatusCode.UNIMPLEMENTED])
async def test_statuses_come_back_as_they_are(code: grpc.StatusCode) -> None:
    """In the backend's own words, of all kinds of calls; one that has begun keeps what came."""

    async def refuse(request: Any, context: Any) -> Any:
        await context.abort(code, "no such boat")

    async def refuse_later(request: Any, context: Any) -> AsyncIterator[pb.FineTuneProgressUpdate]:
        yield pb.FineTuneProgressUpdate(current_step=1)
        await context.abort(code, "no such boat")

    async def refuse_talk(requests: Any, context: Any) -> AsyncIterator[pb.AudioTransformFrameResponse]:
        await context.read()
        await context.abort(code, "no such boat")
        yield pb.AudioTransformFrameResponse()

    answers = {"GenerateImage": refuse, "FineTuneProgress": refuse_later, "AudioTransformStream": refuse_talk}
    async with routed(BareBackend(answers)) as door:
        assert await refusal(door.stub.GenerateImage(pb.GenerateImageRequest())) == (code, "no such boat")
        progress = door.stub.FineTuneProgress(pb.FineTuneProgressRequest())
        assert (await progress.read()).current_step == 1
        assert await refusal(progress.read()) == (code, "no such boat")
        stream = door.stub.AudioTransformStream()
        await stream.write(frame(b"ab"))
        assert await refusal(stream.read()) == (code, "no such boat")


async def test_what_is_told_beside_a_status_comes_along() -> None:
    """So that an error is known for what it is behind a route, too."""
    told = (("realtime-error", "context_length_exceeded"), ("hint", "shorter"), ("proof-bin", b"\0\xff"))

    async def refuse(request: Any, context: Any) -> pb.Reply:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "9 tokens, room for 8", told)
        raise AssertionError

    async def refuse_plainly(request: Any, context: Any) -> pb.Result:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no")
        raise AssertionError

    async with routed(BareBackend({"Predict": refuse, "GenerateImage": refuse_plainly})) as door:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await door.stub.Predict(pb.PredictOptions(Prompt="Hi"))
        assert tuple(refused.value.trailing_metadata() or ()) == told
        assert isinstance(refusal_from_afar(refused.value, "there:1", "Predict"), ContextTooLong)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await door.stub.GenerateImage(pb.GenerateImageRequest())
        assert not refused.value.trailing_metadata()


async def test_the_remaining_time_goes_with_the_call_and_so_does_cancelling() -> None:
    """Work that nobody waits for any more ends."""
    gate = asyncio.Event()
    remaining: list[float] = []

    async def stuck(request: Any, context: Any) -> pb.Result:
        remaining.append(context.time_remaining())
        await gate.wait()
        raise AssertionError

    async def talk(requests: Any, context: Any) -> AsyncIterator[pb.AudioTransformFrameResponse]:
        await context.read()
        yield pb.AudioTransformFrameResponse()
        await gate.wait()

    backend = BareBackend({"GenerateImage": stuck, "AudioTransformStream": talk})
    async with routed(backend, deadline_s=50.0) as door:
        code, _ = await refusal(door.stub.GenerateImage(pb.GenerateImageRequest(), timeout=0.3))
        assert code is grpc.StatusCode.DEADLINE_EXCEEDED
        call = door.stub.GenerateImage(pb.GenerateImageRequest())
        await until(lambda: len(remaining) == 2)
        call.cancel()
        assert remaining[0] < 1
        assert 40 < remaining[1] < 51  # gRPC tells it in coarse steps
        stream = door.stub.AudioTransformStream()
        await stream.write(frame(b"ab"))
        await stream.read()
        stream.cancel()
        await until(lambda: len(backend.ended) == 3)
        await until(lambda: door.going_on == 0)


async def test_a_backend_that_is_away_is_said_to_be() -> None:
    """And the next call finds it when it is back."""
    backend = BareBackend({"GenerateImage": painted})
    async with routed(backend) as door:
        await backend.close()
        code, _ = await refusal(door.stub.GenerateImage(pb.GenerateImageRequest()))
        assert code is grpc.StatusCode.UNAVAILABLE
        await backend.open()

        async def back() -> bool:
            try:
                return bool((await door.stub.GenerateImage(pb.GenerateImageRequest())).success)
            except grpc.aio.AioRpcError:
                return False

        await until(back)


async def test_the_backend_is_shown_its_own_token_and_not_the_callers() -> None:
    """Which stays between the caller and this server."""
    backend = BareBackend({"GenerateImage": painted})
    async with routed(backend, "callers-key", route_options={"token": SECRET}) as door:
        code, _ = await refusal(door.stub.GenerateImage(pb.GenerateImageRequest()))
        assert code is grpc.StatusCode.UNAUTHENTICATED
        key = (("authorization", "Bearer callers-key"),)
        await door.stub.GenerateImage(pb.GenerateImageRequest(), metadata=key)
    assert [shown["authorization"] for shown in backend.metadata] == [f"Bearer {SECRET}"]
    assert SECRET not in repr(premises_of(route_options={"token": SECRET}).settings)


async def test_without_a_route_the_reason_is_told() -> None:
    """And the setting that would help."""
    async with Doorway(premises_of()) as door:
        code, message = await refusal(door.stub.GenerateImage(pb.GenerateImageRequest()))
        assert code is grpc.StatusCode.UNIMPLEMENTED
        assert "grpc.routes" in message


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"routes": {"PaintImage": "grpc://10.0.0.7:1"}}, "grpc.routes.PaintImage"),
        ({"routes": {"GenerateImage": "http://10.0.0.7:1"}}, "grpc.routes.GenerateImage"),
        ({"routes": {"GenerateImage": "grpc://10.0.0.7"}}, "10.0.0.7"),
        ({"routes": {"StoresFind": "grpc://10.0.0.7:1,10.0.0.8:1"}}, "grpc.routes.StoresFind.* must be one"),
        ({"routes": {"AudioDecode": "grpc://10.0.0.7:1,10.0.0.8:1"}}, "grpc.routes.AudioDecode.* must be one"),
        ({"routes": {"StopFineTune": "grpc://10.0.0.7:1,10.0.0.8:1"}}, "grpc.routes.StopFineTune.* must be one"),
        ({"routes": {}, "route_options": {"tokn": "x"}}, "grpc.route_options"),
        ({"routes": {"Free": "grpc://a:1"}, "route_options": {"tls_authority": "/nowhere.pem"}}, "tls = true"),
        (
            {"routes": {"Free": "grpc://a:1"}, "route_options": {"tls": True, "tls_authority": "/nowhere.pem"}},
            "/nowhere",
        ),
    ],
)
async def test_what_cannot_be_a_route_keeps_the_server_from_starting(settings: dict[str, Any], named: str) -> None:
    """It names the setting."""
    premises = premises_of(**settings)
    with pytest.raises(BadConfiguration, match=named):
        Door(premises, Keyring(()))
