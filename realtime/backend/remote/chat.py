"""A language model behind somebody's `PredictStream`."""

from __future__ import annotations

from codecs import getincrementaldecoder
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.remote.channels import Channels
from realtime.backend.remote.connection import Connection
from realtime.backend.remote.reachable import open_channels
from realtime.engines.base import Ability, AnswerPart, Prompt
from realtime.engines.chat_completions import Json, Reading, request
from realtime.engines.registry import Workshop
from realtime.engines.sampling import Sampling
from realtime.errors import EngineFailed


class RemoteChatOptions(Connection):
    """`[chat]` with `engine = "grpc://host:port"`."""

    model: str = "remote"
    """What the model is called here."""
    temperature: Annotated[float, Meta(ge=0)] = 0.0
    """When the prompt does not say; the contract has no word for the backend's own choice."""
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    """Of an answer that nothing else limits."""
    abilities: tuple[Literal["tools", "reasoning", "completing", "grammar"], ...] = ("tools",)
    """What the model can do beside answering in words: nothing else is asked of it."""


class RemoteChat:
    """A model elsewhere."""

    def __init__(self, channels: Channels, options: RemoteChatOptions) -> None:
        self.model = options.model
        self.abilities: frozenset[Ability] = frozenset(options.abilities)
        self._channels = channels
        self._options = options

    async def answer(self, prompt: Prompt) -> AsyncGenerator[AnswerPart, None]:
        """The answer as it comes. Cancelling, or closing it, stops the writing far away at once.

        Raises `EngineBusy` when every backend has too much to do, `ContextTooLong` for a conversation that does not
        fit, `EngineFailed` for everything else that can go wrong, calls that the tools do not understand among it.
        """
        limit = prompt.max_tokens or self._options.max_tokens
        asked = predict_options(prompt, self._options.temperature, limit)
        likelihoods = prompt.sampling.alternatives > 0
        reading = Reading(
            prompt.tools,
            one_call=not prompt.parallel_tool_calls,
            thoughts=prompt.thoughts,
            likelihoods=likelihoods,
        )
        replies = _Replies(likelihoods=likelihoods)
        async with aclosing(self._channels.streaming("PredictStream", asked)) as told:
            async for reply in told:
                for part in reading.parts(replies.chunk(reply)):
                    yield part
                if reading.complete:
                    break
        for part in reading.parts(replies.last_chunk(limit)):
            yield part
        for last in reading.end():
            yield last

    async def close(self) -> None:
        """Hang up. Cancelling leaves some channels open."""
        await self._channels.close()


class _Replies:
    """One answer's messages as chunks of chat completions, with the tokens' `likelihoods` if they are asked for."""

    def __init__(self, *, likelihoods: bool) -> None:
        self._likelihoods = likelihoods
        self._decoder = getincrementaldecoder("utf-8")(errors="replace")
        self._counts = pb.Reply()

    def chunk(self, reply: pb.Reply) -> Json:
        """The next one. A backend that knows no `chat_deltas` says what it writes in `message`.

        Raises `EngineFailed` for what cannot be read.
        """
        for name in ("tokens", "prompt_tokens", "timing_prompt_processing", "timing_token_generation"):
            if value := getattr(reply, name):  # some count as they go, others tell at the end
                setattr(self._counts, name, value)
        deltas = [_delta(delta) for delta in reply.chat_deltas]
        if not deltas and reply.message:
            deltas = [{"content": self._decoder.decode(reply.message)}]
        choices: list[Json] = [{"delta": delta} for delta in deltas]
        if reply.logprobs and self._likelihoods:
            choices = choices or [{"delta": {}}]
            choices[0]["logprobs"] = _read_likelihoods(reply.logprobs)
        return {"choices": choices}

    def last_chunk(self, limit: int | None) -> Json:
        """How it ended, which the contract does not say: a backend that wrote as much as it might was cut short."""
        counts = self._counts
        cut = limit is not None and counts.tokens >= limit
        timings = {"prompt_ms": counts.timing_prompt_processing, "predicted_ms": counts.timing_token_generation}
        return {
            "choices": [{"delta": {}, "finish_reason": "length" if cut else "stop"}],
            "usage": {"prompt_tokens": counts.prompt_tokens, "completion_tokens": counts.tokens},
            "timings": timings,
        }


def _delta(delta: pb.ChatDelta) -> Json:
    calls = [
        {"index": call.index, "id": call.id, "function": {"name": call.name, "arguments": call.arguments}}
        for call in delta.tool_calls
    ]
    return {"content": delta.content, "reasoning_content": delta.reasoning_content, "tool_calls": calls}


def _read_likelihoods(told: bytes) -> Any:
    try:
        return msgspec.json.decode(told)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise EngineFailed("the language model sent probabilities that cannot be read") from problem


def predict_options(prompt: Prompt, temperature: float, limit: int | None) -> pb.PredictOptions:
    """What asks for `prompt`'s answer, with `temperature` when the prompt has none."""
    asked = pb.PredictOptions(
        Temperature=temperature if prompt.temperature is None else prompt.temperature,
        Tokens=limit or 0,
        Metadata={"enable_thinking": "true" if prompt.thoughts else "false"},
        **_sampling(prompt.sampling),
    )
    if prompt.effort is not None:
        asked.Metadata["reasoning_effort"] = prompt.effort
    if prompt.text is not None:
        asked.Prompt = prompt.text
        return asked
    body = request(prompt)
    asked.UseTokenizerTemplate = True
    asked.Messages.extend(_message(message) for message in body["messages"])
    if prompt.tools:
        asked.Tools = msgspec.json.encode(body["tools"]).decode()
        choice = body["tool_choice"]
        asked.ToolChoice = choice if isinstance(choice, str) else msgspec.json.encode(choice).decode()
    return asked


def _message(message: Json) -> pb.Message:
    calls = message.get("tool_calls")
    return pb.Message(
        role=message["role"],
        content=message["content"],
        tool_call_id=message.get("tool_call_id", ""),
        tool_calls=msgspec.json.encode(calls).decode() if calls else "",
    )


def _sampling(wanted: Sampling) -> dict[str, Any]:
    """In the contract's names; nothing is 0 there."""
    return {
        "TopP": wanted.top_p or 0.0,
        "TopK": wanted.top_k or 0,
        "MinP": wanted.min_p or 0.0,
        "TypicalP": wanted.typical_p or 0.0,
        "Seed": wanted.seed or 0,
        "StopPrompts": wanted.stop,
        "FrequencyPenalty": wanted.frequency_penalty,
        "PresencePenalty": wanted.presence_penalty,
        "Penalty": wanted.repeat_penalty or 0.0,
        "Repeat": wanted.repeat_tokens or 0,
        "Mirostat": wanted.mirostat,
        "MirostatTAU": wanted.mirostat_tau or 0.0,
        "MirostatETA": wanted.mirostat_eta or 0.0,
        "LogitBias": msgspec.json.encode(dict(wanted.logit_bias)).decode() if wanted.logit_bias else "",
        "IgnoreEOS": wanted.ignore_end,
        "Grammar": wanted.grammar,
        "Logprobs": wanted.alternatives,
        "TopLogprobs": wanted.alternatives,
    }


def open_remote_chat(workshop: Workshop) -> RemoteChat:
    """Reach the backend; raises `ModelUnavailable` or `BadConfiguration` where that cannot be. Blocks."""
    options = workshop.read_options(RemoteChatOptions, "grpc")
    return RemoteChat(open_channels(workshop, options), options)
