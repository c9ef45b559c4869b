"""`python -m tests.bench.fake_door --host HOST --port PORT --grpc-port PORT`: transforms, conversations, no models."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace

import msgspec
import uvicorn

from realtime.backend.door import Door
from realtime.engines.resampling import Resampling
from realtime.engines.scheduler import Scheduler
from realtime.engines.webrtc_transform import WebrtcTransform
from realtime.keys import Keyring
from realtime.settings import ConversationSettings
from tests.backend.rooms import premises_of
from tests.caller.server import fake_app


async def main(host: str, port: int, grpc_port: int) -> None:
    """Until it is told to stop."""
    scheduler = Scheduler(1)
    makers = {"webrtc": lambda: WebrtcTransform(scheduler), "resample": lambda: Resampling(scheduler)}
    premises = premises_of(on_demand=makers, host=host, port=grpc_port)
    settings = msgspec.structs.replace(premises.settings, conversation=ConversationSettings(lead_ms=10_000))
    door = Door(replace(premises, settings=settings), Keyring(()))
    await door.open()
    await door.tell(serving=True)
    await uvicorn.Server(uvicorn.Config(fake_app(), host=host, port=port, log_level="warning", lifespan="off")).serve()
    await door.close(0)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[2], int(sys.argv[4]), int(sys.argv[6])))
