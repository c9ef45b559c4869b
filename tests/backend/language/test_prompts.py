"""What a client wants written, as the language model is given it, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.backend.language.prompts import prompt_of
from realtime.backend.pb import backend_pb2 as pb
from realtime.engines.base import Ability, Image, Message, Prompt, Tool, ToolCall, Urgency
from realtime.engines.sampling import Sampling, Truncation
from realtime.errors import InvalidRequest, NotServed
from tests.fakes import FakeChat

TOOLS = '[{"type": "function", "function": {"name": "clock", "description": "The time"}}]'
JPEG = "/9j/4AAQSkZJRg=="


def chat(*without: Ability) -> FakeChat:
    able = FakeChat()
    able.abilities -= frozenset(without)
    return able


def asked(**fields: Any) -> pb.PredictOptions:
    return pb.PredictOptions(**{"Messages": [pb.Message(role="user", content="Hello.")], **fields})


def test_a_conversation_keeps_its_roles_words_and_calls() -> None:
    calls = '[{"id": "call_1", "type": "function", "function": {"name": "clock", "arguments": "{}"}}]'
    request = pb.PredictOptions(
        UseTokenizerTemplate=True,
        Prompt="what LocalAI made of it",
        Messages=[
            pb.Message(role="developer", content="Be brief."),
            pb.Message(role="user", content="How late is it?"),
            pb.Message(role="assistant", tool_calls=calls),
            pb.Message(role="tool", content="noon", tool_call_id="call_1", name="clock"),
        ],
    )
    call = ToolCall(call_id="call_1", name="clock", arguments="{}")
    assert prompt_of(request, chat()) == Prompt(
        messages=(
            Message(role="system", text="Be brief."),
            Message(role="user", text="How late is it?"),
            Message(role="assistant", text="", tool_calls=(call,)),
            Message(role="tool", text="noon", call_id="call_1"),
        ),
        temperature=0.0,
        truncation=Truncation(retention=None),
        urgency=Urgency.UNATTENDED,
    )


@pytest.mark.parametrize("template", [True, False])
def test_a_prompt_without_messages_is_gone_on_with_as_it_is(template: bool) -> None:
    """Also where a template was wanted: there is no conversation that it could be used for."""
    prompt = prompt_of(pb.PredictOptions(Prompt="Once upon", UseTokenizerTemplate=template, Tools="nonsense"), chat())
    assert (prompt.text, prompt.messages, prompt.tools) == ("Once upon", (), ())


def test_without_the_template_the_prompt_is_what_counts() -> None:
    assert prompt_of(asked(Prompt="<user>Hello."), chat()).text == "<user>Hello."
    assert prompt_of(asked(), chat()).text is None


def test_limits_and_temperature_are_handed_on() -> None:
    prompt = prompt_of(asked(Tokens=7, Temperature=0.5, TopK=3), chat())
    assert (prompt.max_tokens, prompt.temperature, prompt.sampling) == (7, 0.5, Sampling(top_k=3))
    assert prompt_of(asked(Tokens=-1), chat()).max_tokens is None


def test_equal_requests_make_equal_prompts() -> None:
    fields = {"Tools": TOOLS, "LogitBias": '{"5": 1}', "StopPrompts": ["."], "Seed": 4}
    assert prompt_of(asked(**fields), chat()) == prompt_of(asked(**fields), chat())
    assert hash(prompt_of(asked(LogitBias='{"5": 1}'), chat())) == hash(prompt_of(asked(LogitBias='{"5": 1}'), chat()))


def test_tools_and_who_is_called() -> None:
    prompt = prompt_of(asked(Tools=TOOLS, ToolChoice="required"), chat())
    assert prompt.tools == (Tool(name="clock", description="The time"),)
    assert prompt.tool_choice == "required"


def test_with_a_grammar_the_model_is_shown_no_tools() -> None:
    """Whoever sent it reads the call out of the text."""
    prompt = prompt_of(asked(Tools=TOOLS, ToolChoice="required", Grammar='root ::= "{}"'), chat())
    assert (prompt.tools, prompt.tool_choice, prompt.sampling.grammar) == ((), "auto", 'root ::= "{}"')


def test_one_word_of_the_assistants_at_the_end_is_gone_on_with() -> None:
    request = asked()
    request.Messages.add(role="assistant", content="It is")
    assert prompt_of(request, chat()).messages[-1] == Message(role="assistant", text="It is")


def test_how_it_thinks() -> None:
    prompt = prompt_of(asked(Metadata={"enable_thinking": "true", "reasoning_effort": "low", "more": "x"}), chat())
    assert (prompt.thoughts, prompt.effort) == (True, "low")
    assert not prompt_of(asked(), chat()).thoughts


def test_pictures_belong_to_what_the_user_said_last() -> None:
    request = asked(Images=[JPEG, "data:image/png;base64,iVBOR"])
    request.Messages.add(role="assistant", content="Yes?")
    first, last = prompt_of(request, chat()).messages
    assert first.images == (Image(url=f"data:image/jpeg;base64,{JPEG}"), Image(url="data:image/png;base64,iVBOR"))
    assert last.images == ()


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.PredictOptions(), "Prompt"),
        (pb.PredictOptions(UseTokenizerTemplate=True), "Prompt"),
        (asked(Messages=[pb.Message(role="robot")]), "Messages[0].role"),
        (asked(Messages=[pb.Message(role="assistant", tool_calls="{")]), "Messages[0].tool_calls"),
        (asked(Messages=[pb.Message(role="system"), pb.Message(role="assistant")]), "Messages"),
        (asked(Messages=[pb.Message(role=role) for role in ("user", "assistant", "assistant")]), "Messages"),
        (asked(Messages=[pb.Message(role="system")], Images=[JPEG]), "Images"),
        (asked(Images=["not a picture"]), "Images[0]"),
        (asked(Images=["https://example.com/cat.png"]), "Images[0]"),
        (asked(Videos=["x"]), "Videos"),
        (asked(Audios=["x"]), "Audios"),
        (pb.PredictOptions(Prompt="Once", Images=[JPEG]), "Images"),
        (asked(Tools="{"), "Tools"),
        (asked(ToolChoice="perhaps"), "ToolChoice"),
        (asked(Metadata={"enable_thinking": "often"}), "Metadata"),
        (asked(Metadata={"reasoning_effort": "enormous"}), "Metadata"),
        (asked(LogitBias="x"), "LogitBias"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(request_: pb.PredictOptions, field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        prompt_of(request_, chat())
    assert refused.value.param == field
    assert field.partition("[")[0] in refused.value.message


def test_a_model_is_not_asked_for_what_it_cannot_do() -> None:
    with pytest.raises(InvalidRequest, match="'Images'"):
        prompt_of(asked(Images=[JPEG]), chat("images"))
    with pytest.raises(InvalidRequest, match="calls no functions"):
        prompt_of(asked(Tools=TOOLS), chat("tools"))
    with pytest.raises(NotServed, match="conversations only"):
        prompt_of(pb.PredictOptions(Prompt="Once"), chat("completing"))
    with pytest.raises(NotServed, match="'Grammar'"):
        prompt_of(asked(Grammar='root ::= "x"'), chat("grammar"))
