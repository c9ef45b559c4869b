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
from realtime.protocol.response import Context, Plan, Unlisted
from realtime.protocol.tool_servers import ToolServers
from realtime.protocol.toolbox import NO_TOOLS, Listed, Toolbox, fill_toolbox
from realtime.protocol.tools import (
    ChosenMcp,
    McpTool,
    ToolChoice,
    ToolConfig,
    check_tool_choice,
    check_tools,
    resolve_servers,
)

_WORDS = ("auto", "none", "required")
"""Choices that name no tool."""


def plan_response(
    config: SessionConfig, params: ResponseParams, conversation: Conversation, offer: Offer, servers: ToolServers
) -> Plan:
    """The response's settings, the session's where `params` says nothing; refuses what cannot be kept.

    `servers` know which tools the MCP servers have told of so far.
    """
    output, chosen = config.audio.output, params.audio.output
    reasoning = params.reasoning or config.reasoning
    offer.check_model(params.reasoning, "auto", "response")
    temperature = config.temperature if params.temperature is None else params.temperature
    parallel = config.parallel_tool_calls if params.parallel_tool_calls is None else params.parallel_tool_calls
    in_conversation = params.conversation == "auto"
    toolbox, unlisted = _toolbox(config, params, offer, servers)
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
        toolbox=toolbox,
        unlisted=unlisted,
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


def _toolbox(
    config: SessionConfig, params: ResponseParams, offer: Offer, servers: ToolServers
) -> tuple[Toolbox, Unlisted | None]:
    tools = tools_of(config, params)
    choice = config.tool_choice if params.tool_choice is None else params.tool_choice
    if params.tools is not None:
        check_tools(tools, "response.tools")
        offer.check_tools(tools, "response.tools")
    if params.tools is not None and params.tool_choice is None and not isinstance(choice, str):
        choice = "auto"  # the session's choice was made among the session's tools
    check_tool_choice(choice, tools, "response.tool_choice")
    may_ask = params.conversation == "auto"
    if params.tool_choice is None:
        return _fill_if_possible(tools, choice, servers.listed, may_ask), None
    try:
        return _fill(tools, choice, servers.listed, may_ask), None
    except InvalidRequest:
        if not (unlisted := _unlisted(tools, choice, servers)):
            raise
        return NO_TOOLS, Unlisted(unlisted, lambda listed: _fill(tools, choice, listed, may_ask))


def _fill(tools: tuple[ToolConfig, ...], choice: ToolChoice, listed: Listed, may_ask: bool) -> Toolbox:
    """What a response chose for itself; refused when that cannot be."""
    param = "response.tool_choice"
    toolbox = fill_toolbox(tools, choice, listed, param)
    usable = _usable(toolbox, may_ask)
    if choice == "required" and not usable.tools:
        raise InvalidRequest("There is no tool that could be called.", param=param)
    if isinstance(choice, ChosenMcp) and usable.choice != toolbox.choice:
        raise InvalidRequest(
            f"Calls of the MCP server {choice.server_label!r} need the client's approval, "
            "which cannot be asked for outside the conversation.",
            code="unsupported_value",
            param=f"{param}.name" if choice.name else f"{param}.server_label",
        )
    return usable


def _fill_if_possible(tools: tuple[ToolConfig, ...], choice: ToolChoice, listed: Listed, may_ask: bool) -> Toolbox:
    """What the session chose may not be there yet, and the user's turn is to be answered."""
    try:
        return _usable(fill_toolbox(tools, choice, listed, "response.tool_choice"), may_ask)
    except InvalidRequest:
        return NO_TOOLS


def _usable(toolbox: Toolbox, may_ask: bool) -> Toolbox:
    """Outside the conversation there is no item in which the client could be asked for its approval."""
    usable = tuple(tool for tool in toolbox.tools if may_ask or not (tool.remote and tool.remote.asks_before))
    kept = toolbox.choice in _WORDS or any(tool.name == toolbox.choice for tool in usable)
    return Toolbox(usable, toolbox.choice if usable and kept else "auto")


def _unlisted(tools: tuple[ToolConfig, ...], choice: ToolChoice, servers: ToolServers) -> tuple[McpTool, ...]:
    """The servers that may yet tell of what has to be called."""
    chosen = (tool for tool in tools if isinstance(tool, McpTool))
    if isinstance(choice, ChosenMcp):
        chosen = (tool for tool in chosen if tool.server_label == choice.server_label)
    return tuple(tool for tool in chosen if servers.will_tell(tool))


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
