"""The conversation as a chat model reads it."""

from __future__ import annotations

from collections.abc import Iterator

from realtime.engines.base import Message, Prompt, ToolCall
from realtime.protocol.conversation import text_of
from realtime.protocol.effects import StartReply
from realtime.protocol.items import FunctionCall, FunctionCallOutput, Item
from realtime.protocol.items import Message as MessageItem


def prompt_for(reply: StartReply) -> Prompt:
    """What the model is given to make `reply`: the instructions first, then everything that has words, in order."""
    messages = (*_instructions(reply.instructions), *(said for item in reply.items for said in _messages(item)))
    limit = None if reply.max_output_tokens == "inf" else reply.max_output_tokens
    return Prompt(messages=messages, max_tokens=limit)


def _instructions(instructions: str) -> Iterator[Message]:
    if instructions:
        yield Message(role="system", text=instructions)


def _messages(item: Item) -> Iterator[Message]:
    match item:
        case MessageItem():
            if text := text_of(item):
                yield Message(role=item.role, text=text)
        case FunctionCall():
            call = ToolCall(call_id=item.call_id, name=item.name, arguments=item.arguments)
            yield Message(role="assistant", text="", tool_calls=(call,))
        case FunctionCallOutput():
            yield Message(role="tool", text=item.output, call_id=item.call_id)
