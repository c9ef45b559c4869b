"""Any server that speaks OpenAI's chat completions, here or elsewhere, as the language model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from typing import Any

import openai
from openai import AsyncOpenAI
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletionChunk

from realtime.engines.base import AnswerPart, Finish, FinishReason, Message, Prompt, Token, ToolCallPart
from realtime.engines.registry import Options, Workshop
from realtime.errors import EngineBusy, EngineFailed


class OpenAIChatOptions(Options):
    """`[chat]` with `engine = "openai"`."""

    base_url: str
    """Up to and including `/v1`."""
    model: str
    api_key: str = "none"
    """Better given as REALTIME_CHAT__API_KEY than written into a file."""
    timeout_s: float = 30.0
    """For the connection, and between two pieces of the answer."""
    max_retries: int = 1
    """Tries again before the first piece of an answer; never after it."""
    temperature: float | None = None


class OpenAIChat:
    """A `Chat`."""

    def __init__(self, client: AsyncOpenAI, options: OpenAIChatOptions) -> None:
        self.model = options.model
        self._client = client
        self._temperature = options.temperature

    async def answer(self, prompt: Prompt) -> AsyncGenerator[AnswerPart, None]:
        """The answer as it comes. Closing the generator, or cancelling, closes the connection, which stops the server.

        Raises `EngineBusy` when the server says so, `EngineFailed` for every other failure.
        """
        reason: FinishReason | None = None
        usage: CompletionUsage | None = None
        try:
            async with await self._client.chat.completions.create(**self._request(prompt)) as stream:
                async for chunk in stream:
                    for part in _parts(chunk):
                        yield part
                    reason = _finish_reason(chunk) or reason
                    usage = chunk.usage or usage
        except openai.RateLimitError as problem:
            raise EngineBusy(f"the language model server is busy (status {problem.status_code})") from problem
        except openai.APIStatusError as problem:
            raise EngineFailed(f"the language model server answered with status {problem.status_code}") from problem
        except openai.APITimeoutError as problem:
            raise EngineFailed("the language model server did not answer in time") from problem
        except openai.APIConnectionError as problem:
            raise EngineFailed(f"cannot reach the language model server at {self._client.base_url}") from problem
        except (openai.APIError, OSError, ValueError) as problem:
            raise EngineFailed(f"the language model server broke off: {type(problem).__name__}") from problem
        if reason is None:
            raise EngineFailed("the language model server broke off its answer")
        yield _finish(reason, usage)

    async def close(self) -> None:
        """Close idle connections."""
        await self._client.close()

    def _request(self, prompt: Prompt) -> dict[str, Any]:
        request: dict[str, Any] = {
            "model": self.model,
            "messages": [_message(message) for message in prompt.messages],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        temperature = self._temperature if prompt.temperature is None else prompt.temperature
        if temperature is not None:
            request["temperature"] = temperature
        if prompt.max_tokens is not None:
            request["max_tokens"] = prompt.max_tokens
        return request | _tools(prompt)


def open_openai_chat(workshop: Workshop) -> OpenAIChat:
    """Nothing is loaded here: the server is asked for the first time when somebody speaks."""
    options = workshop.read_options(OpenAIChatOptions, "openai")
    client = AsyncOpenAI(
        base_url=options.base_url,
        api_key=options.api_key,
        timeout=options.timeout_s,
        max_retries=options.max_retries,
    )
    return OpenAIChat(client, options)


def _message(message: Message) -> dict[str, Any]:
    said: dict[str, Any] = {"role": message.role, "content": message.text}
    if message.call_id:
        said["tool_call_id"] = message.call_id
    if message.tool_calls:
        said["tool_calls"] = [
            {"id": call.call_id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    return said


def _tools(prompt: Prompt) -> dict[str, Any]:
    if not prompt.tools:
        return {}
    tools = [
        {"type": "function", "function": {"name": t.name, "description": t.description, "parameters": t.parameters}}
        for t in prompt.tools
    ]
    named = prompt.tool_choice not in ("auto", "none", "required")
    choice = {"type": "function", "function": {"name": prompt.tool_choice}} if named else prompt.tool_choice
    return {"tools": tools, "tool_choice": choice}


def _parts(chunk: ChatCompletionChunk) -> Iterator[Token | ToolCallPart]:
    for choice in chunk.choices:
        if choice.delta.content:
            yield Token(choice.delta.content)
        for call in choice.delta.tool_calls or ():
            function = call.function
            yield ToolCallPart(
                index=call.index,
                call_id=call.id,
                name=function.name if function else None,
                arguments=(function.arguments if function else None) or "",
            )


def _finish_reason(chunk: ChatCompletionChunk) -> FinishReason | None:
    for choice in chunk.choices:
        if choice.finish_reason == "function_call":
            return "tool_calls"
        if choice.finish_reason:
            return choice.finish_reason
    return None


def _finish(reason: FinishReason, usage: CompletionUsage | None) -> Finish:
    """Servers that do not count tokens are told as having used none."""
    if usage is None:
        return Finish(reason=reason)
    details = usage.prompt_tokens_details
    return Finish(
        reason=reason,
        prompt_tokens=usage.prompt_tokens,
        cached_tokens=(details.cached_tokens if details else None) or 0,
        completion_tokens=usage.completion_tokens,
    )
