"""The door over a real channel: health, reflection, tokens, limits, and how calls end."""

from __future__ import annotations

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from realtime.backend.pb import backend_pb2 as pb
from tests.backend.doorway import Doorway, refusal
from tests.backend.rooms import premises_of


async def test_it_is_healthy() -> None:
    """To LocalAI, and to whoever asks the standard way."""
    async with Doorway(premises_of()) as door:
        assert (await door.stub.Health(pb.HealthMessage())).message == b"OK"
        health = health_pb2_grpc.HealthStub(door.channel)
        for service in ("", "backend.Backend"):
            told = await health.Check(health_pb2.HealthCheckRequest(service=service))
            assert told.status == health_pb2.HealthCheckResponse.SERVING


async def test_without_a_key_only_health_is_told() -> None:
    """Once the operator has keys."""
    async with Doorway(premises_of(), "sesame") as door:
        assert (await door.stub.Health(pb.HealthMessage())).message == b"OK"
        code, message = await refusal(door.stub.Status(pb.HealthMessage()))
        assert code is grpc.StatusCode.UNAUTHENTICATED
        assert "authorization" in message
        with_key = (("authorization", "Bearer sesame"),)
        assert (await door.stub.Status(pb.HealthMessage(), metadata=with_key)).state == pb.StatusResponse.READY
