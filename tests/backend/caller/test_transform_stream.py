"""`AudioTransformStream` as a client has it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import numpy as np
import pytest

from realtime.backend.caller.transform_stream import TransformClient, Wanted, transform_client
from realtime.errors import BadConfiguration, EngineFailed
from tests.backend.doorway import Doorway
from tests.backend.rooms import premises_of
from tests.backend.sound.transforms import Marking
from tests.server.house import until

HALF = np.full(80, 16_384, "<i2").tobytes()
FULL = np.full(80, 32_767, "<i2").tobytes()
WANTED = Wanted(transform="webrtc", rate_hz=8000, frame_samples=80, params={"gain": "0.25"})


async def test_frames_there_and_back() -> None:
    """As it was wanted, to the end."""
    marking = Marking()
    async with Doorway(premises_of(on_demand={"webrtc": lambda: marking}), "sesame") as door:
        async with transform_client(door.address, "sesame") as client, client.stream(WANTED) as line:
            await line.send(HALF)
            await line.send(HALF, HALF)
            await line.end()
            async with aclosing(line.heard()) as heard:
                made = [np.frombuffer(frame, "<i2")[0] / 32_768 async for frame in heard]
        assert made == [0.125, 0.625]
        assert (marking.asked[0].rate_hz, marking.asked[0].samples) == (8000, 80)


async def test_what_the_backend_refuses_is_told() -> None:
    """Not in its own words, also to whoever goes on sending."""
    async with Doorway(premises_of(on_demand={"webrtc": Marking}), "sesame") as door:
        async with transform_client(door.address, "sesame") as client, client.stream(WANTED) as line:
            await line.send(FULL[:-2])
            with pytest.raises(EngineFailed, match=r"failed at 'AudioTransformStream' \(INVALID_ARGUMENT\)$"):
                await anext(line.heard())
            await line.send(FULL)
            await line.end()
        async with transform_client(door.address) as client:
            with pytest.raises(EngineFailed, match="does not accept the token"):
                async with client.stream(WANTED) as line:
                    await anext(line.heard())


async def test_hanging_up_is_an_error_to_who_still_listens() -> None:
    """Not a cancelling, as gRPC has it: nobody has cancelled that task."""
    marking = Marking()
    marking.open.clear()

    async def listen(client: TransformClient) -> None:
        async with client.stream(WANTED) as line:
            await line.send(HALF)
            await anext(line.heard())

    async with Doorway(premises_of(on_demand={"webrtc": lambda: marking})) as door:
        async with transform_client(door.address) as client:
            listening = asyncio.create_task(listen(client))
            await until(lambda: marking.pushed > 0)
        with pytest.raises(EngineFailed, match="broke 'AudioTransformStream' off"):
            await listening
        await until(lambda: not door.going_on)


async def test_nobody_there_and_no_address() -> None:
    async with transform_client("127.0.0.1:1") as client:
        with pytest.raises(EngineFailed, match="cannot be reached"):
            async with client.stream(WANTED):
                pass
    with pytest.raises(BadConfiguration, match="no address of a backend"):
        async with transform_client("nowhere"):
            pass


async def test_leaving_ends_the_stream() -> None:
    """Though a frame is being made."""
    marking = Marking()
    marking.open.clear()
    async with Doorway(premises_of(on_demand={"webrtc": lambda: marking})) as door:
        async with transform_client(door.address) as client, client.stream(WANTED) as line:
            await line.send(HALF)
            await until(lambda: marking.pushed > 0)
        await until(lambda: not door.going_on)
