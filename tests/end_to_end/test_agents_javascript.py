"""OpenAI's Agents SDK for JavaScript, as its users write it: only the URL is another."""

from __future__ import annotations

import re
from typing import Any

import pytest

from realtime.engines.base import Transcriber
from tests.end_to_end.ear import transcript
from tests.end_to_end.node import Node, Told
from tests.end_to_end.wer import word_error_rate
from tests.live import LiveServer

pytestmark = [pytest.mark.model, pytest.mark.javascript, pytest.mark.timeout(180)]


def address(server: LiveServer) -> str:
    return server.url.replace("http", "ws")


def check_understood(told: Told) -> None:
    """Every event kept OpenAI's contract, and the SDK's own schemas could read it."""
    told.check()
    assert told.all("not understood") == []


def words_of(item: dict[str, Any]) -> str:
    """What somebody said, as the SDK remembers it."""
    (part,) = item["content"]
    return str(part["transcript"])


def retrieved_words(told: Told, item_id: str) -> str:
    """What the server last said of an item, asked for it."""
    items = [event["item"] for event in told.events("conversation.item.retrieved")]
    return words_of([item for item in items if item["id"] == item_id][-1])


async def test_an_agent_answers_and_remembers_what_was_said(
    live_server: LiveServer, node: Node, transcriber: Transcriber
) -> None:
    told = node.run("agent_answers.js", address(live_server), node.question("france"))

    session = told.events("session.updated")[-1]["session"]
    assert session["audio"]["input"]["turn_detection"]["type"] == "semantic_vad", "as the SDK has it by default"
    asked, answered = told.one("history")
    assert (asked["role"], answered["role"]) == ("user", "assistant")
    assert word_error_rate(words_of(asked), "What is the capital of France?") == 0
    assert "paris" in words_of(answered).lower()
    (response,) = [event["response"] for event in told.events("response.done")]
    heard = await transcript(transcriber, told.sound(response["id"]))
    assert word_error_rate(heard, words_of(answered)) <= 0.25
    check_understood(told)


async def test_an_agent_uses_a_tool_and_says_what_it_learned(
    live_server: LiveServer, node: Node, transcriber: Transcriber
) -> None:
    told = node.run("agent_uses_tool.js", address(live_server), node.question("time"))

    arguments = told.one("executed")
    assert arguments["clock"] in ("kitchen", "station")
    call = next(item for item in told.one("history") if item["type"] == "function_call")
    assert (call["name"], call["output"]) == ("get_time", "It is a quarter past nine.")
    called, spoken = [event["response"] for event in told.events("response.done")]
    assert [item["type"] for item in called["output"]] == ["function_call"]
    assert [item["type"] for item in spoken["output"]] == ["message"]
    heard = await transcript(transcriber, told.sound(spoken["id"]))
    assert re.search(r"nine|9", heard.lower()), heard
    check_understood(told)


async def test_an_agent_that_is_talked_over_stops_and_forgets_what_was_not_heard(
    live_server: LiveServer, node: Node
) -> None:
    told = node.run("agent_is_interrupted.js", address(live_server), node.question("joke"), node.question("france"))

    assert told.all("audio_interrupted")
    stopped, answered = [event["response"] for event in told.events("response.done")]
    assert (stopped["status"], stopped["status_details"]["reason"]) == ("cancelled", "turn_detected")
    (cut,) = told.events("conversation.item.truncated")
    assert cut["item_id"] == stopped["output"][0]["id"]
    played_ms = len(told.sound(stopped["id"]).pcm) / 24
    assert 0 < cut["audio_end_ms"] <= played_ms
    assert answered["status"] == "completed"
    whole = stopped["output"][0]["content"][0]["transcript"]
    (kept,) = [words_of(item) for item in told.one("history") if item["itemId"] == cut["item_id"]]
    assert whole.startswith(kept)
    assert kept == retrieved_words(told, cut["item_id"])
    check_understood(told)
