"""What the doors of one server share."""

from __future__ import annotations

from dataclasses import dataclass, field

from realtime.engines.ensemble import Engines
from realtime.server.conversations import Conversations
from realtime.server.keys import Keyring
from realtime.server.lag import LoopLag
from realtime.settings import Settings


@dataclass(slots=True)
class State:
    """One server: what the operator chose, the engines once they are warm, and who is talking."""

    settings: Settings
    keyring: Keyring
    conversations: Conversations
    engines: Engines | None = None
    """None while the models are being loaded."""
    lag: LoopLag = field(default_factory=LoopLag)
    """How late the event loop was, at worst, since conversations could begin."""

    @property
    def ready(self) -> bool:
        """Whether a conversation could begin now."""
        return self.engines is not None and not self.conversations.draining


def new_state(settings: Settings) -> State:
    """A server that has not loaded its models yet."""
    server = settings.server
    return State(settings, Keyring(server.api_keys), Conversations(server.max_conversations))
