"""Tools for dialogues: a function of the client's, a kitchen behind a tool server, and a model that calls them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from realtime.engines.base import AnswerPart, ToolCallPart
from realtime.remote_tools.base import RemoteTool, ToolServer, ToolServerFailed
from tests.dialogue import Dialogue

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
KITCHEN = {"type": "mcp", "server_label": "kitchen", "server_url": "https://kitchen.example/mcp"}


def call(name: str, *arguments: str, index: int = 0) -> tuple[AnswerPart, ...]:
    """A call as a model writes it, piece by piece."""
    first = ToolCallPart(index=index, call_id=f"call_{index}", name=name)
    return (first, *(ToolCallPart(index=index, arguments=piece) for piece in arguments))


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
