"""A language model behind any server that speaks OpenAI's chat completions, on this machine or elsewhere."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, Literal

import openai
from msgspec import Meta, field
from openai import AsyncOpenAI

from realtime.engines.base import Ability, AnswerPart, Prompt
from realtime.engines.chat_completions import Json, Reading, request
from realtime.engines.registry import Options, Workshop
from realtime.errors import ContextTooLong, EngineBusy, EngineFailed

_CODE = re.compile(r"[\w.-]{1,64}")
"""What may be shown of a server's complaint. Its message may hold the key, or what somebody said."""


class OpenAIChatOptions(Options):
    """`[chat]` with `engine = "openai"`."""

    base_url: Annotated[str, Meta(pattern=r"^https?://")]
    """Up to and including `/v1`."""
    model: str
    api_key: str = ""
    """Better given as REALTIME_CHAT__API_KEY than written into a file."""
    timeout_s: Annotated[float, Meta(gt=0)] = 30.0
    """For the connection, and for the silence between two pieces of an answer."""
    max_retries: Annotated[int, Meta(ge=0)] = 1
    """Tries again before an answer has begun; never after."""
    temperature: float | None = None
    """The server's own choice when neither this nor the prompt says."""
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    """Of an answer that nothing else limits."""
    limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the server calls that limit: OpenAI's newer models know only the second name, other servers the first."""
    count_tokens: bool = True
    """Ask for the token counts; false for a server that refuses `stream_options`."""
    abilities: tuple[Literal["tools", "images", "reasoning"], ...] = ("tools",)
    """What the model can do beside answering in words: nothing else is asked of it. `images` for a model that sees,
    `reasoning` for one that takes `reasoning_effort`."""
    extra: dict[str, Any] = field(default_factory=dict)
    """More fields for the body of every request, such as `{ reasoning_effort = "none" }`."""

    def __rich_repr__(self) -> Any:
        """Everything but the key: options may end up in a log or a traceback."""
        yield from ((name, getattr(self, name)) for name in self.__struct_fields__ if name != "api_key")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"


class OpenAIChat:
    """A remote model."""

    def __init__(self, client: AsyncOpenAI, options: OpenAIChatOptions) -> None:
        self.model = options.model
        self.abilities: frozenset[Ability] = frozenset(options.abilities)
        self._client = client
        self._options = options

    async def answer(self, prompt: Prompt) -> AsyncGenerator[AnswerPart, None]:
        """The answer as it comes. Cancelling, or closing it, closes the connection, and servers then stop writing.

        Raises `EngineBusy` when the server has too much to do, `EngineFailed` for everything else that can go wrong,
        calls that the tools do not understand among it: few servers hold the model to a schema.
        """
        if prompt.text is not None or prompt.sampling.grammar:
            raise EngineFailed(f"{self._server} answers conversations only, and knows no grammars")
        reading = Reading(prompt.tools, thoughts=prompt.thoughts, likelihoods=prompt.sampling.alternatives > 0)
        async with aclosing(self._chunks(prompt)) as chunks:
            async for chunk in chunks:
                for part in reading.parts(chunk):
                    yield part
        for last in reading.end():
            yield last

    async def close(self) -> None:
        """Close idle connections. Cancelling leaves some open."""
        await self._client.close()

    async def _chunks(self, prompt: Prompt) -> AsyncGenerator[Json, None]:
        try:
            async with await self._client.chat.completions.create(stream=True, **self._body(prompt)) as stream:
                async for chunk in stream:
                    yield chunk.to_dict(mode="json", warnings=False)
        except openai.APIStatusError as problem:
            raise self._refusal(problem) from problem
        except openai.APITimeoutError as problem:
            raise EngineFailed(f"{self._server} did not answer within {self._options.timeout_s:g} s") from problem
        except openai.APIConnectionError as problem:
            raise EngineFailed(f"{self._server} cannot be reached, or broke off the connection") from problem
        except openai.APIError as problem:
            raise EngineFailed(f"{self._server} broke off its answer{_code_of(problem)}") from problem
        except (ValueError, TypeError, AttributeError, openai.OpenAIError) as problem:
            raise EngineFailed(f"{self._server} sent something that is no answer") from problem

    def _body(self, prompt: Prompt) -> Json:
        options = self._options
        body: Json = {"model": self.model, **request(prompt)}
        if prompt.effort is not None and "reasoning" in self.abilities:
            body["reasoning_effort"] = prompt.effort
        if options.temperature is not None:
            body.setdefault("temperature", options.temperature)
        if (limit := options.max_tokens if prompt.max_tokens is None else prompt.max_tokens) is not None:
            body[options.limit_field] = limit
        if options.count_tokens:
            body["stream_options"] = {"include_usage": True}
        return {**body, "extra_body": options.extra}

    def _refusal(self, problem: openai.APIStatusError) -> EngineFailed:
        match problem.status_code:
            case 401 | 403:
                return EngineFailed(f"{self._server} does not accept the API key (option `api_key`)")
            case 404:
                return EngineFailed(f"{self._server} knows no model {self.model!r}, or its address is another")
            case 400 if problem.code == ContextTooLong.code:
                return ContextTooLong(f"the conversation is too long for {self.model!r} at {self._server}")
            case 429 | 503:
                return EngineBusy(f"{self._server} has too much to do{_code_of(problem)}; try again later")
            case status:
                return EngineFailed(f"{self._server} answered with status {status}{_code_of(problem)}")

    @property
    def _server(self) -> str:
        """Where the server is, without what an address may have of name and password."""
        url = self._client.base_url
        return f"the language model server at {url.host}" + (f":{url.port}" if url.port else "")


def _code_of(problem: openai.APIError) -> str:
    code = next((code for code in (problem.code, problem.type) if code and _CODE.fullmatch(code)), None)
    return f" ({code})" if code else ""


def open_openai_chat(workshop: Workshop) -> OpenAIChat:
    """Nothing is loaded here: the server is asked for the first time when somebody speaks."""
    options = workshop.read_options(OpenAIChatOptions, "openai")
    client = AsyncOpenAI(
        base_url=options.base_url,
        api_key=options.api_key or "none",  # left out, the library would look for one in the environment
        timeout=options.timeout_s,
        max_retries=options.max_retries,
    )
    return OpenAIChat(client, options)
