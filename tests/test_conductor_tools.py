"""Scenarios of tools: functions that the client runs, and tools of MCP servers that this server calls."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import pytest

from realtime.engines.base import (
    Ability,
    AnswerPart,
    CallWhole,
    Message,
    Prompt,
    Token,
    Tool,
    ToolCall,
    ToolCallPart,
)
from realtime.engines.chat_completions import Reading
from realtime.remote_tools.base import RemoteTool, ToolServer, ToolServerFailed
from tests.dialogue import Dialogue
from tests.fakes import FakeChat, fake_engines

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
TIME = {"type": "function", "name": "get_time"}
KITCHEN = {"type": "mcp", "server_label": "kitchen", "server_url": "https://kitchen.example/mcp"}


def call(name: str, *arguments: str, index: int = 0) -> tuple[AnswerPart, ...]:
    """A call as a model writes it, piece by piece."""
    first = ToolCallPart(index=index, call_id=f"call_{index}", name=name)
    return (first, *(ToolCallPart(index=index, arguments=piece) for piece in arguments))


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


def sent(index: int, call_id: str | None, name: str | None, arguments: str) -> dict[str, Any]:
    """A piece of a call as a server sends it."""
    piece = {"index": index, "id": call_id, "function": {"name": name, "arguments": arguments}}
    return {"choices": [{"delta": {"tool_calls": [piece]}, "finish_reason": None}]}


def ended(reason: str) -> dict[str, Any]:
    """The server's last word."""
    return {"choices": [{"delta": {}, "finish_reason": reason}]}


@dataclass
class FakeRemoteTools:
    """One kitchen; `answers` are what its tools say, and an exception is raised instead."""

    answers: dict[str, str | Exception] = field(default_factory=lambda: {"boil": "The water boils."})
    called: list[tuple[str, str]] = field(default_factory=list)
    asked: list[ToolServer] = field(default_factory=list)
    gate: asyncio.Event | None = None
    """When given, no call ends before it is set."""
    dead: bool = False

    async def list(self, server: ToolServer) -> tuple[RemoteTool, ...]:
        self.asked.append(server)
        if self.dead:
            raise ToolServerFailed("The kitchen cannot be reached.", kind="http_error", error_code=502)
        schema = {"type": "object", "properties": {"what": {"type": "string"}}}
        return tuple(
            RemoteTool(name=name, description=f"To {name}.", input_schema=schema, annotations=None)
            for name in self.answers
        )

    async def call(self, server: ToolServer, name: str, arguments: str) -> str:
        self.called.append((name, arguments))
        if self.gate:
            await self.gate.wait()
        answer = self.answers[name]
        if isinstance(answer, Exception):
            raise answer
        return answer


async def ask(client: Dialogue, **response: Any) -> None:
    """A question in writing, and a response in writing to it."""
    content = [{"type": "input_text", "text": "What is the weather in Paris?"}]
    await client.asks("conversation.item.create", item={"type": "message", "role": "user", "content": content})
    await client.asks("response.create", response={"output_modalities": ["text"], **response})


async def update(client: Dialogue, **session: Any) -> None:
    await client.asks("session.update", session={"type": "realtime", **session})


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
            [sent(0, "a", "get_time", ""), sent(1, "b", "get_time", "")],
            [("a", "get_time", "{}"), ("b", "get_time", "{}")],
            id="without arguments",
        ),
        pytest.param(
            [
                sent(0, "a", "get_weather", '{"city"'),
                sent(1, "b", "get_weather", '{"city"'),
                sent(0, None, None, ': "Rome"}'),
                sent(1, None, None, ': "Oslo"}'),
            ],
            [("a", "get_weather", '{"city": "Rome"}'), ("b", "get_weather", '{"city": "Oslo"}')],
            id="interleaved",
        ),
        pytest.param(
            [sent(0, "a", "get_weather", '{"city": "Rome"}'), sent(0, "b", "get_time", "{}")],
            [("a", "get_weather", '{"city": "Rome"}'), ("b", "get_time", "{}")],
            id="under one index",
        ),
    ],
)
async def test_calls_of_a_remote_model(chunks: list[dict[str, Any]], done: list[tuple[str, str, str]]) -> None:
    """Each is told once, with all of its arguments."""
    async with Dialogue(fake_engines(chat=RemoteChat([*chunks, ended("tool_calls")]))) as client:
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
        pytest.param([sent(0, "a", "boil", '{"wh'), ended("content_filter")], "incomplete", id="content filter"),
        pytest.param([sent(0, "a", "boil", "{}"), ended("length")], "incomplete", id="length"),
        pytest.param(
            [sent(0, "a", "boil", '{"wh'), sent(1, "b", "boil", "{}"), ended("tool_calls")], "failed", id="the first"
        ),
        pytest.param(
            [sent(0, "a", "boil", "{}"), sent(1, "b", "boil", '{"wh'), ended("tool_calls")], "failed", id="the second"
        ),
        pytest.param([sent(0, "a", "boil", '{"what": 7}'), ended("tool_calls")], "failed", id="wrong arguments"),
        pytest.param([sent(0, "a", "burn", "{}"), ended("stop")], "failed", id="no such tool"),
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


