"""A language model on llama.cpp, by xllamacpp: one set of weights, several answers at once.

llama.cpp batches what its slots write, so an answer holds one thread of this engine's own, which only waits. What a
slot has read before is not read again: `Slots` sends a conversation back to where it was. One more step is never far
away, even inside a long prompt, and after each the model can be told to stop.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from pathlib import Path
from secrets import token_urlsafe
from tempfile import TemporaryDirectory

import xllamacpp

from realtime.engines.base import Ability, AnswerPart, Message, Prompt, Urgency
from realtime.engines.chat_completions import Json, Reading, request
from realtime.engines.grammar_bounds import check_grammar
from realtime.engines.handoff import Handoff
from realtime.engines.llama_door import LlamaDoor, Refused
from realtime.engines.llama_memory import remembered
from realtime.engines.llama_options import LlamaCppOptions
from realtime.engines.llama_request import body, choose_tools
from realtime.engines.load import Work
from realtime.engines.registry import Workshop
from realtime.engines.scheduler import Scheduler
from realtime.engines.schema_bounds import bounded
from realtime.engines.slots import Slots
from realtime.engines.token_counts import TokenCounts
from realtime.engines.tokenizer import CallForm
from realtime.engines.tool_schema import check_schemas
from realtime.errors import (
    BadConfiguration,
    ContextTooLong,
    EngineFailed,
    InvalidRequest,
    ModelUnavailable,
    RealtimeError,
)

ABILITIES: frozenset[Ability] = frozenset(("tools", "counting", "reading_ahead", "completing", "grammar"))

LONGEST_SOCKET_PATH = 104
"""What macOS allows; Linux has four more."""

SMALLEST_REUSE_TOKENS = 16
"""When the oldest turns are left out, pieces of the rest from this size on are moved instead of read again."""


class LlamaCpp:
    """The shared model. Closing waits until every answer has stopped."""

    def __init__(self, server: xllamacpp.Server, door: LlamaDoor, options: LlamaCppOptions) -> None:
        self.model = options.model
        self.abilities = ABILITIES if options.grammars else ABILITIES - {"grammar"}
        self.call_form: CallForm | None = options.call_form()
        self._server = server
        self._door = door
        self._options = options
        self._counts = TokenCounts(self._complaint, options.context_tokens)
        self._slots = Slots(options.slots)
        at_once = min(options.slots, options.answers_at_once)
        self._writers = Scheduler(at_once, options.waiting_limit, modest=Urgency.SPECULATIVE)
        self._closing = False
        self._latest: tuple[int, Json] | None = None
        """The slot that was last heard of, and llama.cpp's report on it."""

    @property
    def busy(self) -> bool:
        """Whether an answer that is only likely to be needed would have to wait, or others for it."""
        return self._writers.idle < min(2, self._writers.workers)

    @property
    def wait_s(self) -> float:
        """How long answers that somebody waits for have lately waited before they were begun."""
        return self._writers.wait_s

    @property
    def work(self) -> Work | None:
        """The answer of which a token was written last."""
        if self._latest is None:
            return None
        slot, report = self._latest
        return Work(
            slot=slot,
            prompt_tokens=report["prompt_n"],
            tokens=report["predicted_n"],
            tokens_per_s=report["predicted_per_second"],
        )

    async def answer(self, prompt: Prompt) -> AsyncGenerator[AnswerPart, None]:
        """The answer as it is written. Cancelling, or closing it, stops the model after its step and frees the slot.

        A call is written under the grammar of its tool's schema, as far as that is safe (`schema_bounds`), and what the
        grammar does not know is looked at before the end. Raises `EngineBusy` when too many answers wait already,
        `ContextTooLong` when the conversation does not fit, `InvalidRequest` for a grammar that is none or that cannot
        be read safely, and `EngineFailed` when the model refuses the prompt or calls what the tools do not understand.
        """
        if prompt.text is None:
            prompt = choose_tools(prompt, self._options)
            check_schemas(prompt.tools)
        check_grammar(prompt.sampling.grammar)
        chunks: Handoff[Json] = Handoff(limit=4 * self._options.context_tokens)
        reading = Reading(
            prompt.tools,
            one_call=not prompt.parallel_tool_calls,
            thoughts=prompt.thoughts,
            likelihoods=prompt.sampling.alternatives > 0,
        )
        asked = replace(prompt, tools=tuple(map(bounded, prompt.tools)))
        await self._writers.start(partial(self._write, asked, chunks), prompt.urgency)
        async with aclosing(chunks.items()) as arriving:
            async for chunk in arriving:
                for part in reading.parts(chunk):
                    yield part
                if reading.complete:
                    break
        for last in reading.end():
            yield last

    async def tokenize(self, text: str) -> tuple[int, ...]:
        """The numbers of `text`'s tokens, by the model's own tokenizer. Cancelling withdraws the question."""
        question = {"content": text, "add_special": False, "parse_special": True}
        tokens: list[int] = (await self._ask("/tokenize", question))["tokens"]
        return tuple(tokens)

    async def detokenize(self, tokens: Sequence[int]) -> str:
        """Their text. Raises `InvalidRequest` for a number that is no token's. Cancelling withdraws the question."""
        try:
            text: str = (await self._ask("/detokenize", {"tokens": tokens}))["content"]
        except Refused as problem:
            raise InvalidRequest(f"'tokens' has one that {self.model!r} does not have.", param="tokens") from problem
        return text

    async def rendered(self, prompt: Prompt) -> str:
        """What the model would read of `prompt`'s messages and tools. Cancelling withdraws the question."""
        question = {**request(prompt), "chat_template_kwargs": {"enable_thinking": prompt.thoughts}}
        text: str = (await self._ask("/apply-template", question))["prompt"]
        return text

    async def close(self) -> None:
        """Stop every answer and let go of the model. Cancelling leaves it to a thread to finish."""
        self._closing = True
        await asyncio.to_thread(self.shut_down)

    def warm_up(self) -> None:
        """Read what conversations begin with into as many slots as answers can be written at once."""
        greeting = (Message(role="system", text=self._options.instructions), Message(role="user", text="Hello."))
        prompt = Prompt(messages=greeting, max_tokens=1)
        try:
            shown = replace(prompt, messages=remembered(prompt, self._counts, self._options))
            for slot in range(self._writers.workers):
                if problem := self._generate(body(shown, slot, self._options), None):
                    raise self._failure(problem)
        except EngineFailed as failed:
            raise BadConfiguration(f"options of engine 'llama-cpp': {failed}") from failed

    async def _ask(self, path: str, question: Json) -> Json:
        if self._closing:
            raise EngineFailed(f"the language model {self.model!r} is closed")
        return await asyncio.to_thread(self._door.ask, path, question)

    def shut_down(self) -> None:
        """The same, from a thread that can wait."""
        self._closing = True
        self._writers.close()
        del self._server
        self._door.close()

    def _write(self, prompt: Prompt, chunks: Handoff[Json]) -> None:
        """Write one answer. Runs on a writer's thread and raises nothing."""
        failure: RealtimeError | None = None
        remembering = prompt.messages if prompt.text is None else (Message(role="user", text=prompt.text),)
        try:
            with self._slots.lend(remembering, lambda: chunks.given_up) as slot:
                shown = prompt
                if prompt.text is None:
                    shown = replace(prompt, messages=remembered(prompt, self._counts, self._options))
                if problem := self._generate(body(shown, slot, self._options), chunks):
                    failure = _bad_grammar(prompt, problem) or self._failure(problem)
        except EngineFailed as failed:
            failure = failed
        except Exception as refused:  # xllamacpp raises what it likes; whoever waits for the answer is told
            failure = self._failure({"message": str(refused)})
        chunks.end(failure)

    def _generate(self, body: Json, chunks: Handoff[Json] | None) -> Json | None:
        """Have llama.cpp write one answer into `chunks`, or say why not."""
        problem: Json | None = None
        write = self._server.handle_completions if "prompt" in body else self._server.handle_chat_completions

        def take(chunk: Json) -> bool:
            nonlocal problem
            problem = chunk.get("error")
            if report := chunk.get("timings"):
                self._latest = body["id_slot"], report
            return problem is not None or self._closing or (chunks is not None and not chunks.give(chunk))

        write(body, take)
        return problem

    def _complaint(self, asked: Json) -> Json | None:
        """What llama.cpp has against a request, of which nothing is written."""
        answers: list[Json] = []

        def take(answer: Json) -> bool:
            answers.append(answer)
            return True

        self._server.handle_chat_completions({**asked, "stream": True, "max_tokens": 1}, take)
        return next((answer["error"] for answer in answers if "error" in answer), None)

    def _failure(self, problem: Json) -> EngineFailed:
        if problem.get("type") == "exceed_context_size_error":
            return ContextTooLong(
                f"the conversation has {problem.get('n_prompt_tokens')} tokens with its instructions, and "
                f"{self.model!r} takes {problem.get('n_ctx')} (option `context_tokens`)"
            )
        # Only the beginning: what follows may be the template, or somebody's words.
        reason = re.split(r"[;\n]", str(problem.get("message")), maxsplit=1)[0][:200]
        return EngineFailed(f"the language model {self.model!r} refused: {reason}")


