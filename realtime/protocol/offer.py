"""What this server can do for a session. What it cannot do is refused by name: a setting accepted is a setting kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from realtime.errors import InvalidRequest
from realtime.languages import language_code
from realtime.protocol.config import (
    CustomVoice,
    EchoCancellation,
    PromptReference,
    Reasoning,
    RetentionRatio,
    SemanticVad,
    SessionConfig,
    Transcription,
    Truncation,
    merge_update,
)
from realtime.protocol.faults import refuse_first
from realtime.protocol.items import InputText
from realtime.protocol.tools import McpTool, ToolConfig

OPENAI_VOICES = frozenset({"alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"})
"""Names that clients of OpenAI send; each is spoken by the server's own voice unless an engine has one of that name."""

_PLACE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
"""Where a stored prompt has a variable: `{{name}}`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPrompt:
    """Instructions that the operator has stored."""

    instructions: str
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a session may ask for."""

    voices: frozenset[str]
    default_model: str | None = None
    """What the model of a session is called until its client has named one."""
    languages: frozenset[str] = frozenset({"en"})
    """ISO-639-1 codes of what the transcriber understands."""
    abilities: frozenset[str] = frozenset()
    """What the language model can do beside answering: `tools`, `images`, `reasoning`, `counting`."""
    mcp: bool = True
    """Whether the server calls the tools of MCP servers."""
    semantic_turns: bool = False
    """Whether it can tell from how the user speaks that a turn is over."""
    echo_cancellation: bool = False
    """Whether it can take its own voice out of what the microphone hears."""
    prompts: Mapping[str, StoredPrompt] = field(default_factory=dict)
    max_buffer_ms: int = 10 * 60 * 1000
    expires_at: int | None = None
    """Unix seconds at which the session ends; None for never."""

    def accept(self, config: SessionConfig, update: dict[str, Any]) -> SessionConfig:
        """`config` after a client's `update`; refuses the first field that is illegal, or that cannot be kept."""
        updated = merge_update(config, update)
        self.check_session(updated)
        if updated.audio.output.voice != config.audio.output.voice:
            self.check_voice(updated.audio.output.voice, "session.audio.output.voice")
        if updated.prompt is None or updated.prompt == config.prompt:
            return updated
        instructions = self.instructions_of(updated.prompt, "session.prompt")
        return updated if "instructions" in update else msgspec.structs.replace(updated, instructions=instructions)

    def check_session(self, config: SessionConfig) -> None:
        """Refuse the first setting that the server cannot keep."""
        heard = config.audio.input
        self._check_transcription(heard.transcription or Transcription())
        self.check_tools(config.tools, "session.tools")
        self.check_model(config.reasoning, config.truncation, "session")
        refuse_first(
            {
                "session.audio.input.turn_detection.type": (
                    isinstance(heard.turn_detection, SemanticVad) and not self.semantic_turns
                ),
                "session.audio.input.echo_cancellation": (
                    isinstance(heard.echo_cancellation, EchoCancellation) and not self.echo_cancellation
                ),
            }
        )

    def check_voice(self, voice: str | CustomVoice, param: str) -> None:
        """Refuse a voice this server cannot speak with."""
        name = voice.id if isinstance(voice, CustomVoice) else voice
        if name not in self.voices | OPENAI_VOICES:
            known = ", ".join(sorted(self.voices | OPENAI_VOICES))
            raise InvalidRequest(f"Invalid value: {name!r}. Supported voices are: {known}.", param=param)

    def check_tools(self, tools: tuple[ToolConfig, ...], param: str) -> None:
        """Refuse tools that the model, or the server, cannot call."""
        if tools and "tools" not in self.abilities:
            raise InvalidRequest("The language model cannot call functions.", code="unsupported_value", param=param)
        for index, tool in enumerate(tools):
            if isinstance(tool, McpTool) and not self.mcp:
                raise InvalidRequest(
                    "The server does not call MCP servers.", code="unsupported_value", param=f"{param}[{index}]"
                )

    def check_model(self, reasoning: Reasoning | None, truncation: Truncation, param: str) -> None:
        """Refuse what not every language model can do."""
        effort = reasoning.effort if reasoning else None
        refuse_first(
            {
                f"{param}.reasoning.effort": effort is not None and "reasoning" not in self.abilities,
                f"{param}.truncation": isinstance(truncation, RetentionRatio) and "counting" not in self.abilities,
            }
        )

    def instructions_of(self, prompt: PromptReference, param: str) -> str:
        """A stored prompt with the client's words in its places."""
        stored = self.prompts.get(prompt.id)
        if stored is None or prompt.version not in (None, stored.version):
            raise InvalidRequest(
                f"There is no prompt {prompt.id!r} in this version.", code="prompt_not_found", param=f"{param}.id"
            )
        given = {
            name: value.text if isinstance(value, InputText) else value
            for name, value in (prompt.variables or {}).items()
        }
        places = set(_PLACE.findall(stored.instructions))
        if places != set(given):
            wanted = ", ".join(sorted(places)) or "none"
            raise InvalidRequest(f"The prompt's variables are: {wanted}.", param=f"{param}.variables")
        return _PLACE.sub(lambda place: given[place[1]], stored.instructions)

    def _check_transcription(self, wanted: Transcription) -> None:
        where = "session.audio.input.transcription"
        named = {f"{where}.language": wanted.language} if wanted.language else {}
        named |= {f"{where}.languages[{index}]": language for index, language in enumerate(wanted.languages or ())}
        for param, language in named.items():
            if language_code(language) not in self.languages:
                known = ", ".join(sorted(self.languages))
                raise InvalidRequest(
                    f"The transcriber does not know the language {language!r}; it knows: {known}.", param=param
                )
