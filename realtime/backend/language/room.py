"""What is written: `Predict`, `PredictStream`, `TokenizeString`, `Detokenize`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing

import structlog

from realtime.backend.language.prompts import prompt_of
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.premises import Premises
from realtime.engines.absent import NoChat
from realtime.engines.base import AnswerPart, Chat, Finish, Prompt, Thought, Token, ToolCallPart
from realtime.engines.likelihoods import write_likelihoods
from realtime.engines.sampling import Likelihood
from realtime.engines.tokenizer import Templated, Tokenizer
from realtime.errors import NotServed

log = structlog.get_logger(__name__)

LONGEST_CORRELATION_ID = 128
"""Of a client's own name for a call, in the log."""


class Language:
    """Has the language model write, and count in its own tokens."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises

    async def predict(self, request: pb.PredictOptions) -> pb.Reply:
        """The whole answer. Cancelling stops the model.

        Raises `InvalidRequest` for what makes no sense, `ContextTooLong` for what does not fit, `NotServed` for what
        the language model cannot do, and what it raises itself.
        """
        whole = pb.Reply()
        delta = pb.ChatDelta()
        calls: dict[int, pb.ToolCallDelta] = {}
        likelihoods: list[Likelihood] = []
        chat, prompt = self._asked(request)
        async with aclosing(chat.answer(prompt)) as parts:
            async for part in parts:
                match part:
                    case Token():
                        delta.content += part.text
                        likelihoods += part.likelihoods
                    case Thought():
                        delta.reasoning_content += part.text
                    case ToolCallPart():
                        _add(calls.setdefault(part.index, pb.ToolCallDelta(index=part.index)), part)
                    case Finish():
                        whole.MergeFrom(_counts(part))
        delta.tool_calls.extend(calls.values())
        whole.message = delta.content.encode()
        whole.logprobs = _logprobs(likelihoods)
        if prompt.text is None:
            whole.chat_deltas.append(delta)
        return whole

    async def predict_stream(self, request: pb.PredictOptions) -> AsyncGenerator[pb.Reply, None]:
        """The answer as it is written, and at last the counts. Cancelling stops the model; raises as `predict`."""
        chat, prompt = self._asked(request)
        async with aclosing(chat.answer(prompt)) as parts:
            async for part in parts:
                if reply := _piece(part, prompt):
                    yield reply

    async def tokenize_string(self, request: pb.PredictOptions) -> pb.TokenizationResponse:
        """The tokens of the prompt, or of the conversation as the model would read it. Raises `InvalidRequest` and
        `NotServed`. Cancelling withdraws the question.
        """
        chat = self._chat
        text = request.Prompt
        if request.Messages and (request.UseTokenizerTemplate or not text):
            if not isinstance(chat, Templated):
                raise NotServed(
                    f"'TokenizeString': the template of the language model {chat.model!r} is not known here."
                )
            text = await chat.rendered(prompt_of(request, chat))
        tokens = await _tokenizer("TokenizeString", chat).tokenize(text)
        return pb.TokenizationResponse(length=len(tokens), tokens=tokens)

    async def detokenize(self, request: pb.DetokenizeRequest) -> pb.DetokenizeResponse:
        """The text of tokens. Raises `InvalidRequest` for one that there is not, `NotServed`. Cancelling withdraws the
        question.
        """
        tokenizer = _tokenizer("Detokenize", self._chat)
        return pb.DetokenizeResponse(content=await tokenizer.detokenize(tuple(request.tokens)))

    def _asked(self, request: pb.PredictOptions) -> tuple[Chat, Prompt]:
        """Who is asked, and for what. What the call logs from here on bears the client's own name for it."""
        if request.CorrelationId:
            name = request.CorrelationId[:LONGEST_CORRELATION_ID]
            structlog.contextvars.bind_contextvars(correlation_id=name)
        chat = self._chat
        return chat, prompt_of(request, chat)

    @property
    def _chat(self) -> Chat:
        chat = self._premises.engines.chat
        if isinstance(chat, NoChat):
            raise NotServed("This server answers speech with speech, and has no language model of its own.")
        return chat


def _piece(part: AnswerPart, prompt: Prompt) -> pb.Reply | None:
    """What the client is told of a part; None is nothing."""
    delta = pb.ChatDelta()
    reply = pb.Reply()
    match part:
        case Token():
            delta.content = part.text
            reply.message = part.text.encode()
            reply.logprobs = _logprobs(part.likelihoods)
        case Thought():
            delta.reasoning_content = part.text
        case ToolCallPart():
            _add(delta.tool_calls.add(index=part.index), part)
        case Finish():
            return _counts(part)
        case _:
            return None
    if prompt.text is None:  # a text that is gone on with is no chat
        reply.chat_deltas.append(delta)
    return reply


def _add(call: pb.ToolCallDelta, part: ToolCallPart) -> None:
    call.id += part.call_id or ""
    call.name += part.name or ""
    call.arguments += part.arguments


def _counts(finish: Finish) -> pb.Reply:
    return pb.Reply(
        tokens=finish.completion_tokens,
        prompt_tokens=finish.prompt_tokens,
        timing_prompt_processing=finish.reading_ms,
        timing_token_generation=finish.writing_ms,
    )


def _logprobs(likelihoods: Iterable[Likelihood]) -> bytes:
    told = tuple(likelihoods)
    return write_likelihoods(told) if told else b""


def _tokenizer(call: str, chat: Chat) -> Tokenizer:
    if not isinstance(chat, Tokenizer):
        raise NotServed(f"'{call}': the language model {chat.model!r} keeps its tokens to itself.")
    return chat
