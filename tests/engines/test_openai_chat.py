"""A language model behind HTTP: what is asked, what comes back, and everything that can go wrong on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from realtime.engines.base import (
    AnswerPart,
    CallWhole,
    Finish,
    Image,
    Message,
    Prompt,
    Thought,
    Token,
    Tool,
    ToolCallPart,
)
from realtime.engines.openai_chat import OpenAIChat, OpenAIChatOptions, open_openai_chat
from realtime.engines.registry import Workshop
from realtime.engines.sampling import Sampling
from realtime.engines.scheduler import Scheduler
from realtime.errors import BadConfiguration, ContextTooLong, EngineBusy, EngineFailed
from realtime.models.store import ModelStore
from tests.engines.http_server import Call, HttpServer, Script, serving

KEY = "sk-very-secret"
ASKED = Prompt(messages=(Message(role="user", text="my own words"),))
CLOCK = Tool(name="clock", description="The time", parameters={"properties": {"zone": {"type": "string"}}})


def open_chat(url: str, **options: Any) -> OpenAIChat:
    chosen = {"base_url": f"{url}/v1", "model": "some-model", "api_key": KEY, "max_retries": 0, **options}
    shop = Workshop(model_path=Path, scheduler=Scheduler(1), threads=1, options=chosen)
    return open_openai_chat(shop)


@asynccontextmanager
async def asking(script: Script, **options: Any) -> AsyncIterator[tuple[OpenAIChat, HttpServer]]:
    async with serving(script) as server:
        chat = open_chat(server.url, **options)
        yield chat, server
        await chat.close()


def delta(finish_reason: str | None = None, **delta: Any) -> dict[str, Any]:
    return {
        "id": "1",
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
    }


async def sunny(call: Call) -> None:
    await call.begin_stream()
    await call.event(delta(role="assistant", content=""))
    await call.event(delta(content="Sun"))
    await call.event(delta(content="ny."))
    await call.event(delta("stop"))
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}
    await call.event({"choices": [], "usage": usage})
    await call.end_stream()


async def answer(chat: OpenAIChat, prompt: Prompt = ASKED) -> list[AnswerPart]:
    return [part async for part in chat.answer(prompt)]


async def test_an_answer_comes_word_by_word() -> None:
    async with asking(sunny) as (chat, server):
        assert await answer(chat) == [
            Token("Sun"),
            Token("ny."),
            Finish(reason="stop", prompt_tokens=9, cached_tokens=4, completion_tokens=2),
        ]
    assert server.calls[0].headers["authorization"] == f"Bearer {KEY}"
    assert server.calls[0].body == {
        "model": "some-model",
        "messages": [{"role": "user", "content": "my own words"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def test_the_event_loop_is_never_held_up(no_blocking: None) -> None:
    async with asking(sunny) as (chat, _):
        assert await answer(chat)


async def test_options_and_the_prompt_shape_the_request() -> None:
    options = {
        "temperature": 0.3,
        "max_tokens": 50,
        "limit_field": "max_completion_tokens",
        "count_tokens": False,
        "extra": {"reasoning_effort": "none"},
    }
    tool = Tool(name="clock", description="The time")
    async with asking(sunny, **options) as (chat, server):
        await answer(chat)
        await answer(chat, Prompt(messages=ASKED.messages, max_tokens=7, temperature=1.0, tools=(tool,)))
    first, second = (call.body for call in server.calls)
    assert (first["temperature"], first["max_completion_tokens"], first["reasoning_effort"]) == (0.3, 50, "none")
    assert "stream_options" not in first
    assert (second["temperature"], second["max_completion_tokens"], second["tool_choice"]) == (1.0, 7, "auto")


async def test_a_tool_call_comes_piece_by_piece() -> None:
    async def call_tool(call: Call) -> None:
        await call.begin_stream()
        function = {"name": "clock", "arguments": ""}
        await call.event(delta(tool_calls=[{"index": 0, "id": "call_1", "type": "function", "function": function}]))
        await call.event(delta(tool_calls=[{"index": 0, "function": {"arguments": "{}"}}]))
        await call.event(delta("tool_calls"))
        await call.end_stream()

    async with asking(call_tool) as (chat, _):
        assert await answer(chat, Prompt(messages=ASKED.messages, tools=(CLOCK,))) == [
            ToolCallPart(index=0, call_id="call_1", name="clock"),
            ToolCallPart(index=0, arguments="{}"),
            CallWhole(index=0),
            Finish(reason="tool_calls"),
        ]


@pytest.mark.parametrize(
    "asked", [Prompt(text="Once"), Prompt(messages=ASKED.messages, sampling=Sampling(grammar="x"))]
)
async def test_it_answers_conversations_only_and_knows_no_grammars(asked: Prompt) -> None:
    async with asking(sunny) as (chat, server):
        with pytest.raises(EngineFailed, match="conversations only"):
            await answer(chat, asked)
    assert server.calls == []


async def test_thoughts_are_given_to_who_asks_for_them() -> None:
    async def thinking(call: Call) -> None:
        await call.begin_stream()
        await call.event(delta(reasoning_content="Hm."))
        await call.event(delta("stop", content="Yes."))
        await call.end_stream()

    async with asking(thinking) as (chat, _):
        assert (await answer(chat, Prompt(messages=ASKED.messages, thoughts=True)))[0] == Thought("Hm.")
        assert (await answer(chat))[0] == Token("Yes.")


async def test_how_long_to_think_is_said_to_a_model_that_thinks() -> None:
    thinking = Prompt(messages=ASKED.messages, effort="low")
    async with asking(sunny) as (chat, server):
        await answer(chat, thinking)
        assert chat.abilities == {"tools"}
    assert "reasoning_effort" not in server.calls[0].body
    async with asking(sunny, abilities=["tools", "images", "reasoning"]) as (chat, server):
        await answer(chat, thinking)
        await answer(chat)
        assert chat.abilities == {"tools", "images", "reasoning"}
    assert server.calls[0].body["reasoning_effort"] == "low"
    assert "reasoning_effort" not in server.calls[1].body


async def test_pictures_and_the_number_of_calls_are_passed_on() -> None:
    picture = Image(url="data:image/png;base64,AAAA")
    seen = Message(role="user", text="What is this?", images=(picture,))
    tool = Tool(name="clock", description="The time")
    async with asking(sunny) as (chat, server):
        await answer(chat, Prompt(messages=(seen,), tools=(tool,), tool_choice="clock", parallel_tool_calls=False))
    body = server.calls[0].body
    assert body["messages"][0]["content"][1] == {
        "type": "image_url",
        "image_url": {"url": "data:image/png;base64,AAAA", "detail": "auto"},
    }
    assert body["parallel_tool_calls"] is False
    assert body["tool_choice"] == {"type": "function", "function": {"name": "clock"}}


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("clock", '{"zone": my own words', "no JSON object"),
        ("clock", '{"zone": ["my own words"]}', "wrong 'zone'"),
        ("alarm", "{}", "'alarm', which is no tool it was given"),
    ],
)
async def test_a_call_that_its_tool_does_not_understand_is_a_failure(name: str, arguments: str, said: str) -> None:
    """The server may say that all is well: nobody is told to make the call."""

    async def call_tool(call: Call) -> None:
        await call.begin_stream()
        function = {"name": name, "arguments": arguments}
        await call.event(delta(tool_calls=[{"index": 0, "id": "call_1", "type": "function", "function": function}]))
        await call.event(delta("tool_calls"))
        await call.end_stream()

    async with asking(call_tool) as (chat, _):
        parts = chat.answer(Prompt(messages=ASKED.messages, tools=(CLOCK,)))
        assert isinstance(await anext(parts), ToolCallPart)
        with pytest.raises(EngineFailed, match=said) as failed:
            await anext(parts)
    assert "own" not in str(failed.value)


async def test_closing_hangs_up() -> None:
    hung_up = asyncio.Event()

    async def endless(call: Call) -> None:
        await call.begin_stream()
        await call.event(delta(content="On and on"))
        await call.hung_up()
        hung_up.set()

    async with asking(endless) as (chat, _):
        async with aclosing(chat.answer(ASKED)) as parts:
            assert await anext(parts) == Token("On and on")
        await hung_up.wait()


async def test_cancelling_before_the_answer_begins_hangs_up() -> None:
    asked, hung_up = asyncio.Event(), asyncio.Event()

    async def silent(call: Call) -> None:
        asked.set()
        await call.hung_up()
        hung_up.set()

    async with asking(silent) as (chat, _), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(answer(chat))
        await asked.wait()
        waiting.cancel()
        await hung_up.wait()
    assert waiting.cancelled()


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (400, {"error": {"code": "invalid_request"}}, r"status 400 \(invalid_request\)"),
        (400, {"error": {"code": "context_length_exceeded"}}, "too long for 'some-model'"),
        (400, {"error": {"type": "some words of my own"}}, r"status 400$"),
        (401, {"error": {"message": f"Incorrect API key: {KEY}"}}, "does not accept the API key"),
        (403, {}, "does not accept the API key"),
        (404, {"error": {"code": "model_not_found"}}, "no model 'some-model'"),
        (500, {}, "status 500"),
    ],
)
async def test_a_refusal_is_explained_without_secrets(status: int, body: Any, said: str) -> None:
    async def refuse(call: Call) -> None:
        await call.respond(status, body)

    async with asking(refuse) as (chat, _):
        with pytest.raises(EngineFailed, match=said) as failed:
            await answer(chat)
    assert not isinstance(failed.value, EngineBusy)
    assert isinstance(failed.value, ContextTooLong) == ("context_length" in str(body))
    assert KEY not in str(failed.value)
    assert "own" not in str(failed.value)


@pytest.mark.parametrize("status", [429, 503])
async def test_a_server_with_too_much_to_do_is_busy(status: int) -> None:
    async def refuse(call: Call) -> None:
        await call.respond(status, {"error": {"code": "rate_limit_exceeded"}})

    async with asking(refuse) as (chat, _):
        with pytest.raises(EngineBusy, match=r"too much to do \(rate_limit_exceeded\)"):
            await answer(chat)


async def test_it_asks_again_before_an_answer_has_begun() -> None:
    async def second_time(call: Call) -> None:
        if len(server.calls) == 1:
            await call.respond(503, {}, "Retry-After-Ms: 1\r\n")
        else:
            await sunny(call)

    async with asking(second_time, max_retries=1) as (chat, server):
        assert len(await answer(chat)) == 3


async def breaks_off(call: Call) -> None:
    await call.begin_stream()
    await call.event(delta(content="Sun"))
    call.drop()


async def ends_early(call: Call) -> None:
    await call.begin_stream()
    await call.event(delta(content="Sun"))
    await call.end_stream()


async def complains(call: Call) -> None:
    await call.begin_stream()
    await call.event(delta(content="Sun"))
    await call.event({"error": {"message": f"key {KEY} and my own words", "code": "overloaded"}})


async def babbles(call: Call) -> None:
    await call.begin_stream()
    await call.event("{my own words, not JSON")


async def sends_a_number(call: Call) -> None:
    await call.begin_stream()
    await call.event("42")


async def sends_other_shapes(call: Call) -> None:
    await call.begin_stream()
    await call.event({"choices": [{"delta": {"content": {"my": "own"}}}]})


async def stalls(call: Call) -> None:
    await call.begin_stream()
    await call.event(delta(content="Sun"))
    await call.hung_up()


async def never_answers(call: Call) -> None:
    await call.hung_up()


async def drops(call: Call) -> None:
    call.drop()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (breaks_off, "broke off the connection"),
        (ends_early, "broke off its answer"),
        (complains, r"broke off its answer \(overloaded\)"),
        (babbles, "no answer"),
        (sends_a_number, "no answer"),
        (sends_other_shapes, "cannot be read"),
        (stalls, r"within 0\.2 s"),
        (never_answers, r"within 0\.2 s"),
        (drops, "cannot be reached, or broke off"),
    ],
)
async def test_whatever_breaks_is_a_failure_without_secrets(script: Script, said: str) -> None:
    async with asking(script, timeout_s=0.2) as (chat, _):
        with pytest.raises(EngineFailed, match=said) as failed:
            await answer(chat)
    assert KEY not in str(failed.value)
    assert "own" not in str(failed.value)


async def test_a_server_that_is_not_there() -> None:
    async with serving(sunny) as server:
        gone = server.url
    chat = open_chat(gone.replace("//", "//user:password@"))
    with pytest.raises(EngineFailed, match=rf"server at {gone.removeprefix('http://')} cannot be reached"):
        await answer(chat)
    await chat.close()


def test_the_key_is_shown_nowhere() -> None:
    options = OpenAIChatOptions(base_url="http://localhost/v1", model="m", api_key=KEY)
    assert KEY not in f"{options!r} {options} {list(options.__rich_repr__())}"
    assert "model='m'" in repr(options)


def test_the_key_is_not_looked_for_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    chat = open_chat("http://localhost", api_key="")
    assert chat._client.api_key != KEY


@pytest.mark.parametrize(
    ("options", "said"), [({"base_url": "localhost:80"}, "base_url"), ({"timeout_s": 0}, "timeout_s")]
)
def test_options_that_cannot_be_are_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(BadConfiguration, match=said):
        open_chat("http://localhost", **options)


@pytest.mark.model
async def test_a_real_server_answers(model_store: ModelStore) -> None:
    """llama.cpp's own HTTP server."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(model_store.path("smollm2-135m-instruct-q4_1"))
    params.n_ctx, params.verbosity, params.port = 512, -1, 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.api_keys = [KEY]
    server = xllamacpp.Server(params)
    chat = open_chat(server.listening_address, temperature=0.0)
    instructions = Message(role="system", text="You are a helpful assistant.")
    question = Message(role="user", text="What is the capital of France?")
    parts = await answer(chat, Prompt(messages=(instructions, question), max_tokens=30))
    stranger = open_chat(server.listening_address, api_key="wrong")
    with pytest.raises(EngineFailed, match="does not accept the API key"):
        await answer(stranger)
    await chat.close()
    await stranger.close()
    del server
    assert "Paris" in "".join(part.text for part in parts if isinstance(part, Token))
    assert isinstance(parts[-1], Finish)
    assert parts[-1].prompt_tokens > 20
    assert parts[-1].completion_tokens > 3
