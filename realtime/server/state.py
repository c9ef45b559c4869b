"""What the doors of one server share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import structlog

from realtime.conductor.conversations import Conversations
from realtime.conductor.lag import LoopLag
from realtime.conductor.pressure import Pressure
from realtime.engines.ensemble import Engines
from realtime.keys import Keyring
from realtime.remote_tools.base import RemoteTools
from realtime.server.client_secrets import ClientSecrets
from realtime.server.metrics import Metrics
from realtime.settings import RemoteToolSettings, Settings

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class State:
    """One server: what the operator chose, the engines once they are warm, and who is talking."""

    settings: Settings
    keyring: Keyring
    client_secrets: ClientSecrets
    conversations: Conversations
    metrics: Metrics
    lag: LoopLag
    """How late the event loop was, at worst, since conversations could begin."""
    pressure: Pressure
    remote_tools: RemoteTools | None
    """Reaches MCP servers; None where the operator does not want it."""
    engines: Engines | None = None
    """None while the models are being loaded."""
    loaded: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once they are."""

    @property
    def ready(self) -> bool:
        """Whether a conversation could begin now."""
        return self.engines is not None and not self.conversations.draining and not self.busy

    @property
    def busy(self) -> bool:
        """Whether one more conversation would slow down those that are going on."""
        if self.engines is None or not self.conversations:
            return False
        return self.pressure.too_high(self.engines.wait_s)


def new_state(settings: Settings, client_secrets: ClientSecrets | None = None) -> State:
    """A server that has not loaded its models yet. Its client secrets may be brought along. Blocks for a second."""
    server = settings.server
    conversations = Conversations(server.max_conversations)
    metrics = Metrics(lambda: len(conversations))
    pressure = Pressure(server.longest_wait_ms / 1000)

    def loop_woke(late_s: float) -> None:
        metrics.loop_woke(late_s)
        pressure.loop_woke(late_s)

    return State(
        settings,
        keyring=Keyring(server.api_keys),
        client_secrets=client_secrets or ClientSecrets(),
        conversations=conversations,
        metrics=metrics,
        lag=LoopLag(loop_woke),
        pressure=pressure,
        remote_tools=_reach_tools(settings.mcp) if settings.mcp.enabled else None,
    )


def _reach_tools(settings: RemoteToolSettings) -> RemoteTools | None:
    try:
        # Takes most of a second, and its package is an extra.
        from realtime.remote_tools.client import McpTools
    except ModuleNotFoundError as missing:
        log.info("tools of MCP servers cannot be called", missing_package=missing.name)
        return None
    return McpTools(settings)
