"""`python -m tests.bench.fake_door --host HOST --port PORT --grpc-port PORT`: transforms over gRPC, and no models."""

from __future__ import annotations

import asyncio
import sys

import uvicorn

from realtime.backend.door import Door
from realtime.engines.resampling import Resampling
from realtime.engines.scheduler import Scheduler
from realtime.engines.webrtc_transform import WebrtcTransform
from realtime.keys import Keyring
from tests.backend.rooms import premises_of
from tests.caller.server import fake_app


async def main(host: str, port: int, grpc_port: int) -> None:
    """Until it is told to stop."""
    scheduler = Scheduler(1)
    makers = {"webrtc": lambda: WebrtcTransform(scheduler), "resample": lambda: Resampling(scheduler)}
    door = Door(premises_of(on_demand=makers, host=host, port=grpc_port), Keyring(()))
    await door.open()
    await uvicorn.Server(uvicorn.Config(fake_app(), host=host, port=port, log_level="warning", lifespan="off")).serve()
    await door.close(0)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[2], int(sys.argv[4]), int(sys.argv[6])))
