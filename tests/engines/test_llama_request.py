"""What llama.cpp is asked for one answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from realtime.engines.base import Message, Prompt, Tool
from realtime.engines.llama_options import LlamaCppOptions
from realtime.engines.llama_request import beginning, body, choose_tools
from realtime.engines.sampling import Sampling
from realtime.engines.smollm2 import CALL_OPENING, EXAMPLES, TEMPLATE

INSTRUCTIONS = Message(role="system", text="Be brief.")
ASKED = (INSTRUCTIONS, Message(role="user", text="How is the weather?"))
WEATHER = Tool(name="get_weather", description="The weather", parameters={"type": "object"})
OTHER = Tool(name="other", description="")
DEFAULT = LlamaCppOptions()
LARGER = LlamaCppOptions(model="/models/large.gguf")
TOOLS = (OTHER, WEATHER)


def test_options_and_the_prompt_shape_the_request() -> None:
    options = LlamaCppOptions(top_p=0.5, min_p=0.1, seed=7, dry_multiplier=0.2, temperature=0.4, max_tokens=9)
    sampling = {"top_p": 0.5, "min_p": 0.1, "seed": 7, "dry_multiplier": 0.2, "temperature": 0.4}
    assert body(Prompt(messages=ASKED), 3, options).items() >= {**sampling, "max_tokens": 9, "id_slot": 3}.items()
    own = body(Prompt(messages=ASKED, temperature=1.0, max_tokens=2, parallel_tool_calls=False), 0, options)
    assert own.items() >= {"temperature": 1.0, "max_tokens": 2, "parallel_tool_calls": False}.items()


def test_a_tool_chosen_by_name_is_the_only_one_and_required_once() -> None:
    chosen = choose_tools(Prompt(messages=ASKED, tools=TOOLS, tool_choice="get_weather"), LARGER)
    assert (chosen.tools, chosen.tool_choice, chosen.parallel_tool_calls) == ((WEATHER,), "required", False)


def test_a_small_model_makes_one_call_at_a_time() -> None:
    asked = Prompt(messages=ASKED, tools=TOOLS)
    assert not choose_tools(asked, DEFAULT).parallel_tool_calls
    assert choose_tools(asked, LARGER).parallel_tool_calls


@pytest.mark.parametrize(("options", "after"), [(DEFAULT, "none"), (LARGER, "auto")])
def test_after_a_result_a_small_model_answers_in_words(options: LlamaCppOptions, after: str) -> None:
    result = (*ASKED, Message(role="tool", text="sunny", call_id="call_1"))
    assert choose_tools(Prompt(messages=result, tools=TOOLS), options).tool_choice == after
    assert choose_tools(Prompt(messages=ASKED, tools=TOOLS), options).tool_choice == "auto"
    assert choose_tools(Prompt(messages=result, tools=TOOLS, tool_choice="required"), options).tool_choice == "required"


@pytest.mark.parametrize(
    ("choice", "options", "added"),
    [
        ("required", DEFAULT, {"role": "assistant", "content": CALL_OPENING}),
        ("auto", DEFAULT, None),
        ("none", DEFAULT, None),
        ("required", LARGER, None),
    ],
)
def test_a_call_that_is_owed_has_begun(choice: str, options: LlamaCppOptions, added: Any) -> None:

    sent = body(Prompt(messages=ASKED, tools=TOOLS, tool_choice=choice), 0, options)
    assert sent["messages"][2:] == ([added] if added else [])
    assert sent.get("logit_bias") == ([["<tool_call>", False]] if choice == "none" else None)


def test_a_model_with_tools_may_repeat_itself() -> None:
    assert body(Prompt(messages=ASKED, tools=TOOLS), 0, DEFAULT)["dry_multiplier"] == 0
    assert body(Prompt(messages=ASKED), 0, DEFAULT)["dry_multiplier"] > 0


def test_the_default_model_is_shown_examples_after_the_instructions() -> None:
    plain = beginning(Prompt(messages=ASKED), ASKED[:1], DEFAULT)
    assert [message.role for message in plain] == ["system", *["user", "assistant"] * 3]
    assert plain[1].text == EXAMPLES[0][0]
    calling = beginning(Prompt(messages=ASKED, tools=TOOLS), ASKED[:1], DEFAULT)
    assert calling[: len(plain)] == plain
    assert [call.name for message in calling for call in message.tool_calls] == ["other", "get_weather"] * 2
    assert beginning(Prompt(messages=ASKED, tools=TOOLS), ASKED[:1], LARGER) == ASKED[:1]


def test_what_belongs_to_the_default_model_is_not_for_another() -> None:
    assert (DEFAULT.template(), DEFAULT.opening()) == (TEMPLATE, CALL_OPENING)
    assert (LARGER.template(), LARGER.opening()) == ("", "")
    own = LlamaCppOptions(chat_template="my own", examples=(), examples_per_tool=0)
    assert (own.template(), own.opening(), own.exchanges(), own.tool_exchanges()) == ("my own", "", (), 0)
    assert LlamaCppOptions(model="/models/large.gguf", call_opening="<call>").opening() == "<call>"


def test_what_the_client_wants_of_sampling_goes_before_the_options() -> None:
    wanted = Sampling(
        top_p=0.5,
        top_k=3,
        min_p=0.2,
        typical_p=0.9,
        seed=5,
        repeat_penalty=1.5,
        repeat_tokens=9,
        mirostat=2,
        mirostat_tau=4.0,
        mirostat_eta=0.1,
        ignore_end=True,
    )
    sent = body(Prompt(messages=ASKED, sampling=wanted), 0, LlamaCppOptions(top_p=0.1, min_p=0.1, seed=7))
    known = {"top_p": 0.5, "top_k": 3, "min_p": 0.2, "typical_p": 0.9, "seed": 5, "repeat_penalty": 1.5}
    own = {"repeat_last_n": 9, "mirostat": 2, "mirostat_tau": 4.0, "mirostat_eta": 0.1, "ignore_eos": True}
    assert sent.items() >= {**known, **own}.items()
    unasked = body(Prompt(messages=ASKED), 0, DEFAULT)
    assert not unasked.keys() & {*own, "top_k", "typical_p", "repeat_penalty", "grammar", "stop", "logit_bias"}


def test_a_grammar_may_repeat_itself() -> None:
    sent = body(Prompt(messages=ASKED, sampling=Sampling(grammar="root ::= [a]*")), 0, DEFAULT)
    assert (sent["grammar"], sent["dry_multiplier"]) == ("root ::= [a]*", 0)


def test_a_forbidden_call_leaves_the_clients_biases() -> None:
    prompt = Prompt(messages=ASKED, tools=TOOLS, tool_choice="none", sampling=Sampling(logit_bias=((5, 1.0),)))
    assert body(prompt, 0, DEFAULT)["logit_bias"] == [(5, 1.0), ["<tool_call>", False]]
    assert body(replace(prompt, tools=()), 0, DEFAULT)["logit_bias"] == {"5": 1.0}


def test_a_text_is_gone_on_with_without_a_template() -> None:
    prompt = Prompt(text="Once", temperature=0.5, max_tokens=4, sampling=Sampling(alternatives=2, stop=("#",)))
    sent = body(prompt, 1, DEFAULT)
    assert "messages" not in sent
    assert sent.items() >= {"prompt": "Once", "temperature": 0.5, "max_tokens": 4, "n_probs": 2, "id_slot": 1}.items()


def test_a_model_thinks_only_for_who_wants_its_thoughts() -> None:
    assert "chat_template_kwargs" not in body(Prompt(messages=ASKED), 0, DEFAULT)
    assert body(Prompt(messages=ASKED, thoughts=True), 0, DEFAULT)["chat_template_kwargs"] == {"enable_thinking": True}
