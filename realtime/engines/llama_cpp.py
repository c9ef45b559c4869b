"""A language model on llama.cpp, by xllamacpp: one set of weights, and as many answers at once as there are slots.

llama.cpp batches what its slots write, so an answer holds one thread of this engine's own, which only waits. What a
slot has read before is not read again: `Slots` sends a conversation back to where it was. One more step is never far
away, even inside a long prompt, and after each the model can be told to stop.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from pathlib import Path
from secrets import token_urlsafe
from tempfile import TemporaryDirectory

import xllamacpp

from realtime.engines.base import AnswerPart, Message, Prompt
from realtime.engines.chat_completions import Json, Reading, request
from realtime.engines.handoff import Handoff
from realtime.engines.llama_options import DEFAULT_EXAMPLES, LlamaCppOptions
from realtime.engines.recall import recall
from realtime.engines.registry import Workshop
from realtime.engines.scheduler import Scheduler
from realtime.engines.slots import Slots
from realtime.errors import BadConfiguration, EngineFailed, ModelUnavailable

CHARACTERS_PER_TOKEN = 3
"""Of English it is four; a smaller guess leaves room, and llama.cpp says when it was still too large."""

LONGEST_SOCKET_PATH = 104
"""What macOS allows; Linux has four more."""

SMALLEST_REUSE_TOKENS = 16
"""When the oldest turns are left out, pieces of the rest from this size on are moved instead of read again."""


class LlamaCpp:
    """The shared model. Closing waits until every answer has stopped."""

    def __init__(self, server: xllamacpp.Server, options: LlamaCppOptions) -> None:
        self.model = options.model
        self._server = server
        self._options = options
        self._examples = DEFAULT_EXAMPLES.get(options.model, ()) if options.examples is None else options.examples
        self._slots = Slots(options.slots)
        self._writers = Scheduler(options.slots, options.waiting_limit)
        self._closing = False

    async def answer(self, prompt: Prompt) -> AsyncGenerator[AnswerPart, None]:
        """The answer as it is written. Cancelling, or closing it, stops the model after its step and frees the slot.

        Of a conversation that does not fit, the oldest turns are left out. Raises `EngineBusy` when too many answers
        wait already, and `EngineFailed` when the last turn alone does not fit or the model refuses it.
        """
        chunks: Handoff[Json] = Handoff(limit=4 * self._options.context_tokens)
        reading = Reading()
        await self._writers.start(partial(self._write, prompt, chunks), prompt.urgency)
        async with aclosing(chunks.items()) as arriving:
            async for chunk in arriving:
                for part in reading.parts(chunk):
                    yield part
        yield reading.finish()

    async def close(self) -> None:
        """Stop every answer and let go of the model. Cancelling leaves it to a thread to finish."""
        self._closing = True
        await asyncio.to_thread(self._shut_down)

    def warm_up(self) -> None:
        """Read what conversations begin with into every slot."""
        greeting = (Message(role="system", text=self._options.instructions), Message(role="user", text="Hello."))
        for slot in range(self._options.slots):
            body = self._body(Prompt(messages=greeting, max_tokens=1), greeting, slot)
            if problem := self._generate(body, None):
                raise BadConfiguration(f"options of engine 'llama-cpp': {self._failure(problem)}")

    def _shut_down(self) -> None:
        self._writers.close()
        del self._server

    def _write(self, prompt: Prompt, chunks: Handoff[Json]) -> None:
        """Write one answer, from the first try that fits. Runs on a writer's thread and raises nothing."""
        room = CHARACTERS_PER_TOKEN * max(0, self._options.context_tokens - self._options.max_tokens)
        problem: Json | None = None
        try:
            with self._slots.lend(prompt.messages) as slot:
                for messages in recall(prompt.messages, room):
                    problem = self._generate(self._body(prompt, messages, slot), chunks)
                    if problem is None or problem.get("type") != "exceed_context_size_error":
                        break
        except Exception as refused:  # xllamacpp raises what it likes; whoever waits for the answer is told
            problem = {"message": str(refused)}
        chunks.end(self._failure(problem) if problem else None)

    def _generate(self, body: Json, chunks: Handoff[Json] | None) -> Json | None:
        """Have llama.cpp write one answer into `chunks`, or say why not."""
        problem: Json | None = None

        def take(chunk: Json) -> bool:
            nonlocal problem
            problem = chunk.get("error")
            return problem is not None or self._closing or (chunks is not None and not chunks.give(chunk))

        self._server.handle_chat_completions(body, take)
        return problem

    def _body(self, prompt: Prompt, messages: tuple[Message, ...], slot: int) -> Json:
        shown = replace(_only_the_chosen_tool(prompt), messages=self._with_examples(messages))
        options = self._options
        sampling = {
            "temperature": options.temperature,
            "top_p": options.top_p,
            "min_p": options.min_p,
            "seed": options.seed,
            "dry_multiplier": options.dry_multiplier,
        }
        streaming = {
            "stream": True,
            "stream_options": {"include_usage": True},
            # A report after each step, also inside the prompt, is a chance to stop it.
            "return_progress": True,
        }
        limit = options.max_tokens if prompt.max_tokens is None else prompt.max_tokens
        return {**sampling, **streaming, **request(shown), "max_tokens": limit, "id_slot": slot}

    def _with_examples(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        instructions = messages[:1] if messages and messages[0].role == "system" else ()
        shown = (
            message
            for said, answered in self._examples
            for message in (Message(role="user", text=said), Message(role="assistant", text=answered))
        )
        return (*instructions, *shown, *messages[len(instructions) :])

    def _failure(self, problem: Json) -> EngineFailed:
        if problem.get("type") == "exceed_context_size_error":
            return EngineFailed(
                f"the last turn alone has {problem.get('n_prompt_tokens')} tokens with its instructions, and "
                f"{self.model!r} takes {problem.get('n_ctx')} (option `context_tokens`)"
            )
        # Only the beginning: what follows may be the template, or somebody's words.
        reason = re.split(r"[;\n]", str(problem.get("message")), maxsplit=1)[0][:200]
        return EngineFailed(f"the language model {self.model!r} refused: {reason}")


def _only_the_chosen_tool(prompt: Prompt) -> Prompt:
    """llama.cpp takes no function's name for a choice: with one tool, to require one is the same."""
    if prompt.tool_choice in ("auto", "none", "required"):
        return prompt
    chosen = tuple(tool for tool in prompt.tools if tool.name == prompt.tool_choice)
    return replace(prompt, tools=chosen, tool_choice="required")


def open_llama_cpp(workshop: Workshop) -> LlamaCpp:
    """Load the model and read the beginning of a conversation into every slot."""
    options = workshop.read_options(LlamaCppOptions, "llama-cpp")
    engine = LlamaCpp(_load(workshop.find_model(options.model), options, workshop.threads), options)
    engine.warm_up()
    return engine


def _load(path: Path, options: LlamaCppOptions, threads: int) -> xllamacpp.Server:
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
    params.chat_template = options.chat_template
    params.enable_reasoning = 0  # a thought is silence to the listener
    params.verbosity = -1
    # llama.cpp always opens an HTTP door, which nobody here needs. Its socket is made where only we may look, and is
    # gone from there before anybody else could have come; the key is for machines that know no such sockets.
    params.api_keys = [token_urlsafe(32)]
    params.ui = params.endpoint_slots = False
    params.n_threads_http = 1
    with TemporaryDirectory(prefix="realtime-") as folder:
        door = Path(folder) / "llama.sock"
        if os.name == "posix" and len(str(door)) < LONGEST_SOCKET_PATH:
            params.hostnames = [str(door)]
        try:
            return xllamacpp.Server(params)
        except RuntimeError as problem:
            raise ModelUnavailable(f"llama.cpp cannot load {path} with these options") from problem
