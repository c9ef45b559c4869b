"""The door over a real channel: health, reflection, tokens, limits, and how calls end."""

from __future__ import annotations

import asyncio
import threading
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from realtime.backend.door import Door
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.service import SERVICE
from realtime.backend.unserved import UNSERVED
from realtime.errors import BadConfiguration
from realtime.keys import Keyring
from tests.backend.doorway import PATIENCE_S, Doorway, refusal
from tests.backend.rooms import premises_of
from tests.fakes import FakeChat, fake_engines
from tests.server.house import until


async def test_it_is_healthy() -> None:
    """To LocalAI, and to whoever asks the standard way."""
    async with Doorway(premises_of()) as door:
        assert (await door.stub.Health(pb.HealthMessage())).message == b"OK"
        health: Any = health_pb2_grpc.HealthStub(door.channel)
        for service in ("", "backend.Backend"):
            told = await health.Check(health_pb2.HealthCheckRequest(service=service))
            assert told.status == health_pb2.HealthCheckResponse.SERVING


async def test_it_tells_what_it_serves() -> None:
    """To whoever asks by reflection: the service, and every message of it."""
    asked = (
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="backend.Backend"),
    )
    async with Doorway(premises_of()) as door:
        reflection: Any = reflection_pb2_grpc.ServerReflectionStub(cast(Any, door.channel))
        told = [answer async for answer in reflection.ServerReflectionInfo(iter(asked))]
    names = {service.name for service in told[0].list_services_response.service}
    assert {"backend.Backend", "grpc.health.v1.Health"} <= names
    file = FileDescriptorProto.FromString(told[1].file_descriptor_response.file_descriptor_proto[0])
    assert {method.name for method in file.service[0].method} == {method.name for method in SERVICE.methods}


async def test_without_a_key_only_health_is_told() -> None:
    """Once the operator has keys."""
    async with Doorway(premises_of(), "sesame") as door:
        assert (await door.stub.Health(pb.HealthMessage())).message == b"OK"
        for shown in ((), (("authorization", "Bearer simsim"),), (("authorization", "sesame"),)):
            code, message = await refusal(door.stub.Status(pb.HealthMessage(), metadata=shown))
            assert code is grpc.StatusCode.UNAUTHENTICATED
            assert "authorization" in message
            assert "simsim" not in message
            stream = door.stub.AudioToAudioStream(metadata=shown)
            assert (await refusal(stream.read()))[0] is grpc.StatusCode.UNAUTHENTICATED
        with_key = (("authorization", "Bearer sesame"),)
        assert (await door.stub.Status(pb.HealthMessage(), metadata=with_key)).state == pb.StatusResponse.READY


async def test_a_key_is_a_client() -> None:
    """Once the operator has keys: what one of them has taken, another need not go without."""
    async with Doorway(premises_of(max_streams_per_client=1), "sesame", "simsim") as door:
        held: list[Any] = []
        for key in ("sesame", "simsim"):
            metadata = (("authorization", f"Bearer {key}"),)
            held.append(door.stub.AudioTransformStream(metadata=metadata))
            await until(lambda: door.going_on == len(held))
            code, message = await refusal(door.stub.AudioTransformStream(metadata=metadata).read())
            assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert "grpc.max_streams_per_client" in message
        for stream in held:
            stream.cancel()
        await until(lambda: not door.going_on)


async def test_its_threads_are_over_when_it_is_closed(tmp_path: Path) -> None:
    """Those of files and those in which sound is coded."""
    (tmp_path / "sound.wav").write_bytes(b"none")
    async with Doorway(premises_of(None, tmp_path)) as door:
        before = set(threading.enumerate())
        await door.stub.AudioEncode(pb.AudioEncodeRequest(pcm_data=bytes(960)))
        code, _ = await refusal(door.stub.AudioTranscription(pb.TranscriptRequest(dst=str(tmp_path / "sound.wav"))))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        begun = {thread.name for thread in set(threading.enumerate()) - before}
        assert {"files_0", "coding_0"} <= begun
    assert not {thread.name for thread in threading.enumerate()} & {"files_0", "coding_0"}


