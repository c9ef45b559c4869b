"""From what a client asks of a response, and what it chose for the session, to what the response will be."""

from __future__ import annotations

from realtime.errors import InvalidRequest
from realtime.protocol.admission import admit_item
from realtime.protocol.client_events import ResponseParams
from realtime.protocol.config import SessionConfig
from realtime.protocol.conversation import Conversation
from realtime.protocol.faults import refuse_first
from realtime.protocol.items import Item, ItemReference
from realtime.protocol.response import Context, Plan


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
        context=_context(params.input, conversation),
        in_conversation=params.conversation == "auto",
    )


def _context(given: tuple[Item | ItemReference, ...] | None, conversation: Conversation) -> Context:
    if given is None:
        return tuple(ItemReference(id=item.id) for item in conversation.items)
    return tuple(_admit_input(item, index, conversation) for index, item in enumerate(given))


def _admit_input(item: Item | ItemReference, index: int, conversation: Conversation) -> Item | ItemReference:
    param = f"response.input[{index}]"
    if isinstance(item, ItemReference):
        conversation.get(item.id, param=f"{param}.id")
        return item
    admitted, audio = admit_item(item, lambda _: f"input_{index}", param)
    if audio:
        raise InvalidRequest(
            "Audio in a response's own input is not put into words; create an item and refer to it.",
            code="unsupported_content_type",
            param=f"{param}.content",
        )
    return admitted


def _refuse_unsupported(params: ResponseParams) -> None:
    unsupported = {
        "response.tools": bool(params.tools),
        "response.tool_choice": params.tool_choice not in (None, "auto", "none"),
        "response.prompt": params.prompt is not None,
        "response.reasoning": params.reasoning is not None,
    }
    refuse_first(unsupported)
