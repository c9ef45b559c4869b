"""What is loaded: `Health`, `LoadModel`, `Free`, `Status`."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from realtime.backend.calls import Calls
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.premises import Premises
from realtime.errors import InvalidRequest, RealtimeError

ALIVE: Final = b"OK"
"""What LocalAI looks for in the answer to `Health`."""


class Models:
    """Answers for the engines' coming and going."""

    def __init__(self, premises: Premises, calls: Calls) -> None:
        self._premises = premises
        self._calls = calls

    async def health(self, request: pb.HealthMessage) -> pb.Reply:
        """The service answers; whether its models are loaded is for `status` to say."""
        return pb.Reply(message=ALIVE)

    async def load_model(self, request: pb.ModelOptions) -> pb.Result:
        """Return when the engines are loaded. They are the configured ones: the request may name one of their models,
        or none. Raises `InvalidRequest` for another. Cancelling lets the loading go on.
        """
        await self._premises.loader.load()
        await self._open(request.Model)
        self._premises.identity.take(request.Model)
        return pb.Result(success=True, message="loaded")

    async def free(self, request: pb.HealthMessage) -> pb.Result:
        """Let go of what nobody uses; the message says what stays. What is being loaded is waited for: if nobody uses
        it then, it goes too. Cancelling lets the letting go go on, once it has begun.
        """
        loader = self._premises.loader
        if loader.loading:
            with suppress(RealtimeError):  # nothing to let go, then
                await loader.load()
        # Nothing may be waited for between here and the loader's taking them: a call that came then would lose them.
        if self._calls.going_on > 1 or self._premises.conversations:  # one of the calls is this
            return pb.Result(success=True, message="freed nothing: calls or conversations are going on")
        if await loader.free():
            return pb.Result(success=True, message="freed")
        return pb.Result(success=True, message="freed all but what conversations use")

    async def status(self, request: pb.HealthMessage) -> pb.StatusResponse:
        """Whether calls can be answered, and how much memory the process has, in bytes."""
        return pb.StatusResponse(state=self._state(), memory=await asyncio.to_thread(_memory))

    def _state(self) -> pb.StatusResponse.State:
        loader = self._premises.loader
        if loader.engines:
            return pb.StatusResponse.BUSY if loader.engines.busy else pb.StatusResponse.READY
        return pb.StatusResponse.ERROR if loader.problem else pb.StatusResponse.UNINITIALIZED

    async def _open(self, name: str) -> None:
        """Have the engine ready whose model is called `name`."""
        engines, on_demand = self._premises.engines, self._premises.on_demand
        settings = self._premises.settings
        known = {
            "",
            settings.conversation.model,
            *engines.models,
            settings.detector.engine,
        }
        if name in known:
            return
        if name == settings.embedder.engine:
            await on_demand.embedder()
        elif name == settings.speaker.engine:
            await on_demand.speaker()
        else:
            there = sorted({*known, settings.embedder.engine, settings.speaker.engine} - {""})
            raise InvalidRequest(
                f"There is no model {name!r} here; there are: {', '.join(there)}", code="not_found", param="Model"
            )


def _memory() -> pb.MemoryUsageData:
    """What the process has in memory; where the machine does not say, nothing. Blocks for a moment."""
    if not sys.platform.startswith("linux"):
        return pb.MemoryUsageData()
    lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    sizes = dict(line.split(":", 1) for line in lines if line.startswith(("VmRSS", "RssAnon", "RssFile")))
    known = {name: int(size.split()[0]) * 1024 for name, size in sizes.items()}
    names = {"RssAnon": "allocated", "RssFile": "mapped_files"}  # which some kernels do not tell
    return pb.MemoryUsageData(
        total=known.get("VmRSS", 0), breakdown={names[name]: size for name, size in known.items() if name in names}
    )