async def test_a_message_too_large_is_refused_unread() -> None:
    """A gigabyte too, and the door stays open."""
    async with Doorway(premises_of()) as door:
        anything: Any = door.channel.unary_unary("/backend.Backend/VAD")
        assert (await refusal(anything(bytes(1 << 30))))[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert (await door.stub.Health(pb.HealthMessage())).message == b"OK"


async def test_what_there_is_no_engine_for_says_so() -> None:
    """With what would help."""
    async with Doorway(premises_of()) as door:
        for name in UNSERVED:
            method = SERVICE.methods_by_name[name]
            request = GetMessageClass(method.input_type)()
            call = getattr(door.stub, name)(request)
            code, message = await refusal(call.read() if method.server_streaming else call)
            assert code is grpc.StatusCode.UNIMPLEMENTED
            assert f"grpc.routes': {name} = " in message


async def test_an_occupied_port_is_a_bad_configuration() -> None:
    """That names it."""
    async with Doorway(premises_of()) as door:
        port = int(door.address.rpartition(":")[2])
        with pytest.raises(BadConfiguration, match=f"cannot listen for gRPC on 127.0.0.1 port {port}"):
            await Door(premises_of(port=port), Keyring(())).open()


@pytest.mark.parametrize("missing", ["tls_certificate", "tls_key"])
async def test_half_of_what_tls_needs_is_a_bad_configuration(missing: str, tmp_path: Path) -> None:
    """So is a file that is not there."""
    both: dict[str, Any] = {"tls_certificate": tmp_path / "certificate.pem", "tls_key": tmp_path / "key.pem"}
    with pytest.raises(BadConfiguration, match="cannot read"):
        await Door(premises_of(**both), Keyring(())).open()
    del both[missing]
    with pytest.raises(BadConfiguration, match=r"both 'grpc.tls_certificate' and 'grpc.tls_key'"):
        await Door(premises_of(**both), Keyring(())).open()


async def test_watchers_keep_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """They need no key and never hang up, and here are more of them than there may be calls."""
    monkeypatch.setattr("realtime.backend.door.MOST_WATCHES", 8)
    anything = health_pb2.HealthCheckRequest()
    async with AsyncExitStack() as stack:
        door = await stack.enter_async_context(Doorway(premises_of(max_calls=2, max_streams=2), "sesame"))
        own_line = [("grpc.use_local_subchannel_pool", 1)]
        lines = [
            await stack.enter_async_context(grpc.aio.insecure_channel(door.address, options=own_line)) for _ in range(3)
        ]
        services: list[Any] = [health_pb2_grpc.HealthStub(line) for line in lines]
        watching = [service.Watch(anything) for service in services[:2] for _ in range(4)]
        assert [(await watch.read()).status for watch in watching] == [health_pb2.HealthCheckResponse.SERVING] * 8
        for _ in range(4):
            code, _ = await refusal(services[2].Watch(anything).read())
            assert code is grpc.StatusCode.UNIMPLEMENTED  # by which gRPC's clients go without
        key = (("authorization", "Bearer sesame"),)
        assert not (await door.stub.VAD(pb.VADRequest(audio=[0.0] * 512), metadata=key)).segments
        watching[0].cancel()
        await _taken(services[2])


async def _taken(service: Any) -> None:
    """Return when one more may watch."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with suppress(grpc.aio.AioRpcError):
                await service.Watch(health_pb2.HealthCheckRequest()).read()
                return


async def test_a_busy_server_is_not_dead() -> None:
    """It says how it is when every place is taken, and takes no more calls."""
    gate = asyncio.Event()
    engines = fake_engines(chat=FakeChat(gate=gate))
    async with Doorway(premises_of(engines, max_calls=1)) as door:
        call = asyncio.ensure_future(door.stub.Predict(pb.PredictOptions(Prompt="Hello.")))
        await until(lambda: door.going_on == 1)
        assert (await door.stub.Health(pb.HealthMessage())).message == b"OK"
        assert (await door.stub.Status(pb.HealthMessage())).state != pb.StatusResponse.ERROR
        code, message = await refusal(door.stub.VAD(pb.VADRequest()))
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "grpc.max_calls" in message
        gate.set()
        await call
