"""The session as its client sees it."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from realtime.protocol.config import AudioInput, SessionConfig
from realtime.protocol.tools import McpTool, ToolConfig
from realtime.structs import Frozen


class SessionObject(SessionConfig, kw_only=True):
    """The session as the client sees it: the whole effective configuration, and who it is."""

    id: str
    object: Literal["realtime.session"] = "realtime.session"
    expires_at: int | None = None
    """Unix seconds at which the session ends; null when it never does."""


class TranscriptionAudio(Frozen):
    input: AudioInput


class TranscriptionSessionObject(Frozen, kw_only=True):
    """A session that only listens, as the client sees it."""

    type: Literal["transcription"] = "transcription"
    id: str
    object: Literal["realtime.transcription_session"] = "realtime.transcription_session"
    audio: TranscriptionAudio
    include: tuple[str, ...] | None = None
    expires_at: int | None = None


AnySessionObject: TypeAlias = SessionObject | TranscriptionSessionObject


def describe_session(config: SessionConfig, session_id: str, expires_at: int | None) -> AnySessionObject:
    """The session as the client may see it. Who shows a client secret is not shown what opens an MCP server."""
    if config.type == "transcription":
        heard = TranscriptionAudio(input=config.audio.input)
        return TranscriptionSessionObject(id=session_id, audio=heard, include=config.include, expires_at=expires_at)
    chosen = {field: getattr(config, field) for field in SessionConfig.__struct_fields__}
    chosen["tools"] = tuple(_without_secrets(tool) for tool in config.tools)
    return SessionObject(id=session_id, expires_at=expires_at, **chosen)


def _without_secrets(tool: ToolConfig) -> ToolConfig:
    return msgspec.structs.replace(tool, authorization=None, headers=None) if isinstance(tool, McpTool) else tool
