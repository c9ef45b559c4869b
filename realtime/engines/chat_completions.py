"""OpenAI's chat completions, the dialect that llama.cpp and every compatible server speak.

`request` is our prompt in their words; a `Reading` takes their chunks and gives our parts. No I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from secrets import token_hex
from typing import Any, TypeAlias

import msgspec
from msgspec import structs

from realtime.engines.base import (
    CallWhole,
    Finish,
    FinishReason,
    Message,
    Prompt,
    Read,
    Thought,
    Token,
    Tool,
    ToolCall,
    ToolCallPart,
)
from realtime.engines.likelihoods import read_likelihoods
from realtime.engines.sampling import Likelihood, Sampling
from realtime.engines.tool_schema import check_calls
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
    """The body that asks for `prompt`'s answer, without what is the engine's own: the model, defaults, streaming."""
    body: Json = {"messages": list(_messages(prompt.messages)), **sampling(prompt.sampling)}
    if prompt.tools:
        body["tools"] = [_tool(tool) for tool in prompt.tools]
        body["tool_choice"] = _tool_choice(prompt.tool_choice)
        if not prompt.parallel_tool_calls:  # left out where it is everybody's default: not every server knows it
            body["parallel_tool_calls"] = False
    if prompt.temperature is not None:
        body["temperature"] = prompt.temperature
    return body


def sampling(wanted: Sampling) -> Json:
    """What of `wanted` every server of this dialect knows; what is everybody's default is left out."""
    body: Json = {
        "top_p": wanted.top_p,
        "seed": wanted.seed,
        "stop": list(wanted.stop) or None,
        "frequency_penalty": wanted.frequency_penalty or None,
        "presence_penalty": wanted.presence_penalty or None,
        "logit_bias": {str(token): bias for token, bias in wanted.logit_bias} or None,
    }
    if wanted.alternatives:
        body |= {"logprobs": True, "top_logprobs": wanted.alternatives}
    return {name: value for name, value in body.items() if value is not None}


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
        body: Json = {"role": message.role, "content": _content(message)}
        if message.call_id is not None:
            body["tool_call_id"] = message.call_id
        yield body


def _content(message: Message) -> str | list[Json]:
    if not message.images:
        return message.text
    words = [{"type": "text", "text": message.text}] if message.text else []
    pictures = ({"url": image.url, "detail": image.detail} for image in message.images)
    return [*words, *({"type": "image_url", "image_url": picture} for picture in pictures)]


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
    reasoning_content: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(Frozen):
    delta: _Delta | None = None
    text: str | None = None
    """In place of a delta, where a text is gone on with."""
    logprobs: Any = None
    finish_reason: str | None = None


class _PromptDetails(Frozen):
    cached_tokens: int | None = None


class _Usage(Frozen):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _PromptDetails | None = None


class _Progress(Frozen):
    """llama.cpp's report on the reading of the prompt."""

    total: int
    processed: int
    cache: int = 0


class _Timings(Frozen):
    """llama.cpp's report on the writing so far."""

    predicted_n: int = 0
    prompt_ms: float = 0.0
    predicted_ms: float = 0.0


class _Chunk(Frozen):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    prompt_progress: _Progress | None = None
    timings: _Timings | None = None


class _Called:
    """A call as far as it has come. `wire_index` and `wire_id` are what the server knows it by."""

    def __init__(self, index: int, name: str, wire_index: int, wire_id: str | None) -> None:
        self.index = index
        self.name = name
        self.wire_index = wire_index
        self.wire_id = wire_id
        self.arguments = ""

    @property
    def half_written(self) -> bool:
        """Whether the arguments have begun, and are no JSON object yet."""
        return bool(self.arguments) and not _is_object(self.arguments)


def _is_object(text: str) -> bool:
    try:
        msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return False
    return True


