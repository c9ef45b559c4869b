"""What a session begins with: what the operator chose, then what the client asks for as it comes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from realtime.errors import InvalidRequest
from realtime.protocol.config import SessionConfig, SessionType, first_config
from realtime.protocol.offer import Offer
from realtime.settings import ConversationSettings


def asked_in_query(settings: ConversationSettings, query: Mapping[str, str]) -> SessionConfig:
    """For a client that connects with `?model=` or `?intent=transcription`. Raises `InvalidRequest`."""
    intent = query.get("intent")
    if intent not in (None, "transcription"):
        raise InvalidRequest("The only 'intent' there is is 'transcription'.", param="intent")
    session_type: SessionType = "transcription" if intent else "realtime"
    return first_config(query.get("model") or settings.model, settings.instructions, session_type)


def asked_beforehand(settings: ConversationSettings, offer: Offer, session: dict[str, Any]) -> SessionConfig:
    """For a client that will come later, with a `session` as in `session.update`. Raises `InvalidRequest`."""
    session_type: SessionType = "transcription" if session.get("type") == "transcription" else "realtime"
    return offer.accept(first_config(settings.model, settings.instructions, session_type), session)
