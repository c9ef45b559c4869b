"""Tools of a real server over real HTTP: listed, called, refused, waited for, and left."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any

import pytest
from mcp import ClientSession

from realtime.remote_tools.base import ToolServer, ToolServerFailed
from realtime.remote_tools.client import McpTools
from realtime.settings import RemoteToolSettings
from tests.toolserver import NUMBERS, TOOLS, Kitchen, old, tool_server

ERAS = pytest.mark.parametrize("era", [pytest.param(lambda app: app, id="new"), pytest.param(old, id="old")])


def tools(**settings: Any) -> McpTools:
    """As an operator might have them."""
    return McpTools(RemoteToolSettings(**settings))


def at(url: str, **fields: Any) -> ToolServer:
    """A server there."""
    return ToolServer(label="kitchen", url=url, **fields)


def clients() -> list[str]:
    """What runs on the client's side of a connection."""
    running = [task.get_name() for task in asyncio.all_tasks()]
    return [name for name in running if "mcp.client" in name]


async def failure_of(asked: Any) -> ToolServerFailed:
    """How it fails."""
    with pytest.raises(ToolServerFailed) as caught:
        await asked
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value


@ERAS
async def test_tools_are_listed(era: Any) -> None:
    """With their schemas, whichever protocol the server knows."""
    async with tool_server(wrap=era) as url:
        listed = await tools().list(at(url))
    assert [tool.name for tool in listed] == [tool.name for tool in TOOLS]
    add, greet = listed[:2]
    assert (add.description, add.input_schema) == ("Add two numbers.", NUMBERS)
    assert (add.annotations, add.read_only) == ({"title": "Sum", "readOnlyHint": True}, True)
    assert (greet.annotations, greet.read_only) == (None, False)


@ERAS
async def test_all_pages_are_read(era: Any) -> None:
    """And put together."""
    async with tool_server(Kitchen(page_size=3), wrap=era) as url:
        listed = await tools().list(at(url))
    assert [tool.name for tool in listed] == [tool.name for tool in TOOLS]


@ERAS
@pytest.mark.parametrize(
    ("name", "arguments", "answer"),
    [
        # Also: its structure does not fit its own schema, which is none of our business.
        ("add", '{"a": 2, "b": 40}', "42"),
        ("greet", "", "Hello, stranger!\nHow are you?"),
        ("measure", "{}", '{"celsius":21.5}'),
        (
            "show",
            "{}",
            "[image/png, which cannot be shown]\n[menu: file:///menu.txt]\ntomato\n"
            "[a file of type unknown, which cannot be shown]",
        ),
    ],
)
async def test_a_tool_answers(era: Any, name: str, arguments: str, answer: str) -> None:
    """In words, or in what comes nearest."""
    async with tool_server(wrap=era) as url:
        assert await tools().call(at(url), name, arguments) == answer


@ERAS
async def test_a_tool_that_fails_says_why(era: Any) -> None:
    """To the model and the client; the error itself, which may be logged, does not."""
    async with tool_server(wrap=era) as url:
        failed = await failure_of(tools().call(at(url), "boil", "{}"))
    assert (failed.kind, failed.error_code, failed.account) == ("tool_execution_error", None, "the kettle is empty")
    assert str(failed) == "the tool failed"


@ERAS
async def test_an_error_of_the_protocol_has_its_code(era: Any) -> None:
    """And not its words, which are the server's."""
    async with tool_server(wrap=era) as url:
        failed = await failure_of(tools().call(at(url), "crash", "{}"))
    assert (failed.kind, failed.error_code) == ("protocol_error", -32001)
    assert str(failed) == "the tool server answered with error -32001"


@pytest.mark.parametrize("arguments", ["[1]", "{", "7", "[" * 100_000])
async def test_arguments_are_an_object(arguments: str) -> None:
    """A model may have written anything. Nobody is asked then: no server is there."""
    failed = await failure_of(tools().call(at("http://127.0.0.1:9/"), "add", arguments))
    assert (failed.kind, failed.error_code) == ("protocol_error", -32602)


@ERAS
@pytest.mark.parametrize(
    ("wanted", "fields"),
    [
        ("Bearer sesame", {"authorization": "sesame"}),
        ("Basic c2VzYW1l", {"authorization": "Basic c2VzYW1l"}),
        ("Bearer sesame", {"headers": {"authorization": "Bearer sesame"}}),
    ],
)
async def test_the_key_is_shown(era: Any, wanted: str, fields: dict[str, Any]) -> None:
    """As a bearer token, as the client has it, or among the headers."""
    async with tool_server(wrap=era, authorization=wanted) as url:
        assert await tools().call(at(url, **fields), "add", '{"a": 1, "b": 1}') == "2"
        assert len(await tools().list(at(url, **fields))) == len(TOOLS)


