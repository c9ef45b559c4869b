"""`realtime backend` as LocalAI starts it: a process of its own, that takes calls before its models are loaded."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from asyncio.subprocess import Process
from collections.abc import Awaitable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from grpc.aio import insecure_channel as channel_to
from grpc_health.v1 import health_pb2, health_pb2_grpc

from realtime.backend.pb import backend_pb2 as pb
from tests.backend.doorway import refusal, stub_of
from tests.backend.speech_to_speech.caller import Caller
from tests.server.command import command, line_with, scripted_machine
from tests.server.house import PATIENCE_S, until


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A machine on which the scripted engines are installed, and a configuration that uses them."""
    return scripted_machine(tmp_path)


def realtime_backend(folder: Path, *arguments: str, addr: str = "127.0.0.1:0") -> AbstractAsyncContextManager[Process]:
    """The command, as long as the context lasts."""
    return command(folder, "backend", "--addr", addr, *arguments)


async def address_of(process: Process) -> str:
    """Where it listens, once it says so."""
    return (await line_with(process, "Listening for gRPC on ")).split()[-1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_loads_answers_and_ends_well(folder: Path, number: signal.Signals) -> None:
    """LocalAI asks for health, loads, and calls; a signal ends it, its engines given back."""
    async with realtime_backend(folder) as process:
        async with channel_to(await address_of(process)) as channel:
            stub = stub_of(channel)
            assert (await stub.Health(pb.HealthMessage())).message == b"OK"
            assert (await stub.LoadModel(pb.ModelOptions(Model="realtime"))).success
            assert (await stub.Status(pb.HealthMessage())).state == pb.StatusResponse.READY
        process.send_signal(number)
        async with asyncio.timeout(PATIENCE_S):
            out, err = await process.communicate()
        assert process.returncode == 0
        assert b"the voice is closed" in out
        assert b"Traceback" not in err


async def test_a_conversation_in_which_nothing_is_answered_does_not_keep_it(folder: Path) -> None:
    """It is told to stop, and need not wait for `drain_s`; the client knows that it may go elsewhere."""
    async with realtime_backend(folder) as process, channel_to(await address_of(process)) as channel:
        stub = stub_of(channel)
        await stub.LoadModel(pb.ModelOptions())
        caller = Caller(stub.AudioToAudioStream())
        await caller.config()
        assert await caller.asks()
        process.send_signal(signal.SIGTERM)
        assert (await caller.fails())[0] is grpc.StatusCode.UNAVAILABLE
        async with asyncio.timeout(PATIENCE_S):
            await process.communicate()
        assert process.returncode == 0


async def test_health_follows_the_engines(folder: Path) -> None:
    """Serving while they are loaded, not after they were freed, and again when they are back."""
    async with realtime_backend(folder) as process, channel_to(await address_of(process)) as channel:
        stub, health = stub_of(channel), cast(Any, health_pb2_grpc.HealthStub(cast(Any, channel)))

        async def told() -> int:
            status: int = (await health.Check(health_pb2.HealthCheckRequest(service="backend.Backend"))).status
            return status

        for _ in range(2):
            await stub.LoadModel(pb.ModelOptions())
            assert await told() == health_pb2.HealthCheckResponse.SERVING
            assert (await stub.Free(pb.HealthMessage())).message == "freed"
            assert await told() == health_pb2.HealthCheckResponse.NOT_SERVING


async def test_health_follows_what_a_caller_began_to_load_and_left(folder: Path) -> None:
    """With a deadline that is shorter than the loading: what answers calls must not look as if it did not."""
    gate = slow_ears(folder)
    async with realtime_backend(folder) as process, channel_to(await address_of(process)) as channel:
        stub, health = stub_of(channel), cast(Any, health_pb2_grpc.HealthStub(cast(Any, channel)))

        async def serving() -> bool:
            status: int = (await health.Check(health_pb2.HealthCheckRequest(service="backend.Backend"))).status
            return status == health_pb2.HealthCheckResponse.SERVING

        async def loading() -> bool:
            return "being loaded" in (await refusal(stub.VAD(pb.VADRequest())))[1]

        await asyncio.to_thread(gate.write_bytes, b"")
        await stub.LoadModel(pb.ModelOptions())
        await stub.Free(pb.HealthMessage())
        assert not await serving()
        impatient = stub.LoadModel(pb.ModelOptions())
        await until(loading)
        assert impatient.cancel()
        await asyncio.to_thread(gate.write_bytes, b"")
        await until(serving)
        assert (await stub.Status(pb.HealthMessage())).state == pb.StatusResponse.READY


SLOW_EARS = """
from pathlib import Path

from tests.server.plugin import open_transcriber


def open_ears(workshop):
    Path({gate!r}).read_bytes()
    return open_transcriber(workshop)
"""


def slow_ears(folder: Path) -> Path:
    """Have the transcriber open each time only when somebody writes to the pipe that is returned."""
    gate = folder / "gate"
    os.mkfifo(gate)
    (folder / "slow_ears.py").write_text(SLOW_EARS.format(gate=str(gate)))
    (points,) = folder.glob("*.dist-info/entry_points.txt")
    points.write_text(points.read_text().replace("tests.server.plugin:open_transcriber", "slow_ears:open_ears"))
    return gate


async def test_a_second_signal_ends_what_is_going_on(folder: Path) -> None:
    """The first lets it finish, which may take long."""
    async with realtime_backend(folder) as process, channel_to(await address_of(process)) as channel:
        stub = stub_of(channel)
        await stub.LoadModel(pb.ModelOptions())
        stream = stub.AudioTransformStream()
        await stream.write(pb.AudioTransformFrameRequest(config=pb.AudioTransformStreamConfig(params=RESAMPLING)))
        await stream.write(pb.AudioTransformFrameRequest(frame=pb.AudioTransformFrame(audio_pcm=bytes(640))))
        assert await stream.read()
        process.send_signal(signal.SIGTERM)
        await until(lambda: is_refused(stub.Status(pb.HealthMessage())))
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            out, err = await process.communicate()
        assert process.returncode == 0
        assert b"the voice is closed" in out
        assert b"Traceback" not in err


async def is_refused(call: Awaitable[Any]) -> bool:
    """Whether it fails."""
    try:
        await call
    except grpc.aio.AioRpcError:
        return True
    return False


RESAMPLING = {"transform": "resample", "to_rate": "8000"}


@pytest.mark.parametrize("addr", ["0.0.0.0:0", "127.0.0.1:0"])
async def test_strangers_are_offered_no_folder(folder: Path, addr: str) -> None:
    """Who listens to other machines names the folders that they may use."""
    async with realtime_backend(folder, addr=addr) as process:
        port = (await address_of(process)).rpartition(":")[2]
        async with channel_to(f"127.0.0.1:{port}") as channel:
            stub = stub_of(channel)
            await stub.LoadModel(pb.ModelOptions())
            file = str(Path(tempfile.gettempdir()) / "there is none of this name.wav")
            code, _ = await refusal(stub.AudioTranscription(pb.TranscriptRequest(dst=file)))
    assert code is (grpc.StatusCode.PERMISSION_DENIED if addr.startswith("0") else grpc.StatusCode.NOT_FOUND)


async def test_without_its_models_it_says_what_is_missing(folder: Path) -> None:
    """To whoever calls, and in the log; the door stays open."""
    configuration = (folder / "realtime.toml").read_text().replace('[chat]\nengine = "fake"', '[chat]\nengine = "none"')
    (folder / "realtime.toml").write_text(configuration)
    async with realtime_backend(folder) as process, channel_to(await address_of(process)) as channel:
        stub = stub_of(channel)
        code, message = await refusal(stub.LoadModel(pb.ModelOptions()))
        assert code is grpc.StatusCode.UNIMPLEMENTED
        assert "no chat engine 'none'" in message
        assert (await stub.Status(pb.HealthMessage())).state == pb.StatusResponse.ERROR
        assert (await stub.Health(pb.HealthMessage())).message == b"OK"


@pytest.mark.parametrize("arguments", [["--directory", "{folder}"], []], ids=["named", "temporary"])
async def test_calls_may_name_files_in_its_folders(folder: Path, arguments: list[str]) -> None:
    """Those that are named, or the machine's temporary one, where LocalAI puts what it hands over."""
    (folder / "text.wav").write_text("Not a sound.")
    words = [word.format(folder=folder) for word in arguments]
    async with realtime_backend(folder, *words) as process, channel_to(await address_of(process)) as channel:
        stub = stub_of(channel)
        await stub.LoadModel(pb.ModelOptions())
        inside = await refusal(stub.AudioTranscription(pb.TranscriptRequest(dst=str(folder / "text.wav"))))
        assert inside[0] is grpc.StatusCode.INVALID_ARGUMENT
        outside = await refusal(stub.AudioTranscription(pb.TranscriptRequest(dst="/etc/hostname")))
        assert outside[0] is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize("addr", ["50051", "127.0.0.1:", "127.0.0.1:http", ":50051x"])
async def test_a_bad_address_is_one_line(folder: Path, addr: str) -> None:
    """With the address in it."""
    async with realtime_backend(folder, addr=addr) as process, asyncio.timeout(PATIENCE_S):
        out, err = await process.communicate()
    assert (process.returncode, out.strip()) == (1, b"")
    assert err.decode().strip() == f"realtime: --addr must be HOST:PORT, not {addr!r}"
