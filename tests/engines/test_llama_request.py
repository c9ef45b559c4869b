"""What llama.cpp is asked for one answer."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.engines.base import Message, Prompt, Tool
from realtime.engines.llama_options import LlamaCppOptions
from realtime.engines.llama_request import beginning, body, choose_tools
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
