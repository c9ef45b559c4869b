"""Everything that can go wrong with a language model behind HTTP, told without secrets."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.engines.base import Prompt, ToolCallPart
from realtime.errors import ContextTooLong, EngineBusy, EngineFailed
from tests.engines.chat_server import ASKED, CLOCK, KEY, SUNNY, answer, asking, open_chat, streaming
from tests.engines.chunks import delta, piece
from tests.engines.http_server import Call, Script, serving

# --- the server refuses ------------------------------------------------------------------------------------------


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
            await SUNNY(call)

    async with asking(second_time, max_retries=1) as (chat, server):
        assert len(await answer(chat)) == 3


async def test_a_server_that_is_not_there() -> None:
    async with serving(SUNNY) as server:
        gone = server.url
    chat = open_chat(gone.replace("//", "//user:password@"))
    with pytest.raises(EngineFailed, match=rf"server at {gone.removeprefix('http://')} cannot be reached"):
        await answer(chat)
    await chat.close()


# --- the answer is none ------------------------------------------------------------------------------------------


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
    script = streaming(piece(name, arguments, index=0, id="call_1", type="function"), delta("tool_calls"))
    async with asking(script) as (chat, _):
        parts = chat.answer(Prompt(messages=ASKED.messages, tools=(CLOCK,)))
        assert isinstance(await anext(parts), ToolCallPart)
        with pytest.raises(EngineFailed, match=said) as failed:
            await anext(parts)
    assert "own" not in str(failed.value)
