"""The embedded language model calls functions: when it may, when it must, and never with what a schema forbids."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest

from realtime.engines.base import Message, Tool, ToolCall, ToolCallPart, Urgency
from realtime.engines.llama_cpp import LlamaCpp, open_llama_cpp
from realtime.engines.tool_schema import check_calls
from realtime.errors import EngineFailed
from tests.engines.conftest import MakeWorkshop
from tests.engines.llama import calls_of, conversation, finish_of, parts_of, words_of

pytestmark = pytest.mark.model


def tool(name: str, description: str, **properties: Any) -> Tool:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return Tool(name=name, description=description, parameters=schema)


WEATHER = tool("get_weather", "Get the current weather in a city.", city={"type": "string"})
LIGHT = tool("set_light", "Turn the light in a room on or off.", room={"type": "string"}, on={"type": "boolean"})
TOOLS = (WEATHER, LIGHT)


@pytest.fixture(scope="module")
def opened(workshop: MakeWorkshop) -> Iterator[LlamaCpp]:
    engine = open_llama_cpp(workshop(slots=1, context_tokens=1024))
    yield engine
    asyncio.run(engine.close())


@pytest.fixture
async def llama(opened: LlamaCpp) -> AsyncIterator[LlamaCpp]:
    """The model, which has stopped writing before the event loop that it writes for ends."""
    yield opened
    await opened._writers.run(int, Urgency.PARTIAL)


async def test_a_tool_is_called_for_what_it_does(llama: LlamaCpp) -> None:
    parts = await parts_of(llama, replace(conversation("What is the weather in Paris?"), tools=TOOLS))
    assert calls_of(parts) == [("get_weather", '{"city": "Paris"}')]
    assert len([part for part in parts if isinstance(part, ToolCallPart)]) > 3  # piece by piece
    assert finish_of(parts).reason == "tool_calls"
    assert words_of(parts) == ""


async def test_what_no_tool_does_is_answered_in_words(llama: LlamaCpp) -> None:
    parts = await parts_of(llama, replace(conversation("What is the capital of France?"), tools=TOOLS))
    assert "Paris" in words_of(parts)
    assert calls_of(parts) == []


async def test_tools_that_may_not_be_called_are_not(llama: LlamaCpp) -> None:
    asked = replace(conversation("What is the weather in Paris?"), tools=TOOLS, tool_choice="none")
    parts = await parts_of(llama, asked)
    assert words_of(parts)
    assert calls_of(parts) == []
    assert finish_of(parts).reason == "stop"


@pytest.mark.parametrize("question", ["What is the capital of France?", "Tell me a long story.", "Hello."])
@pytest.mark.parametrize("choice", ["required", "set_light", "get_weather"])
async def test_a_call_that_is_required_comes_at_once(llama: LlamaCpp, choice: str, question: str) -> None:
    parts = await parts_of(llama, replace(conversation(question), tools=TOOLS, tool_choice=choice))
    assert words_of(parts) == ""
    assert finish_of(parts).reason == "tool_calls"
    check_calls(TOOLS, calls_of(parts))
    assert choice in ("required", calls_of(parts)[0][0])


async def test_a_required_call_after_an_answer(llama: LlamaCpp) -> None:
    """The last word is the assistant's own."""
    asked = conversation("What is the weather in Paris?", "One moment.")
    parts = await parts_of(llama, replace(asked, tools=(WEATHER,), tool_choice="required", max_tokens=60))
    check_calls(TOOLS, calls_of(parts))
    assert calls_of(parts)


@pytest.mark.parametrize("result", ["18 degrees and sunny", '{"temperature": 18, "sky": "sunny"}'])
async def test_the_result_of_a_call_is_put_into_words(llama: LlamaCpp, result: str) -> None:
    asked = conversation("What is the weather in Paris?").messages
    call = ToolCall(call_id="call_1", name="get_weather", arguments='{"city": "Paris"}')
    called = Message(role="assistant", text="", tool_calls=(call,))
    messages = (*asked, called, Message(role="tool", text=result, call_id="call_1"))
    parts = await parts_of(llama, replace(conversation(), messages=messages, tools=TOOLS))
    assert "sunny" in words_of(parts)
    assert calls_of(parts) == []


async def test_a_call_that_is_cut_short_says_so(llama: LlamaCpp) -> None:
    asked = replace(conversation("Turn on the light."), tools=TOOLS, tool_choice="set_light", max_tokens=10)
    parts = await parts_of(llama, asked)
    assert finish_of(parts).reason == "length"
    with pytest.raises(json.JSONDecodeError):
        json.loads(calls_of(parts)[0][1])


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer", "minimum": 3, "maximum": 7},
        {"enum": ["small", "large"]},
        {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 2},
        {"type": "string", "pattern": "^[0-9]{3}$"},
        {"anyOf": [{"type": "null"}, {"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"]}]},
    ],
)
async def test_arguments_are_what_the_schema_says(llama: LlamaCpp, schema: dict[str, Any]) -> None:
    odd = tool("odd", "Something odd.", value=schema)
    asked = replace(conversation("Tell me a story."), tools=(odd,), tool_choice="odd", temperature=0.7)
    parts = await parts_of(llama, asked)
    check_calls((odd,), calls_of(parts))
    assert finish_of(parts).reason == "tool_calls"


async def test_what_the_grammar_does_not_know_is_a_failure_when_it_is_wrong(llama: LlamaCpp) -> None:
    never = tool("odd", "Something odd.", value={"type": "integer", "not": {"type": "integer"}})
    with pytest.raises(EngineFailed, match="'odd' with a wrong 'value': 'not'"):
        await parts_of(llama, replace(conversation("Hello."), tools=(never,), tool_choice="odd"))


@pytest.mark.parametrize("pattern", ["^((a|a)(a|a)){300}b$", "^(((a?){30}){30})b$"])
async def test_a_schema_that_would_keep_the_model_busy_for_ever_does_not(llama: LlamaCpp, pattern: str) -> None:
    """The call is written without it, and held against it in the end."""
    odd = tool("odd", "Something odd.", value={"type": "string", "pattern": pattern})
    with pytest.raises(EngineFailed, match="'odd' with a wrong 'value': 'pattern'"):
        await parts_of(llama, replace(conversation("Call it with aaaaaaaaaaaa."), tools=(odd,), tool_choice="odd"))
    assert "Paris" in words_of(await parts_of(llama, conversation("What is the capital of France?")))


@pytest.mark.parametrize("schema", [{"type": "nonsense"}, {"$ref": "#/$defs/gone"}])
async def test_a_schema_that_makes_no_sense_is_refused(llama: LlamaCpp, schema: dict[str, Any]) -> None:
    odd = tool("odd", "Something odd.", value=schema)
    with pytest.raises(EngineFailed, match=r"no JSON schema|refused"):
        await parts_of(llama, replace(conversation("Hello."), tools=(odd,)))


async def test_without_tools_the_model_reads_what_its_own_template_writes(
    llama: LlamaCpp, workshop: MakeWorkshop
) -> None:
    """A template given in the model's place is its own here, word by word."""
    plain = (
        "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + "
        "'\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
    )
    asked = conversation("Hello.", "Hi!", "How deep is the sea?")
    theirs = open_llama_cpp(workshop(slots=1, context_tokens=1024, chat_template=plain))
    expected = await parts_of(theirs, asked)
    await theirs.close()
    parts = await parts_of(llama, asked)
    assert words_of(parts) == words_of(expected)
    assert finish_of(parts).prompt_tokens == finish_of(expected).prompt_tokens
