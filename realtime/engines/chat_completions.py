"""OpenAI's chat completions, the dialect that llama.cpp and every compatible server speak.

`request` is our prompt in their words; a `Reading` takes their chunks and gives our parts. No I/O.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from secrets import token_hex
from typing import Any, TypeAlias

import msgspec

from realtime.engines.base import Finish, FinishReason, Message, Prompt, Token, Tool, ToolCall, ToolCallPart
from realtime.errors import EngineFailed
from realtime.structs import Frozen

Json: TypeAlias = dict[str, Any]

_REASONS: Mapping[str, FinishReason] = {
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


def request(prompt: Prompt) -> Json:
    """The body that asks for `prompt`'s answer, without what is the engine's own: the model, sampling, streaming."""
    body: Json = {"messages": list(_messages(prompt.messages))}
    if prompt.tools:
        body["tools"] = [_tool(tool) for tool in prompt.tools]
        body["tool_choice"] = _tool_choice(prompt.tool_choice)
    if prompt.temperature is not None:
        body["temperature"] = prompt.temperature
    return body


def _messages(messages: tuple[Message, ...]) -> Iterator[Json]:
    """The results of several calls must follow the one message that asked for them all."""
    asking: Json | None = None
    for message in messages:
        if message.tool_calls:
            if asking is None:
                asking = {"role": "assistant", "content": message.text, "tool_calls": []}
                yield asking
            asking["tool_calls"] += [_call(call) for call in message.tool_calls]
            continue
        asking = None
        body: Json = {"role": message.role, "content": message.text}
        if message.call_id is not None:
            body["tool_call_id"] = message.call_id
        yield body


def _call(call: ToolCall) -> Json:
    return {
        "id": call.call_id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }


def _tool(tool: Tool) -> Json:
    # Servers refuse an empty schema, which is how we say that a function takes no arguments.
    parameters = tool.parameters or {"type": "object", "properties": {}}
    return {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": parameters},
    }


def _tool_choice(choice: str) -> str | Json:
    return choice if choice in ("auto", "none", "required") else {"type": "function", "function": {"name": choice}}


class _Function(Frozen):
    name: str | None = None
    arguments: str | None = None


class _Call(Frozen):
    index: int | None = None
    id: str | None = None
    function: _Function = _Function()


class _Delta(Frozen):
    content: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(Frozen):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _PromptDetails(Frozen):
    cached_tokens: int | None = None


class _Usage(Frozen):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _PromptDetails | None = None


class _Chunk(Frozen):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None


class Reading:
    """One streamed answer, chunk by chunk.

    Thoughts (`reasoning_content`) are left out: they are not meant to be said.
    """

    def __init__(self) -> None:
        self._reason: FinishReason | None = None
        self._usage = _Usage()
        self._calls = 0

    def parts(self, chunk: Any) -> Iterator[Token | ToolCallPart]:
        """What `chunk`, as parsed from JSON, adds to the answer; raises `EngineFailed` for one that makes no sense."""
        try:
            read = msgspec.convert(chunk, _Chunk)
        except msgspec.ValidationError as problem:
            raise EngineFailed("the language model sent a piece of an answer that cannot be read") from problem
        self._usage = read.usage or self._usage
        for choice in read.choices or ():
            if choice.finish_reason:
                self._reason = _REASONS.get(choice.finish_reason, "stop")
            if choice.delta is None:
                continue
            if choice.delta.content:
                yield Token(choice.delta.content)
            for call in choice.delta.tool_calls or ():
                yield self._part(call)

    def _part(self, call: _Call) -> ToolCallPart:
        name, call_id = call.function.name or None, call.id or None
        if name:
            # Some servers give neither an index nor an id: then every name begins a call.
            index = self._calls if call.index is None else call.index
            self._calls = max(self._calls, index + 1)
            call_id = call_id or f"call_{token_hex(12)}"
        else:
            index = max(self._calls - 1, 0) if call.index is None else call.index
        return ToolCallPart(index=index, call_id=call_id, name=name, arguments=call.function.arguments or "")

    def finish(self) -> Finish:
        """How the answer ended; raises `EngineFailed` when it broke off."""
        if self._reason is None:
            raise EngineFailed("the language model broke off its answer")
        details = self._usage.prompt_tokens_details or _PromptDetails()
        return Finish(
            # Some servers say `stop` at the end of an answer that is a call.
            reason="tool_calls" if self._calls and self._reason == "stop" else self._reason,
            prompt_tokens=self._usage.prompt_tokens,
            cached_tokens=details.cached_tokens or 0,
            completion_tokens=self._usage.completion_tokens,
        )
