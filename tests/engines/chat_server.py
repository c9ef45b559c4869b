"""An OpenAI-compatible server with a script, and the engine that asks it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from realtime.engines.base import AnswerPart, Message, Prompt, Tool
from realtime.engines.openai_chat import OpenAIChat, open_openai_chat
from realtime.engines.registry import Workshop
from realtime.engines.scheduler import Scheduler
from tests.engines.chunks import delta
from tests.engines.http_server import Call, HttpServer, Script, serving

KEY = "sk-very-secret"
ASKED = Prompt(messages=(Message(role="user", text="my own words"),))
CLOCK = Tool(name="clock", description="The time", parameters={"properties": {"zone": {"type": "string"}}})


def open_chat(url: str, **options: Any) -> OpenAIChat:
    """The engine, on the server at this address."""
    chosen = {"base_url": f"{url}/v1", "model": "some-model", "api_key": KEY, "max_retries": 0, **options}
    shop = Workshop(model_path=Path, scheduler=Scheduler(1), threads=1, options=chosen)
    return open_openai_chat(shop)


@asynccontextmanager
async def asking(script: Script, **options: Any) -> AsyncIterator[tuple[OpenAIChat, HttpServer]]:
    """An engine and its server, which answers as the script says."""
    async with serving(script) as server:
        chat = open_chat(server.url, **options)
        yield chat, server
        await chat.close()


def streaming(*chunks: dict[str, Any]) -> Script:
    """A script that answers with these chunks, and then is done."""

    async def stream(call: Call) -> None:
        await call.begin_stream()
        for chunk in chunks:
            await call.event(chunk)
        await call.end_stream()

    return stream


USAGE = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}
SUNNY = streaming(
    delta(role="assistant", content=""),
    delta(content="Sun"),
    delta(content="ny."),
    delta("stop"),
    {"choices": [], "usage": USAGE},
)


async def answer(chat: OpenAIChat, prompt: Prompt = ASKED) -> list[AnswerPart]:
    """All of it."""
    return [part async for part in chat.answer(prompt)]
