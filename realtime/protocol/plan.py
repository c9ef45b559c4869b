"""From what a client asks of a response, and what it chose for the session, to what the response will be."""

from __future__ import annotations

import msgspec

from realtime.errors import InvalidRequest
from realtime.protocol.admission import admit_item
from realtime.protocol.client_events import ResponseParams
from realtime.protocol.config import SessionConfig
from realtime.protocol.conversation import Conversation
from realtime.protocol.items import Item, ItemReference
from realtime.protocol.offer import Offer
from realtime.protocol.response import Context, Plan
from realtime.protocol.toolbox import NO_TOOLS, Listed, Toolbox, fill_toolbox
from realtime.protocol.tools import ToolConfig, check_tool_choice, check_tools, resolve_servers

_WORDS = ("auto", "none", "required")
"""Choices that name no tool."""


def plan_response(
    config: SessionConfig, params: ResponseParams, conversation: Conversation, offer: Offer, listed: Listed
) -> Plan:
    """The response's settings, the session's where `params` says nothing; refuses what cannot be kept.

    `listed` gives the tools that an MCP server has told of so far.
    """
    output, chosen = config.audio.output, params.audio.output
    reasoning = params.reasoning or config.reasoning
    offer.check_model(params.reasoning, "auto", "response")
    temperature = config.temperature if params.temperature is None else params.temperature
    parallel = config.parallel_tool_calls if params.parallel_tool_calls is None else params.parallel_tool_calls
    in_conversation = params.conversation == "auto"
    return Plan(
        instructions=_instructions(config, params, offer),
        modality=(params.output_modalities or config.output_modalities)[0],
        output_format=chosen.format or output.format,
        voice=chosen.voice or output.voice,
        speed=chosen.speed or output.speed,
        max_output_tokens=params.max_output_tokens or config.max_output_tokens,
        metadata=params.metadata,
        context=_context(params.input, conversation, "images" in offer.abilities),
        in_conversation=in_conversation,
        toolbox=_toolbox(config, params, offer, listed, may_ask=in_conversation),
        parallel_tool_calls=parallel is not False,
        temperature=None if temperature is msgspec.UNSET else temperature,
        effort=reasoning.effort if reasoning else None,
        truncation=config.truncation,
    )


def tools_of(config: SessionConfig, params: ResponseParams) -> tuple[ToolConfig, ...]:
    """The response's own tools, or the session's."""
    return config.tools if params.tools is None else resolve_servers(params.tools, config.tools)


def _instructions(config: SessionConfig, params: ResponseParams, offer: Offer) -> str:
    if params.instructions is not None:
        return params.instructions
    return offer.instructions_of(params.prompt, "response.prompt") if params.prompt else config.instructions


def _toolbox(config: SessionConfig, params: ResponseParams, offer: Offer, listed: Listed, may_ask: bool) -> Toolbox:
    tools = tools_of(config, params)
    choice = config.tool_choice if params.tool_choice is None else params.tool_choice
    if params.tools is not None:
        check_tools(tools, "response.tools")
        offer.check_tools(tools, "response.tools")
    if params.tools is not None and params.tool_choice is None and not isinstance(choice, str):
        choice = "auto"  # the session's choice was made among the session's tools
    check_tool_choice(choice, tools, "response.tool_choice")
    try:
        toolbox = fill_toolbox(tools, choice, listed, "response.tool_choice")
    except InvalidRequest:
        if params.tool_choice is not None:
            raise
        toolbox = NO_TOOLS  # what the session chose is not there yet, and the user's turn is to be answered
    # Outside the conversation there is no item in which the client could be asked for its approval.
    usable = tuple(tool for tool in toolbox.tools if may_ask or not (tool.remote and tool.remote.asks_before))
    chosen = toolbox.choice
    kept = chosen in _WORDS or any(tool.name == chosen for tool in usable)
    return Toolbox(usable, chosen if usable and kept else "auto")


def _context(given: tuple[Item | ItemReference, ...] | None, conversation: Conversation, sees: bool) -> Context:
    if given is None:
        return tuple(ItemReference(id=item.id) for item in conversation.items)
    return tuple(_admit_input(item, index, conversation, sees) for index, item in enumerate(given))


def _admit_input(
    item: Item | ItemReference, index: int, conversation: Conversation, sees: bool
) -> Item | ItemReference:
    param = f"response.input[{index}]"
    if isinstance(item, ItemReference):
        conversation.get(item.id, param=f"{param}.id")
        return item
    admitted, audio = admit_item(item, lambda prefix: f"{prefix}_{index}", param, sees)
    if audio:
        raise InvalidRequest(
            "Audio in a response's own input is not put into words; create an item and refer to it.",
            code="unsupported_content_type",
            param=f"{param}.content",
        )
    return admitted
