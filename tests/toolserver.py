"""A tool server to call: the MCP library's own, on loopback, with tools that answer, fail, wait and say too much.

`python -m tests.toolserver [AUTHORIZATION]` serves it in a process of its own and prints its address.
"""

from __future__ import annotations

import asyncio
import base64
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import mcp_types as wire
import uvicorn
from mcp import MCPError
from mcp.server.lowlevel import Server
from starlette.types import ASGIApp, Receive, Scope, Send

NUMBERS = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
}

TOOLS = [
    wire.Tool(
        name="add",
        description="Add two numbers.",
        input_schema=NUMBERS,
        # No answer of ours fits: whoever checks answers by schemas of a stranger is found out.
        output_schema={"type": "object", "required": ["nothing has this"]},
        annotations=wire.ToolAnnotations(read_only_hint=True, title="Sum"),
    ),
    *(
        wire.Tool(name=name, description=description, input_schema={"type": "object"})
        for name, description in {
            "greet": "Say hello.",
            "boil": "Fails, and says why.",
            "wait": "Answers when the test lets it.",
            "recite": "Says as many words as it is asked for.",
            "measure": "Answers in numbers only.",
            "show": "Answers with things that are no text.",
            "crash": "Breaks the protocol's rules.",
        }.items()
    ),
]

PIXEL = base64.b64encode(b"not really a picture").decode()


class Kitchen:
    """What the tools do, and what a test may see and decide of it."""

    def __init__(self, tools: Sequence[wire.Tool] = TOOLS, page_size: int = 1000) -> None:
        self.waiting = asyncio.Event()
        """Somebody called `wait`."""
        self.left = asyncio.Event()
        """Whoever called `wait` has gone without an answer."""
        self.ready = asyncio.Event()
        """Set by the test, `wait` answers."""
        self._tools = tools
        self._page_size = page_size

    async def list(self, _: Any, params: wire.PaginatedRequestParams | None) -> wire.ListToolsResult:
        start = int(params.cursor) if params and params.cursor else 0
        end = start + self._page_size
        following = str(end) if end < len(self._tools) else None
        return wire.ListToolsResult(tools=list(self._tools[start:end]), next_cursor=following)

    async def call(self, _: Any, params: wire.CallToolRequestParams) -> wire.CallToolResult:
        given = params.arguments or {}
        match params.name:
            case "add":
                total = given["a"] + given["b"]
                return _said(str(total), structured_content={"result": total})
            case "greet":
                return _said(f"Hello, {given.get('name', 'stranger')}!", "How are you?")
            case "boil":
                return _said("the kettle is empty", is_error=True)
            case "wait":
                return await self._wait()
            case "recite":
                return _said("word " * given["words"])
            case "measure":
                return wire.CallToolResult(content=[], structured_content={"celsius": 21.5})
            case "show":
                return wire.CallToolResult(content=list(_things()))
        raise MCPError(code=-32001, message="secret: no such tool")

    async def _wait(self) -> wire.CallToolResult:
        self.waiting.set()
        try:
            await self.ready.wait()
        except asyncio.CancelledError:
            self.left.set()
            raise
        return _said("at last")


def _said(*texts: str, **fields: Any) -> wire.CallToolResult:
    return wire.CallToolResult(content=[wire.TextContent(text=text) for text in texts], **fields)


def _things() -> Iterator[wire.ContentBlock]:
    yield wire.ImageContent(data=PIXEL, mime_type="image/png")
    yield wire.ResourceLink(uri="file:///menu.txt", name="menu")
    yield wire.EmbeddedResource(resource=wire.TextResourceContents(uri="file:///soup.txt", text="tomato"))
    yield wire.EmbeddedResource(resource=wire.BlobResourceContents(uri="file:///soup.png", blob=PIXEL))


def old(app: ASGIApp) -> ASGIApp:
    """`app` as a server of before 2026 answers: it knows sessions, and no newer protocol."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        version = dict(scope.get("headers", ())).get(b"mcp-protocol-version", b"")
        if version >= b"2026":
            await _refuse(send, 400)
        else:
            await app(scope, receive, send)

    return answer


def locked(app: ASGIApp, authorization: str) -> ASGIApp:
    """`app` behind a door that opens to that Authorization header."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        shown = dict(scope.get("headers", ())).get(b"authorization")
        if scope["type"] == "http" and shown != authorization.encode():
            await _refuse(send, 401)
        else:
            await app(scope, receive, send)

    return answer


async def _refuse(send: Send, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"no"})


@asynccontextmanager
async def serving(app: ASGIApp, **options: Any) -> AsyncIterator[str]:
    """`app` on a free port of this machine, in this event loop; its address without a path. `options` are uvicorn's."""
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1, **options)
    server = uvicorn.Server(config)
    # The protocol is named, or asyncio would not know that this is TCP and answers would wait for acknowledgements.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        task = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield f"{'https' if config.is_ssl else 'http'}://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


@asynccontextmanager
async def tool_server(
    kitchen: Kitchen | None = None,
    *,
    authorization: str | None = None,
    wrap: Callable[[ASGIApp], ASGIApp] = lambda app: app,
) -> AsyncIterator[str]:
    """A tool server's address. With `authorization`, it wants exactly that header; `wrap` puts more before it."""
    kitchen = kitchen or Kitchen()
    server: Server[Any] = Server("kitchen", on_list_tools=kitchen.list, on_call_tool=kitchen.call)
    app: ASGIApp = wrap(server.streamable_http_app())
    async with serving(app if authorization is None else locked(app, authorization)) as url:
        yield f"{url}/mcp"


async def _serve(authorization: str | None) -> None:
    async with tool_server(authorization=authorization) as url:
        print(url, flush=True)  # noqa: T201
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1] if len(sys.argv) > 1 else None))
