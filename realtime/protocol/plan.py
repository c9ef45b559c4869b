"""From what a client asks of a response, and what it chose for the session, to what the response will be."""

from __future__ import annotations

import msgspec

from realtime.errors import InvalidRequest
from realtime.protocol.client_events import ResponseParams
from realtime.protocol.config import SessionConfig
from realtime.protocol.conversation import Conversation
from realtime.protocol.items import InputAudio, Item, ItemReference, Message
from realtime.protocol.response import Plan


def plan_response(config: SessionConfig, params: ResponseParams, conversation: Conversation) -> Plan:
    """The response's settings, the session's where `params` says nothing; refuses what cannot be honoured."""
    _refuse_unsupported(params)
    output, chosen = config.audio.output, params.audio.output
    return Plan(
        instructions=config.instructions if params.instructions is None else params.instructions,
        modality=(params.output_modalities or config.output_modalities)[0],
        output_format=chosen.format or output.format,
        voice=chosen.voice or output.voice,
        speed=output.speed,
        max_output_tokens=params.max_output_tokens or config.max_output_tokens,
        metadata=params.metadata,
        context=None if params.input is None else _context(params.input, conversation),
        in_conversation=params.conversation == "auto",
    )


def _context(given: tuple[Item | ItemReference, ...], conversation: Conversation) -> tuple[Item, ...]:
    items: list[Item] = []
    for index, item in enumerate(given):
        if isinstance(item, ItemReference):
            items.append(conversation.get(item.id, param=f"response.input[{index}].id"))
            continue
        if isinstance(item, Message) and any(isinstance(part, InputAudio) for part in item.content):
            raise InvalidRequest(
                "Audio in a response's own input is not supported; create an item and refer to it.",
                code="unsupported_content_type",
                param=f"response.input[{index}].content",
            )
        items.append(msgspec.structs.replace(item, id=item.id or f"input_{index}"))
    return tuple(items)


def _refuse_unsupported(params: ResponseParams) -> None:
    unsupported = {
        "response.tools": bool(params.tools),
        "response.tool_choice": params.tool_choice not in (None, "auto", "none"),
        "response.prompt": params.prompt is not None,
        "response.reasoning": params.reasoning is not None,
    }
    for param, present in unsupported.items():
        if present:
            raise InvalidRequest(
                f"'{param}' asks for something this server does not support.", code="unsupported_value", param=param
            )
