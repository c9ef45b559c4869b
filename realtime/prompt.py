"""The conversation as a chat model reads it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from realtime.engines.base import Image, Message, Prompt, Tool, ToolCall
from realtime.engines.sampling import Truncation
from realtime.protocol.config import RetentionRatio
from realtime.protocol.config import Truncation as TruncationChoice
from realtime.protocol.conversation import text_of
from realtime.protocol.effects import StartReply
from realtime.protocol.items import (
    FunctionCall,
    FunctionCallOutput,
    InputImage,
    Item,
    McpApprovalRequest,
    McpApprovalResponse,
    McpCall,
    McpListTools,
)
from realtime.protocol.items import Message as MessageItem


def messages_of(items: Iterable[Item]) -> tuple[Message, ...]:
    """Everything in `items` that has words, in order."""
    return tuple(said for item in items for said in _messages(item))


def prompt_for(reply: StartReply) -> Prompt:
    """What the model is given to make `reply`: the instructions first, then everything that has words, in order."""
    messages = (*_instructions(reply.instructions), *messages_of(reply.items))
    return Prompt(
        messages=messages,
        tools=tuple(
            Tool(name=tool.name, description=tool.description, parameters=tool.parameters) for tool in reply.tools
        ),
        tool_choice=reply.tool_choice,
        parallel_tool_calls=reply.parallel_tool_calls,
        max_tokens=None if reply.max_output_tokens == "inf" else reply.max_output_tokens,
        temperature=reply.temperature,
        effort=reply.effort,
        truncation=_truncation(reply.truncation),
    )


def _instructions(instructions: str) -> Iterator[Message]:
    if instructions:
        yield Message(role="system", text=instructions)


def _messages(item: Item) -> Iterator[Message]:
    match item:
        case MessageItem():
            images = tuple(
                Image(url=part.image_url, detail=part.detail) for part in item.content if isinstance(part, InputImage)
            )
            if (text := text_of(item)) or images:
                yield Message(role=item.role, text=text, images=images)
        case FunctionCall():
            if item.status == "completed":  # of one that was broken off, the arguments are no JSON
                yield _call(item.call_id, item.name, item.arguments)
        case FunctionCallOutput():
            yield Message(role="tool", text=item.output, call_id=item.call_id)
        case McpCall():
            # Of one that still runs, the model reads that it was made and has not ended.
            yield _call(item.id, item.name, item.arguments)
            yield Message(role="tool", text=_outcome(item), call_id=item.id)
        case McpApprovalResponse():
            if item.reason or not item.approve:
                verdict = "allows" if item.approve else "does not allow"
                yield Message(role="system", text=f"The user {verdict} this call. {item.reason or ''}".rstrip())
        case McpApprovalRequest() | McpListTools():
            return


def _call(call_id: str, name: str, arguments: str) -> Message:
    return Message(
        role="assistant", text="", tool_calls=(ToolCall(call_id=call_id, name=name, arguments=arguments or "{}"),)
    )


def _outcome(call: McpCall) -> str:
    if call.error:
        return json.dumps({"error": call.error.message})
    return "The call has not ended yet." if call.output is None else call.output


def _truncation(choice: TruncationChoice) -> Truncation:
    match choice:
        case "auto":
            return Truncation()
        case "disabled":
            return Truncation(retention=None)
        case RetentionRatio(retention_ratio=ratio, token_limits=limits):
            return Truncation(retention=ratio, max_tokens=limits.post_instructions if limits else None)