def _bad_grammar(prompt: Prompt, problem: Json) -> InvalidRequest | None:
    """Whether it is the client's grammar, and not one of our own for a call, that llama.cpp cannot read."""
    if not (prompt.sampling.grammar and "failed to parse grammar" in str(problem.get("message"))):
        return None
    return InvalidRequest("'grammar' cannot be read: it has to be GBNF, and to have a rule 'root'.", param="grammar")


def open_llama_cpp(workshop: Workshop) -> LlamaCpp:
    """Load the model and read the beginning of a conversation, in case the first comes soon."""
    options = workshop.read_options(LlamaCppOptions, "llama-cpp")
    engine = _load(workshop.find_model(options.model), options, workshop.threads)
    try:
        engine.warm_up()
    except BaseException:
        engine.shut_down()
        raise
    return engine


def _load(path: Path, options: LlamaCppOptions, threads: int) -> LlamaCpp:
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_parallel = options.slots
    params.n_ctx = options.slots * options.context_tokens
    params.n_batch = params.n_ubatch = options.batch_tokens
    params.n_cache_reuse = SMALLEST_REUSE_TOKENS
    params.cache_ram_mib = 0  # copies of slots; ours stay where they are
    params.n_gpu_layers = options.gpu_layers
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.use_jinja = True
    params.chat_template = options.template()
    params.enable_reasoning = 0  # a thought is silence to the listener
    params.verbosity = -1
    # llama.cpp always opens an HTTP door. Its socket lies where only we may look; where there are no such sockets, the
    # key keeps others out.
    key = token_urlsafe(32)
    params.api_keys = [key]
    params.ui = params.endpoint_slots = False
    params.n_threads_http = 1
    folder = TemporaryDirectory(prefix="realtime-")
    path_of_door = str(Path(folder.name) / "llama.sock")
    if os.name == "posix" and len(path_of_door) < LONGEST_SOCKET_PATH:
        params.hostnames = [path_of_door]
    try:
        server = xllamacpp.Server(params)
    except RuntimeError as problem:
        folder.cleanup()
        raise ModelUnavailable(f"llama.cpp cannot load {path} with these options") from problem
    return LlamaCpp(server, LlamaDoor(server.listening_address, key, folder), options)