class Reading:
    """One streamed answer, chunk by chunk, to a prompt with `tools`.

    Thoughts (`reasoning_content`) are left out unless they are asked for: they are not meant to be said. So are the
    tokens' `likelihoods`. With `one_call`, what comes after the first call is left out too.
    """

    def __init__(
        self, tools: Iterable[Tool], *, one_call: bool = False, thoughts: bool = False, likelihoods: bool = False
    ) -> None:
        self._tools = tuple(tools)
        self._one_call = one_call
        self._thoughts = thoughts
        self._likelihoods = likelihoods
        self.complete = False
        """Whether the one call is there, and more is being written: the writing can be stopped."""
        self._reason: FinishReason | None = None
        self._usage = _Usage()
        self._timings = _Timings()
        self._calls: list[_Called] = []
        self._read = False

    def parts(self, chunk: Any) -> Iterator[Read | Token | Thought | ToolCallPart]:
        """What `chunk`, as parsed from JSON, adds to the answer; raises `EngineFailed` for one that makes no sense."""
        try:
            read = msgspec.convert(chunk, _Chunk)
        except msgspec.ValidationError as problem:
            raise EngineFailed("the language model sent a piece of an answer that cannot be read") from problem
        self._count(read)
        if (progress := read.prompt_progress) and progress.processed >= progress.total and not self._read:
            self._read = True
            yield Read(prompt_tokens=progress.total, cached_tokens=progress.cache)
        for choice in read.choices or ():
            if choice.finish_reason:
                self._reason = _REASONS.get(choice.finish_reason, "stop")
            delta = choice.delta or _Delta(content=choice.text)
            if delta.reasoning_content and self._thoughts:
                yield Thought(delta.reasoning_content)
            likelihoods = self._read_likelihoods(choice) if self._likelihoods else ()
            if delta.content or likelihoods:
                yield Token(delta.content or "", likelihoods)
            for call in delta.tool_calls or ():
                called = self._continued(call)
                if self._one_call and self._calls and called is None:
                    self.complete, self._reason = True, "tool_calls"
                    return
                yield self._begin(call) if called is None else _more(called, call)

    def _count(self, read: _Chunk) -> None:
        """Usage comes with the end; llama.cpp's reports stand in for it where an answer is stopped before."""
        if progress := read.prompt_progress:
            details = _PromptDetails(cached_tokens=progress.cache)
            self._usage = _Usage(prompt_tokens=progress.total, prompt_tokens_details=details)
        if read.timings:
            self._timings = read.timings
            self._usage = structs.replace(self._usage, completion_tokens=read.timings.predicted_n)
        self._usage = read.usage or self._usage

    def _read_likelihoods(self, choice: _Choice) -> tuple[Likelihood, ...]:
        try:
            return read_likelihoods(choice.logprobs)
        except msgspec.ValidationError as problem:
            raise EngineFailed("the language model sent probabilities that cannot be read") from problem

    def _continued(self, piece: _Call) -> _Called | None:
        """The call that `piece` is more of; None for a piece that begins one."""
        calls = [call for call in self._calls if piece.index in (None, call.wire_index)]
        known = [call for call in calls if piece.id and call.wire_id == piece.id]
        if known or not calls:
            return known[-1] if known else None
        return None if _begins_another(piece, calls[-1]) else calls[-1]

    def _begin(self, piece: _Call) -> ToolCallPart:
        if not piece.function.name:
            raise EngineFailed("the language model sent a piece of a call that it had not begun")
        index = len(self._calls)
        wire_index = index if piece.index is None else piece.index
        taken = {call.wire_id for call in self._calls}  # by a server that numbers its calls and calls them all the same
        call_id = piece.id if piece.id and piece.id not in taken else f"call_{token_hex(12)}"
        called = _Called(index, piece.function.name, wire_index, piece.id or None)
        self._calls.append(called)
        return replace(_more(called, piece), call_id=call_id, name=called.name)

    def end(self) -> Iterator[ToolCallPart | CallWhole | Finish]:
        """The last parts: what a call without arguments lacks, that the calls are whole, and how the answer ended.

        Raises `EngineFailed` when it broke off, or when nothing has cut the calls short and yet one of them is not
        what the tools ask for. Then none of them is whole.
        """
        if self._reason is None:
            raise EngineFailed("the language model broke off its answer")
        # Some servers say `stop` at the end of an answer that is a call.
        reason = "tool_calls" if self._calls and self._reason == "stop" else self._reason
        if reason == "tool_calls":
            # Some servers say nothing where there are no arguments.
            check_calls(self._tools, [(call.name, call.arguments or "{}") for call in self._calls])
            for call in self._calls:
                if not call.arguments:
                    yield ToolCallPart(index=call.index, arguments="{}")
                yield CallWhole(index=call.index)
        details = self._usage.prompt_tokens_details or _PromptDetails()
        yield Finish(
            reason=reason,
            prompt_tokens=self._usage.prompt_tokens,
            cached_tokens=details.cached_tokens or 0,
            completion_tokens=self._usage.completion_tokens,
            reading_ms=self._timings.prompt_ms,
            writing_ms=self._timings.predicted_ms,
        )


def _begins_another(piece: _Call, newest: _Called) -> bool:
    """Whether a piece begins a call beside `newest`, which it could be more of by its index.

    A name alone does not say so, nor does an id: some servers say both with every piece of a call, and some make up
    an id for each. But others give every call the same index, or none.
    """
    name = piece.function.name
    if not name or (name == newest.name and newest.half_written):
        return False
    other_id = bool(piece.id and newest.wire_id) and piece.id != newest.wire_id
    more = bool(newest.arguments and piece.function.arguments)
    return piece.index is None or other_id or name != newest.name or more


def _more(called: _Called, piece: _Call) -> ToolCallPart:
    arguments = piece.function.arguments or ""
    called.arguments += arguments
    return ToolCallPart(index=called.index, arguments=arguments)
