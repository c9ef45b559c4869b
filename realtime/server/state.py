"""What the doors of one server share."""

from __future__ import annotations

from dataclasses import dataclass, field

from realtime.engines.ensemble import Engines
from realtime.remote_tools.base import RemoteTools
from realtime.remote_tools.client import McpTools
from realtime.server.client_secrets import ClientSecrets
from realtime.server.conversations import Conversations
from realtime.server.keys import Keyring
from realtime.server.lag import LoopLag
from realtime.settings import Settings


@dataclass(slots=True)
class State:
    """One server: what the operator chose, the engines once they are warm, and who is talking."""

    settings: Settings
    keyring: Keyring
    client_secrets: ClientSecrets
    conversations: Conversations
    remote_tools: RemoteTools | None
    """Reaches MCP servers; None where the operator does not want it."""
    engines: Engines | None = None
    """None while the models are being loaded."""
    lag: LoopLag = field(default_factory=LoopLag)
    """How late the event loop was, at worst, since conversations could begin."""

    @property
    def ready(self) -> bool:
        """Whether a conversation could begin now."""
        return self.engines is not None and not self.conversations.draining


def new_state(settings: Settings, client_secrets: ClientSecrets | None = None) -> State:
    """A server that has not loaded its models yet. Its client secrets may be brought along."""
    server = settings.server
    return State(
        settings,
        keyring=Keyring(server.api_keys),
        client_secrets=client_secrets or ClientSecrets(),
        conversations=Conversations(server.max_conversations),
        remote_tools=McpTools(settings.mcp) if settings.mcp.enabled else None,
    )
