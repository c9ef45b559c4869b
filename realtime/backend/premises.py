"""What every call of the service may use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from realtime.backend.files import Files
from realtime.backend.identity import Identity
from realtime.conductor.conversations import Conversations
from realtime.conductor.meter import Meter, NoMeter
from realtime.engines.ensemble import Engines
from realtime.engines.on_demand import OnDemand
from realtime.errors import NotLoaded, RealtimeError
from realtime.settings import ServerSettings, Settings
from realtime.vectors import VectorStore


class Loader(Protocol):
    """How the engines that hold conversations come and go."""

    @property
    def engines(self) -> Engines | None:
        """None while they are not loaded."""
        ...

    @property
    def loading(self) -> bool:
        """Whether they are being loaded now."""
        ...

    @property
    def problem(self) -> RealtimeError | None:
        """What kept them from being loaded."""
        ...

    async def load(self) -> None:
        """Return when they are loaded; raises what keeps them from it. Cancelling lets the loading go on."""
        ...

    async def free(self) -> bool:
        """Let go of those that are loaded and that only calls use; whether that is all of them. Nobody gets one of
        them once this has begun, before anything is waited for. Cancelling lets the letting go go on.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Premises:
    """One service's."""

    settings: Settings
    files: Files
    loader: Loader
    vectors: VectorStore
    conversations: Conversations = field(default_factory=lambda: Conversations(ServerSettings().max_conversations))
    """Those that are going on, whichever door they came in by."""
    identity: Identity = field(default_factory=Identity)
    """Which models `LoadModel` was asked for."""
    meter: Meter = field(default_factory=NoMeter)
    busy: Callable[[], bool] = lambda: False
    """Whether one more conversation would slow down those that are going on."""

    @property
    def on_demand(self) -> OnDemand:
        """Those that no conversation needs. Raises as `engines` does."""
        return self.engines.on_demand

    @property
    def engines(self) -> Engines:
        """Those that hold conversations. Raises `NotLoaded`, or what kept them from being loaded."""
        if self.loader.engines:
            return self.loader.engines
        if self.loader.problem:
            raise self.loader.problem
        raise NotLoaded(
            "The models are being loaded; 'LoadModel' waits for them."
            if self.loader.loading
            else "No model is loaded; 'LoadModel' loads what the server is configured for."
        )
