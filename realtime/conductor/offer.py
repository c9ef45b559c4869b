"""What the engines and the operator allow a session to ask for."""

from __future__ import annotations

from realtime.engines.ensemble import Engines
from realtime.protocol.offer import Offer, StoredPrompt
from realtime.settings import ConversationSettings


def make_offer(engines: Engines, settings: ConversationSettings, *, mcp: bool, expires_at: int | None = None) -> Offer:
    """The offer to a session that begins now. `mcp`: whether the tools of MCP servers can be called."""
    answering = engines.speech_to_speech
    return Offer(
        voices=frozenset(answering.voices if answering else engines.synthesizer.voices),
        default_model=settings.model,
        languages=engines.transcriber.languages,
        abilities=answering.abilities if answering else engines.chat.abilities,
        mcp=mcp,
        semantic_turns=engines.turn_detector is not None,
        echo_cancellation=engines.enhancer.cancels_echo,
        prompts={
            name: StoredPrompt(instructions=prompt.instructions, version=prompt.version)
            for name, prompt in settings.prompts.items()
        },
        max_buffer_ms=settings.max_turn_ms,
        expires_at=expires_at,
    )
