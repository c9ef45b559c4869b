"""Scenarios of functions that the client runs, and of calls that are told of only when they are whole."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import pytest

from realtime.engines.base import Ability, AnswerPart, CallWhole, Message, Prompt, Token, Tool, ToolCall, ToolCallPart
from realtime.engines.chat_completions import Reading
from tests.dialogue import Dialogue
from tests.engines.chunks import delta, piece
from tests.fakes import FakeChat, fake_engines
from tests.tools import KITCHEN, WEATHER, FakeRemoteTools, ask, call, update

TIME = {"type": "function", "name": "get_time"}


@dataclass
class RemoteChat:
    """A model on a server that sends these chunks."""

    chunks: list[dict[str, Any]]
    model: str = "remote-mind"
    abilities: frozenset[Ability] = frozenset({"tools"})

    async def answer(self, prompt: Prompt) -> AsyncGenerator[AnswerPart, None]:
        reading = Reading(prompt.tools)
        for chunk in self.chunks:
            for part in reading.parts(chunk):
                yield part
        for last in reading.end():
            yield last

    async def close(self) -> None:
        return


async def test_function_call() -> None:
    """The client runs the function and says what it gave; the next response makes use of that."""
    chat = FakeChat([call("get_weather", '{"city"', ': "Paris"}'), "It is 18 degrees."])
    async with Dialogue(fake_engines(chat=chat)) as client:
        await update(client, tools=[WEATHER])
        await ask(client)
        assert client.names_since("rate_limits.updated") == [
            "rate_limits.updated",
            "response.output_item.added",
            "conversation.item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "response.output_item.done",
            "conversation.item.done",
            "response.done",
        ]
        done = client.last("response.function_call_arguments.done")
        assert (done["name"], json.loads(done["arguments"])) == ("get_weather", {"city": "Paris"})
        assert client.response["output"][0]["call_id"] == done["call_id"]
        result = {"type": "function_call_output", "call_id": done["call_id"], "output": "18 degrees"}
        await client.asks("conversation.item.create", item=result)
        await client.asks("response.create", response={"output_modalities": ["text"]})
        assert client.words(client.response["id"]) == "It is 18 degrees."
    assert chat.prompts[0].tools == (
        Tool(name="get_weather", description="The weather of a city.", parameters=WEATHER["parameters"]),  # type: ignore[arg-type]
    )
    asked = ToolCall(call_id=done["call_id"], name="get_weather", arguments='{"city": "Paris"}')
    assert chat.prompts[1].messages[-2:] == (
        Message(role="assistant", text="", tool_calls=(asked,)),
        Message(role="tool", text="18 degrees", call_id=done["call_id"]),
    )


async def test_words_before_a_call_are_said_beside_it() -> None:
    """One response, two items, each with its index; the words keep their own pace."""
    chat = FakeChat([(Token("One moment."), *call("get_weather", "{}"))])
    async with Dialogue(fake_engines(chat=chat)) as client:
        await update(client, tools=[WEATHER])
        await ask(client, output_modalities=["audio"])
        await client.goes_on(5)
        assert [item["type"] for item in client.response["output"]] == ["message", "function_call"]
        assert [event["output_index"] for event in client.all("response.output_item.added")] == [0, 1]
        assert client.words(client.response["id"]) == "One moment."


async def test_several_calls_are_several_items() -> None:
    chat = FakeChat([(*call("get_weather", '{"city": "Paris"}'), *call("get_weather", '{"city": "Rome"}', index=1))])
    async with Dialogue(fake_engines(chat=chat)) as client:
        await update(client, tools=[WEATHER])
        await ask(client)
        done = client.all("response.function_call_arguments.done")
        assert [json.loads(event["arguments"])["city"] for event in done] == ["Paris", "Rome"]
        assert len({event["call_id"] for event in done}) == 2


@pytest.mark.parametrize(
    ("chunks", "done"),
    [
        pytest.param(
            [piece("get_time", "", index=0, id="a"), piece("get_time", "", index=1, id="b")],
            [("a", "get_time", "{}"), ("b", "get_time", "{}")],
            id="without arguments",
        ),
        pytest.param(
            [
                piece("get_weather", '{"city"', index=0, id="a"),
                piece("get_weather", '{"city"', index=1, id="b"),
                piece(None, ': "Rome"}', index=0, id=None),
                piece(None, ': "Oslo"}', index=1, id=None),
            ],
            [("a", "get_weather", '{"city": "Rome"}'), ("b", "get_weather", '{"city": "Oslo"}')],
            id="interleaved",
        ),
        pytest.param(
            [piece("get_weather", '{"city": "Rome"}', index=0, id="a"), piece("get_time", "{}", index=0, id="b")],
            [("a", "get_weather", '{"city": "Rome"}'), ("b", "get_time", "{}")],
            id="under one index",
        ),
    ],
)
async def test_calls_of_a_remote_model(chunks: list[dict[str, Any]], done: list[tuple[str, str, str]]) -> None:
    """Each is told once, with all of its arguments."""
    async with Dialogue(fake_engines(chat=RemoteChat([*chunks, delta("tool_calls")]))) as client:
        await update(client, tools=[WEATHER, TIME])
        await ask(client)
        told = client.all("response.function_call_arguments.done")
        assert [(event["call_id"], event["name"], event["arguments"]) for event in told] == done
        deltas = client.all("response.function_call_arguments.delta")
        for event in told:
            assert "".join(d["delta"] for d in deltas if d["item_id"] == event["item_id"]) == event["arguments"]
        output = client.response["output"]
        assert client.response["status"] == "completed"
        assert [(item["call_id"], item["name"], item["arguments"]) for item in output] == done
        assert {item["status"] for item in output} == {"completed"}


@pytest.mark.parametrize(
    ("chunks", "status"),
    [
        pytest.param(
            [piece("boil", '{"wh', index=0, id="a"), delta("content_filter")], "incomplete", id="content filter"
        ),
        pytest.param([piece("boil", "{}", index=0, id="a"), delta("length")], "incomplete", id="length"),
        pytest.param(
            [piece("boil", '{"wh', index=0, id="a"), piece("boil", "{}", index=1, id="b"), delta("tool_calls")],
            "failed",
            id="the first",
        ),
        pytest.param(
            [piece("boil", "{}", index=0, id="a"), piece("boil", '{"wh', index=1, id="b"), delta("tool_calls")],
            "failed",
            id="the second",
        ),
        pytest.param(
            [piece("boil", '{"what": 7}', index=0, id="a"), delta("tool_calls")], "failed", id="wrong arguments"
        ),
        pytest.param([piece("burn", "{}", index=0, id="a"), delta("stop")], "failed", id="no such tool"),
    ],
)
async def test_calls_that_are_not_whole_are_not_made(chunks: list[dict[str, Any]], status: str) -> None:
    """Neither that one nor those beside it, by the server or by the client."""
    kitchen = FakeRemoteTools()
    async with Dialogue(fake_engines(chat=RemoteChat(chunks)), remote_tools=kitchen) as client:
        await update(client, tools=[KITCHEN | {"require_approval": "never"}])
        await ask(client)
        assert client.response["status"] == status
        assert [name for name in client.names if name.endswith("call_arguments.done")] == []
    assert kitchen.called == []


@pytest.mark.parametrize(
    "script",
    [
        (ToolCallPart(index=0, arguments="{}"),),
        (CallWhole(index=0),),
        (*call("get_weather", "{}"), CallWhole(index=0), ToolCallPart(index=0, arguments="{}")),
    ],
)
async def test_a_call_out_of_nothing_is_the_engines_fault(script: tuple[AnswerPart, ...]) -> None:
    """Nobody guesses which call is meant."""
    async with Dialogue(fake_engines(chat=FakeChat([script]))) as client:
        await update(client, tools=[WEATHER])
        await ask(client)
        assert client.response["status_details"]["error"]["code"] == "engine_failed"
        assert {event["name"] for event in client.all("response.function_call_arguments.done")} <= {"get_weather"}


async def test_a_call_cut_short_is_never_told_as_done() -> None:
    """Clients call what is done: half a call is an item that is incomplete, and nothing else."""
    chat = FakeChat([call("get_weather", '{"city": "Pa')], gate=asyncio.Event())
    async with Dialogue(fake_engines(chat=chat)) as client:
        await update(client, tools=[WEATHER])
        await ask(client)
        await client.asks("response.cancel")
        assert client.all("response.function_call_arguments.done") == []
        assert client.response["output"][0]["status"] == "incomplete"
        assert client.last("conversation.item.done")["item"]["type"] == "function_call"


async def test_the_model_is_told_which_tool_to_call() -> None:
    chat = FakeChat(["Well."])
    async with Dialogue(fake_engines(chat=chat)) as client:
        await update(client, tools=[WEATHER], tool_choice="required", parallel_tool_calls=False, temperature=0.7)
        await ask(client)
        await ask(client, tool_choice={"type": "function", "name": "get_weather"}, temperature=0.1)
        await ask(client, tools=[], tool_choice="auto")
    assert [(prompt.tool_choice, prompt.temperature) for prompt in chat.prompts] == [
        ("required", 0.7),
        ("get_weather", 0.1),
        ("auto", 0.7),
    ]
    assert [prompt.parallel_tool_calls for prompt in chat.prompts] == [False] * 3
    assert chat.prompts[2].tools == ()