async def test_mcp_call() -> None:
    """The server lists the tools, calls one while the conversation goes on, and the client asks what came of it."""
    kitchen = FakeRemoteTools(gate=asyncio.Event())
    chat = FakeChat([call("boil", '{"what": "water"}'), "It boils."])
    async with Dialogue(fake_engines(chat=chat), remote_tools=kitchen) as client:
        await update(client, tools=[KITCHEN | {"require_approval": "never"}])
        assert client.names_since("session.updated") == [
            "session.updated",
            "conversation.item.added",
            "mcp_list_tools.in_progress",
            "mcp_list_tools.completed",
            "conversation.item.done",
        ]
        assert [tool["name"] for tool in client.last("conversation.item.done")["item"]["tools"]] == ["boil"]
        await ask(client)
        assert client.names_since("rate_limits.updated") == [
            "rate_limits.updated",
            "response.output_item.added",
            "conversation.item.added",
            "response.mcp_call_arguments.delta",
            "response.mcp_call_arguments.done",
            "response.mcp_call.in_progress",
            "response.done",
        ]
        assert kitchen.gate
        kitchen.gate.set()
        await client.goes_on()
        assert client.names[-3:] == [
            "response.mcp_call.completed",
            "response.output_item.done",
            "conversation.item.done",
        ]
        assert client.last("conversation.item.done")["item"]["output"] == "The water boils."
        await client.asks("response.create", response={"output_modalities": ["text"]})
        assert client.words(client.response["id"]) == "It boils."
    assert kitchen.called == [("boil", '{"what": "water"}')]
    assert chat.prompts[1].messages[-1].text == "The water boils."


async def test_mcp_approval() -> None:
    """Nothing is called before the client says yes; then it is called at once."""
    kitchen, chat = FakeRemoteTools(), FakeChat([call("boil", "{}")])
    async with Dialogue(fake_engines(chat=chat), remote_tools=kitchen) as client:
        await update(client, tools=[KITCHEN])
        await ask(client)
        request = client.response["output"][0]
        assert (request["type"], request["name"]) == ("mcp_approval_request", "boil")
        assert kitchen.called == []
        answer = {"type": "mcp_approval_response", "id": "yes", "approval_request_id": request["id"], "approve": True}
        await client.asks("conversation.item.create", item=answer)
        assert kitchen.called == [("boil", "{}")]
        done = client.last("conversation.item.done")["item"]
        assert (done["type"], done["approval_request_id"]) == ("mcp_call", request["id"])
        assert done["id"] == client.last("response.mcp_call_arguments.done")["item_id"]


async def test_a_call_that_is_refused_is_not_made() -> None:
    """The model is told of it."""
    kitchen, chat = FakeRemoteTools(), FakeChat([call("boil", "{}"), "As you like."])
    async with Dialogue(fake_engines(chat=chat), remote_tools=kitchen) as client:
        await update(client, tools=[KITCHEN])
        await ask(client)
        request_id = client.response["output"][0]["id"]
        answer = {"type": "mcp_approval_response", "id": "no", "approval_request_id": request_id, "approve": False}
        await client.asks("conversation.item.create", item=answer | {"reason": "Too hot."})
        await client.asks("response.create", response={"output_modalities": ["text"]})
    assert kitchen.called == []
    assert "Too hot." in chat.prompts[1].messages[-1].text


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (
            ToolServerFailed("It burns.", kind="tool_execution_error", account="The pot is empty."),
            {"type": "tool_execution_error", "message": "The pot is empty."},
        ),
        (
            ToolServerFailed("No such tool.", kind="protocol_error", error_code=-32602),
            {"type": "protocol_error", "code": -32602, "message": "No such tool."},
        ),
        (
            ToolServerFailed("Nobody answers.", kind="http_error", error_code=504),
            {"type": "http_error", "code": 504, "message": "Nobody answers."},
        ),
        (
            KeyError("what Ada cooks"),
            {
                "type": "tool_execution_error",
                "message": "The call of a tool failed because of an error in the server.",
            },
        ),
    ],
)
async def test_a_tool_that_fails_fails_its_call_alone(failure: Exception, error: dict[str, Any]) -> None:
    kitchen = FakeRemoteTools({"boil": failure})
    chat = FakeChat([call("boil", "{}"), "Sorry."])
    async with Dialogue(fake_engines(chat=chat), remote_tools=kitchen) as client:
        await update(client, tools=[KITCHEN | {"require_approval": "never"}])
        await ask(client)
        assert client.names[-3:] == ["response.mcp_call.failed", "response.output_item.done", "conversation.item.done"]
        assert client.last("conversation.item.done")["item"]["error"] == error
        await client.asks("response.create", response={"output_modalities": ["text"]})
        assert client.words(client.response["id"]) == "Sorry."


async def test_a_dead_tool_server_fails_its_listing_alone() -> None:
    """The conversation answers as if it had not been named."""
    kitchen = FakeRemoteTools(dead=True)
    async with Dialogue(remote_tools=kitchen) as client:
        await update(client, tools=[KITCHEN])
        assert client.names[-2:] == ["mcp_list_tools.failed", "conversation.item.done"]
        await ask(client)
        assert client.response["status"] == "completed"


async def test_what_opens_a_tool_server_is_never_shown() -> None:
    """The server uses it; who connects with a client secret is not told."""
    kitchen = FakeRemoteTools()
    async with Dialogue(remote_tools=kitchen) as client:
        await update(client, tools=[KITCHEN | {"authorization": "Bearer canary", "headers": {"X-Key": "canary"}}])
        assert "canary" not in json.dumps(client.events)
    assert (kitchen.asked[0].authorization, dict(kitchen.asked[0].headers)) == ("Bearer canary", {"X-Key": "canary"})


async def test_hanging_up_lets_a_tool_go() -> None:
    """No task outlives the conversation: leaving the dialogue says so."""
    kitchen, chat = FakeRemoteTools(gate=asyncio.Event()), FakeChat([call("boil", "{}")])
    async with Dialogue(fake_engines(chat=chat), remote_tools=kitchen) as client:
        await update(client, tools=[KITCHEN | {"require_approval": "never"}])
        await ask(client)
        assert client.names[-1] == "response.done"
    assert kitchen.called
