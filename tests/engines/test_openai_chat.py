"""A language model behind HTTP: what is asked, what comes back, and how it is hung up on."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from realtime.engines.base import CallWhole, Finish, Image, Message, Prompt, Thought, Token, Tool, ToolCallPart
from realtime.engines.openai_chat import OpenAIChatOptions
from realtime.engines.sampling import Sampling
from realtime.errors import BadConfiguration, EngineFailed
from realtime.models.store import ModelStore
from tests.engines.chat_server import ASKED, CLOCK, KEY, SUNNY, answer, asking, open_chat, streaming
from tests.engines.chunks import called, delta
from tests.engines.http_server import Call

# --- what is asked, and what comes back --------------------------------------------------------------------------


async def test_an_answer_comes_word_by_word() -> None:
    async with asking(SUNNY) as (chat, server):
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
    async with asking(SUNNY) as (chat, _):
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
    async with asking(SUNNY, **options) as (chat, server):
        await answer(chat)
        await answer(chat, Prompt(messages=ASKED.messages, max_tokens=7, temperature=1.0, tools=(tool,)))
    first, second = (call.body for call in server.calls)
    assert (first["temperature"], first["max_completion_tokens"], first["reasoning_effort"]) == (0.3, 50, "none")
    assert "stream_options" not in first
    assert (second["temperature"], second["max_completion_tokens"], second["tool_choice"]) == (1.0, 7, "auto")


async def test_a_tool_call_comes_piece_by_piece() -> None:
    pieces = (
        called(index=0, id="call_1", type="function", function={"name": "clock", "arguments": ""}),
        called(index=0, function={"arguments": "{}"}),
    )
    async with asking(streaming(*pieces, delta("tool_calls"))) as (chat, _):
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
    async with asking(SUNNY) as (chat, server):
        with pytest.raises(EngineFailed, match="conversations only"):
            await answer(chat, asked)
    assert server.calls == []


async def test_thoughts_are_given_to_who_asks_for_them() -> None:
    thinking = streaming(delta(reasoning_content="Hm."), delta("stop", content="Yes."))
    async with asking(thinking) as (chat, _):
        assert (await answer(chat, Prompt(messages=ASKED.messages, thoughts=True)))[0] == Thought("Hm.")
        assert (await answer(chat))[0] == Token("Yes.")


async def test_how_long_to_think_is_said_to_a_model_that_thinks() -> None:
    thinking = Prompt(messages=ASKED.messages, effort="low")
    async with asking(SUNNY) as (chat, server):
        await answer(chat, thinking)
        assert chat.abilities == {"tools"}
    assert "reasoning_effort" not in server.calls[0].body
    async with asking(SUNNY, abilities=["tools", "images", "reasoning"]) as (chat, server):
        await answer(chat, thinking)
        await answer(chat)
        assert chat.abilities == {"tools", "images", "reasoning"}
    assert server.calls[0].body["reasoning_effort"] == "low"
    assert "reasoning_effort" not in server.calls[1].body


async def test_pictures_and_the_number_of_calls_are_passed_on() -> None:
    picture = Image(url="data:image/png;base64,AAAA")
    seen = Message(role="user", text="What is this?", images=(picture,))
    tool = Tool(name="clock", description="The time")
    async with asking(SUNNY) as (chat, server):
        await answer(chat, Prompt(messages=(seen,), tools=(tool,), tool_choice="clock", parallel_tool_calls=False))
    body = server.calls[0].body
    assert body["messages"][0]["content"][1] == {
        "type": "image_url",
        "image_url": {"url": "data:image/png;base64,AAAA", "detail": "auto"},
    }
    assert body["parallel_tool_calls"] is False
    assert body["tool_choice"] == {"type": "function", "function": {"name": "clock"}}


# --- hanging up --------------------------------------------------------------------------------------------------


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


# --- what it is opened with --------------------------------------------------------------------------------------


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


# --- a real one --------------------------------------------------------------------------------------------------


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