@ERAS
async def test_without_the_key_the_status_is_told(era: Any) -> None:
    """401, as the door said."""
    async with tool_server(wrap=era, authorization="Bearer sesame") as url:
        failed = await failure_of(tools().list(at(url, authorization="open")))
    assert (failed.kind, failed.error_code) == ("http_error", 401)


@ERAS
async def test_a_cancelled_call_is_left_at_once(era: Any) -> None:
    """With nothing left running here, and the server told."""
    kitchen = Kitchen()
    async with tool_server(kitchen, wrap=era) as url:
        call = asyncio.create_task(tools().call(at(url), "wait", "{}"))
        await kitchen.waiting.wait()
        assert clients()
        call.cancel()
        async with asyncio.timeout(2):
            with pytest.raises(asyncio.CancelledError):
                await call
        assert clients() == []
        kitchen.ready.set()


async def test_a_cancel_is_a_cancel() -> None:
    """Also when something else goes wrong because of it."""
    asked = asyncio.Event()

    async def stumble(session: ClientSession) -> None:
        asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ValueError from None

    async with tool_server() as url:
        call = asyncio.create_task(tools()._ask(at(url), stumble))
        await asked.wait()
        call.cancel()
        await asyncio.wait([call])
        assert call.cancelled()


async def test_a_server_is_told_that_nobody_waits() -> None:
    """Its tool is cancelled."""
    kitchen = Kitchen()
    async with tool_server(kitchen) as url:
        call = asyncio.create_task(tools().call(at(url), "wait", "{}"))
        await kitchen.waiting.wait()
        call.cancel()
        async with asyncio.timeout(5):
            await kitchen.left.wait()
        await asyncio.wait([call])


@ERAS
async def test_a_slow_tool_fails_in_time(era: Any) -> None:
    """No conversation waits for ever."""
    kitchen = Kitchen()
    async with tool_server(kitchen, wrap=era) as url:
        failed = await failure_of(tools(timeout_s=1).call(at(url), "wait", "{}"))
        assert kitchen.waiting.is_set()
        kitchen.ready.set()
    assert (failed.kind, failed.error_code) == ("http_error", 504)


@ERAS
async def test_an_enormous_answer_fails(era: Any) -> None:
    """One that is just large does not."""
    async with tool_server(wrap=era) as url:
        remote = tools(max_answer_bytes=100_000)
        assert len(await remote.call(at(url), "recite", '{"words": 10000}')) == 50_000
        failed = await failure_of(remote.call(at(url), "recite", '{"words": 100000}'))
    assert (failed.kind, str(failed)) == ("protocol_error", "the tool server's answer is too large")


async def test_calls_do_not_disturb_one_another() -> None:
    """One waits, others answer."""
    kitchen = Kitchen()
    async with tool_server(kitchen) as url, asyncio.TaskGroup() as tasks:
        remote = tools()
        slow = tasks.create_task(remote.call(at(url), "wait", "{}"))
        await kitchen.waiting.wait()
        others = [tasks.create_task(remote.call(at(url), "add", f'{{"a": {n}, "b": 1}}')) for n in range(4)]
        assert await asyncio.gather(*others) == ["1", "2", "3", "4"]
        kitchen.ready.set()
        assert await slow == "at last"


async def test_nobody_there() -> None:
    """A port where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    failed = await failure_of(tools().list(at(f"http://127.0.0.1:{port}/mcp")))
    assert (failed.kind, failed.error_code, str(failed)) == ("http_error", 502, "the tool server cannot be reached")


@pytest.mark.parametrize("private", [True, False])
async def test_a_name_that_leads_nowhere(private: bool) -> None:
    """By whichever way it is looked up."""
    failed = await failure_of(tools(private_addresses=private).list(at("http://tools.invalid/mcp")))
    assert (failed.kind, failed.error_code) == ("http_error", 502)


async def test_nothing_private_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever is asked of the libraries' loggers: no key, no address, no argument, no answer."""
    caplog.set_level(logging.DEBUG)
    async with tool_server(authorization="Bearer sesame") as url:
        server = at(f"{url}?key=sesame", authorization="sesame", headers={"X-Key": "sesame"})
        assert "Hello, Alibaba!" in await tools().call(server, "greet", '{"name": "Alibaba"}')
        await failure_of(tools().call(server, "boil", "{}"))
        await failure_of(tools().list(at(f"{url}?key=sesame")))
    asked = [record for record in caplog.records if not record.name.startswith(("mcp.server", "sse_starlette"))]
    said = " ".join(record.getMessage() + str(record.exc_info) for record in asked)
    assert not any(secret in said for secret in ("sesame", "Alibaba", "kettle"))
    assert {record.name.partition(".")[0] for record in asked} <= {"asyncio", "uvicorn"}
