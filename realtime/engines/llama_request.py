"""What llama.cpp is asked for one answer: what the model is shown, how it writes, the call it owes."""

from __future__ import annotations

from dataclasses import replace

from realtime.engines.base import Message, Prompt
from realtime.engines.chat_completions import Json, request, sampling
from realtime.engines.llama_options import LlamaCppOptions
from realtime.engines.recall import Messages
from realtime.engines.sampling import Sampling
from realtime.engines.tool_examples import tool_examples

USER = Message(role="user", text="Go on.")
"""Between two messages of the assistant's, which llama.cpp does not take."""


def choose_tools(prompt: Prompt, options: LlamaCppOptions) -> Prompt:
    """`prompt` with the tools that may be called, and no choice but `auto`, `none` and `required`.

    llama.cpp takes no function's name for a choice: with one tool, to require one is the same. A model that has to be
    shown calls would make the same call over and over: it makes one, and after a result it answers in words.
    """
    if options.tool_exchanges():
        prompt = replace(prompt, parallel_tool_calls=False)
    choice = prompt.tool_choice
    if choice == "auto" and prompt.messages[-1].role == "tool" and options.tool_exchanges():
        return replace(prompt, tool_choice="none")
    if choice in ("auto", "none", "required"):
        return prompt
    chosen = tuple(tool for tool in prompt.tools if tool.name == choice)
    return replace(prompt, tools=chosen, tool_choice="required", parallel_tool_calls=False)


def beginning(prompt: Prompt, instructions: Messages, options: LlamaCppOptions) -> Messages:
    """What the model sees before the first turn: the instructions and the examples."""
    shown = (
        message
        for said, answered in options.exchanges()
        for message in (Message(role="user", text=said), Message(role="assistant", text=answered))
    )
    return (*instructions, *shown, *tool_examples(prompt.tools, options.tool_exchanges()))


def body(prompt: Prompt, slot: int, options: LlamaCppOptions) -> Json:
    """The request for the answer to `prompt`, as `choose_tools` and `beginning` have made it, in `slot`."""
    defaults = {
        "temperature": options.temperature,
        "top_p": options.top_p,
        "min_p": options.min_p,
        "seed": options.seed,
        # Calls are alike, and are to be: what keeps the model from repeating itself would keep it from calling.
        "dry_multiplier": 0.0 if prompt.tools or prompt.sampling.grammar else options.dry_multiplier,
    }
    streaming = {
        "stream": True,
        "stream_options": {"include_usage": True},
        # A report after each step, also inside the prompt, is a chance to stop it.
        "return_progress": True,
        "timings_per_token": True,
    }
    asked = _conversation(prompt, options) if prompt.text is None else _text(prompt, prompt.text)
    limit = {"max_tokens": answer_limit(prompt, options)}
    return {**defaults, **streaming, **limit, **asked, **_own(prompt.sampling), "id_slot": slot}


def _conversation(prompt: Prompt, options: LlamaCppOptions) -> Json:
    """A conversation, and who may be called in it."""
    opening = options.opening() if prompt.tools else ""
    if opening and prompt.tool_choice == "required":
        # A message of the assistant's at the end is gone on with: the call has begun.
        between = (USER,) if prompt.messages[-1].role == "assistant" else ()
        begun = Message(role="assistant", text=opening)
        prompt = replace(prompt, messages=(*prompt.messages, *between, begun))
    asked = {"parallel_tool_calls": prompt.parallel_tool_calls, **request(prompt)}
    if opening and prompt.tool_choice == "none":
        # The tools stay in sight, so that what was read of the prompt can be used again; to begin a call is forbidden.
        asked["logit_bias"] = [*prompt.sampling.logit_bias, [opening.strip(), False]]
    if prompt.thoughts:
        asked["chat_template_kwargs"] = {"enable_thinking": True}
    return asked


def _text(prompt: Prompt, text: str) -> Json:
    """A text to be gone on with, which knows no conversation and no calls."""
    asked = {"prompt": text, **sampling(prompt.sampling)}
    if prompt.temperature is not None:
        asked["temperature"] = prompt.temperature
    if prompt.sampling.alternatives:
        asked["n_probs"] = prompt.sampling.alternatives
    return asked


def _own(wanted: Sampling) -> Json:
    """What of `wanted` only llama.cpp knows."""
    body: Json = {
        "top_k": wanted.top_k,
        "min_p": wanted.min_p,
        "typical_p": wanted.typical_p,
        "repeat_penalty": wanted.repeat_penalty,
        "repeat_last_n": wanted.repeat_tokens,
        "mirostat": wanted.mirostat or None,
        "mirostat_tau": wanted.mirostat_tau,
        "mirostat_eta": wanted.mirostat_eta,
        "ignore_eos": wanted.ignore_end or None,
        "grammar": wanted.grammar or None,
    }
    return {name: value for name, value in body.items() if value is not None}


def answer_limit(prompt: Prompt, options: LlamaCppOptions) -> int:
    """Tokens that the answer may have."""
    return options.max_tokens if prompt.max_tokens is None else prompt.max_tokens
