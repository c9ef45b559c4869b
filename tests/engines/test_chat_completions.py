"""OpenAI's chat completions: our prompt in their words, their chunks as our parts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from realtime.engines.base import Finish, FinishReason, Image, Message, Prompt, Read, Thought, Token, Tool, ToolCall
from realtime.engines.chat_completions import request
from realtime.engines.sampling import Likelihood, Sampling
from realtime.errors import EngineFailed
from tests.engines.chunks import WEATHER, delta, read

# --- what is asked -----------------------------------------------------------------------------------------------

ASKED = Message(role="user", text="How is the weather?")


def calling(call_id: str) -> Message:
    call = ToolCall(call_id=call_id, name="weather", arguments='{"city":"Rome"}')
    return Message(role="assistant", text="", tool_calls=(call,))


def test_messages_keep_their_roles_and_words() -> None:
    messages = (Message(role="system", text="Be brief."), ASKED, Message(role="assistant", text="Sunny."))
    assert request(Prompt(messages=messages)) == {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "How is the weather?"},
            {"role": "assistant", "content": "Sunny."},
        ]
    }


def test_calls_made_together_are_one_message_before_their_results() -> None:
    results = [Message(role="tool", text="sunny", call_id=call_id) for call_id in ("call_1", "call_2")]
    sent = request(Prompt(messages=(ASKED, calling("call_1"), calling("call_2"), *results, calling("call_3"))))
    assert [
        (m["role"], [c["id"] for c in m.get("tool_calls", ())], m.get("tool_call_id")) for m in sent["messages"]
    ] == [
        ("user", [], None),
        ("assistant", ["call_1", "call_2"], None),
        ("tool", [], "call_1"),
        ("tool", [], "call_2"),
        ("assistant", ["call_3"], None),
    ]
    assert sent["messages"][1]["tool_calls"][0] == {
        "id": "call_1",
        "type": "function",
        "function": {"name": "weather", "arguments": '{"city":"Rome"}'},
    }


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        ("weather", {"type": "function", "function": {"name": "weather"}}),
    ],
)
def test_the_choice_of_a_tool(choice: str, sent: Any) -> None:
    assert request(Prompt(messages=(ASKED,), tools=(WEATHER,), tool_choice=choice))["tool_choice"] == sent


def test_a_tool_without_arguments_has_a_schema_all_the_same() -> None:
    clock = Tool(name="clock", description="The time")
    assert request(Prompt(messages=(ASKED,), tools=(clock,)))["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "clock",
                "description": "The time",
                "parameters": {"type": "object", "properties": {}},
            },
        }
    ]


def test_a_temperature_is_sent_only_when_there_is_one() -> None:
    assert request(Prompt(messages=(ASKED,), temperature=0.0))["temperature"] == 0.0
    assert "temperature" not in request(Prompt(messages=(ASKED,)))


def test_how_words_are_to_be_chosen() -> None:
    wanted = Sampling(
        top_p=0.5, seed=3, stop=("#",), frequency_penalty=0.1, presence_penalty=0.2, logit_bias=((7, -1.0),)
    )
    told = {"logprobs": True, "top_logprobs": 2}
    penalties = {"frequency_penalty": 0.1, "presence_penalty": 0.2}
    assert request(Prompt(messages=(ASKED,), sampling=replace(wanted, alternatives=2))) == {
        **{"messages": [{"role": "user", "content": "How is the weather?"}], "top_p": 0.5, "seed": 3, "stop": ["#"]},
        **{**penalties, "logit_bias": {"7": -1.0}, **told},
    }
    assert request(Prompt(messages=(ASKED,), sampling=Sampling(top_k=5, grammar="x"))).keys() == {"messages"}


def test_pictures_go_with_the_words() -> None:
    pictures = (Image(url="data:image/png;base64,AAAA", detail="low"), Image(url="https://a.example/b.png"))
    seen = Message(role="user", text="What is this?", images=pictures)
    wordless = Message(role="user", text="", images=pictures[:1])
    first = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}}
    second = {"type": "image_url", "image_url": {"url": "https://a.example/b.png", "detail": "auto"}}
    assert [message["content"] for message in request(Prompt(messages=(seen, wordless)))["messages"]] == [
        [{"type": "text", "text": "What is this?"}, first, second],
        [first],
    ]


def test_one_call_at_a_time_is_asked_for_and_several_are_the_default() -> None:
    tools = (WEATHER,)
    assert "parallel_tool_calls" not in request(Prompt(messages=(ASKED,), tools=tools))
    assert request(Prompt(messages=(ASKED,), tools=tools, parallel_tool_calls=False))["parallel_tool_calls"] is False
    assert "parallel_tool_calls" not in request(Prompt(messages=(ASKED,), parallel_tool_calls=False))


# --- what is answered --------------------------------------------------------------------------------------------


def test_an_answer_with_its_counts() -> None:
    usage = {"prompt_tokens": 12, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 8}}
    assert read(
        delta(role="assistant", content=None),
        delta(content="Sun"),
        delta(content="ny."),
        delta("stop"),
        {"choices": [], "usage": usage},
    ) == [
        Token("Sun"),
        Token("ny."),
        Finish(reason="stop", prompt_tokens=12, cached_tokens=8, completion_tokens=2),
    ]


@pytest.mark.parametrize(
    "usage", [None, {"prompt_tokens": 12}, {"prompt_tokens_details": None}, {"prompt_tokens_details": {}}]
)
def test_servers_that_count_less(usage: Any) -> None:
    finish = read(delta("stop", content="Sunny."), {"choices": [], "usage": usage})[-1]
    assert (finish.cached_tokens, finish.completion_tokens) == (0, 0)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("tool_calls", "tool_calls"),
        ("function_call", "tool_calls"),
        ("content_filter", "content_filter"),
        ("eos_token", "stop"),
    ],
)
def test_why_it_ended(theirs: str, ours: FinishReason) -> None:
    assert read(delta(theirs, content="x"))[-1] == Finish(reason=ours)


def test_the_prompt_is_read_once_when_all_of_it_has_been() -> None:
    half, whole = ({"prompt_progress": {"total": 40, "cache": 8, "processed": done}} for done in (20, 40))
    assert read(half, whole, whole, delta(content="Hi."), delta("stop")) == [
        Read(prompt_tokens=40, cached_tokens=8),
        Token("Hi."),
        Finish(reason="stop", prompt_tokens=40, cached_tokens=8),
    ]


def test_thoughts_are_not_said() -> None:
    chunks = (delta(reasoning_content="He asks about"), delta("stop", content="Sunny."))
    assert read(*chunks)[0] == Token("Sunny.")
    assert read(*chunks, thoughts=True)[:2] == [Thought("He asks about"), Token("Sunny.")]


def test_a_text_that_is_gone_on_with_has_no_deltas() -> None:
    chunks = [{"choices": [{"text": text, "finish_reason": None}]} for text in ("", " Sun", "ny")]
    ended = {"choices": [{"text": "", "finish_reason": "length"}]}
    assert read(*chunks, ended) == [Token(" Sun"), Token("ny"), Finish(reason="length")]


@pytest.mark.parametrize("chunk", [{}, {"choices": None}, {"choices": []}, {"choices": [{}]}, {"id": "x", "new": 1}])
def test_a_chunk_that_says_nothing_adds_nothing(chunk: Any) -> None:
    assert read(chunk, delta("stop")) == [Finish(reason="stop")]


def test_an_answer_that_breaks_off_is_a_failure() -> None:
    with pytest.raises(EngineFailed, match="broke off"):
        read(delta(content="Sun"))


@pytest.mark.parametrize(
    "chunk", [None, 42, "text", [], {"choices": 1}, {"choices": [{"delta": {"content": 5}}]}, {"usage": "much"}]
)
def test_a_chunk_that_makes_no_sense_is_a_failure(chunk: Any) -> None:
    with pytest.raises(EngineFailed, match="cannot be read"):
        read(chunk)


# --- how likely its words were -----------------------------------------------------------------------------------


def likely(token: str, **more: Any) -> dict[str, Any]:
    return {"token": token, "logprob": -0.5, "bytes": list(token.encode()), **more}


def test_probabilities_come_with_the_words_if_they_are_asked_for() -> None:
    told = likely("Sun", id=7, top_logprobs=[likely("Sun"), likely("Rain", bytes=None)])
    chunk = delta("stop", content="Sun")
    chunk["choices"][0]["logprobs"] = {"content": [told], "refusal": None}
    sun, rain = (Likelihood(token=token, log_probability=-0.5, utf8=tuple(token.encode())) for token in ("Sun", "Rain"))
    assert read(chunk)[0] == Token("Sun")
    (likelihood,) = read(chunk, likelihoods=True)[0].likelihoods
    assert likelihood == Likelihood(token="Sun", log_probability=-0.5, utf8=sun.utf8, alternatives=(sun, rain))


def test_probabilities_of_what_is_no_letter_yet_come_without_words() -> None:
    chunk = delta("stop")
    chunk["choices"][0]["logprobs"] = {"content": [likely("\ufffd", bytes=[240, 159])]}
    assert read(chunk)[0] == Finish(reason="stop")
    token = read(chunk, likelihoods=True)[0]
    assert (token.text, token.likelihoods[0].utf8) == ("", (240, 159))


@pytest.mark.parametrize("logprobs", [5, {"content": [{"token": "x"}]}, {"content": "x"}])
def test_probabilities_that_make_no_sense_are_a_failure_to_who_asked(logprobs: Any) -> None:
    chunk = delta("stop", content="Sun")
    chunk["choices"][0]["logprobs"] = logprobs
    assert read(chunk)[0] == Token("Sun")
    with pytest.raises(EngineFailed, match="probabilities"):
        read(chunk, likelihoods=True)
