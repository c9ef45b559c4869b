"""A language model behind another door: our own, and a barer one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.remote.chat import RemoteChat, open_remote_chat
from realtime.engines.base import (
    AnswerPart,
    CallWhole,
    Finish,
    Message,
    Prompt,
    Token,
    Tool,
    ToolCall,
    ToolCallPart,
)
from realtime.engines.likelihoods import write_likelihoods
from realtime.engines.sampling import Likelihood, Sampling
from realtime.errors import ContextTooLong, EngineBusy, EngineFailed
from tests.backend.doorway import Doorway
from tests.backend.remote.remote_backend import Answer, BareBackend, at_work, workshop
from tests.backend.rooms import premises_of
from tests.fakes import FakeChat, fake_engines
from tests.server.house import until

HELLO = Prompt(messages=(Message(role="system", text="Be kind."), Message(role="user", text="Hello?")))

WEATHER = Tool(
    name="weather",
    description="How it is outside.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)


async def opened(address: str, **options: Any) -> RemoteChat:
    """As a server opens it: in a thread."""
    return await asyncio.to_thread(open_remote_chat, workshop(address, **options))


async def answer(chat: RemoteChat, prompt: Prompt = HELLO) -> list[AnswerPart]:
    async with aclosing(chat.answer(prompt)) as parts:
        return [part async for part in parts]


def text_of(parts: list[AnswerPart]) -> str:
    return "".join(part.text for part in parts if isinstance(part, Token))


async def test_what_is_asked_and_answered_goes_through() -> None:
    """Messages, calls and their results, tools, limits, sampling there; words and counts back."""
    mind = FakeChat(script=["Paris. It lies on the Seine."])
    prompt = Prompt(
        messages=(
            Message(role="system", text="Be kind."),
            Message(role="user", text="Where is it warm?"),
            Message(role="assistant", text="", tool_calls=(ToolCall(call_id="a1", name="weather", arguments="{}"),)),
            Message(role="tool", text="warm", call_id="a1"),
        ),
        tools=(WEATHER,),
        tool_choice="weather",
        max_tokens=77,
        temperature=0.5,
        sampling=Sampling(top_p=0.5, top_k=7, seed=3, stop=("END",), logit_bias=((7, -1.0),), frequency_penalty=0.25),
    )
    async with Doorway(premises_of(fake_engines(chat=mind))) as door:
        chat = await opened(door.address)
        parts = await answer(chat, prompt)
        assert text_of(parts) == "Paris. It lies on the Seine."
        assert parts[-1] == Finish(reason="stop", prompt_tokens=12, completion_tokens=6)
        (asked,) = mind.prompts
        assert (asked.messages, asked.tools, asked.tool_choice) == (prompt.messages, prompt.tools, "weather")
        assert (asked.max_tokens, asked.temperature, asked.sampling) == (77, 0.5, prompt.sampling)
        assert asked.truncation.retention is None
        await chat.close()


async def test_calls_come_as_they_are_written_and_whole_at_the_end() -> None:
    """Two of them."""
    mind = FakeChat(
        script=[
            (
                ToolCallPart(index=0, call_id="a1", name="weather", arguments='{"city"'),
                ToolCallPart(index=0, arguments=': "Rome"}'),
                ToolCallPart(index=1, call_id="a2", name="weather", arguments='{"city": "Oslo"}'),
            )
        ]
    )
    prompt = Prompt(messages=HELLO.messages, tools=(WEATHER,))
    async with Doorway(premises_of(fake_engines(chat=mind))) as door:
        chat = await opened(door.address)
        assert (await answer(chat, prompt))[:-1] == [
            ToolCallPart(index=0, call_id="a1", name="weather", arguments='{"city"'),
            ToolCallPart(index=0, arguments=': "Rome"}'),
            ToolCallPart(index=1, call_id="a2", name="weather", arguments='{"city": "Oslo"}'),
            CallWhole(index=0),
            CallWhole(index=1),
        ]
        one = await answer(chat, Prompt(messages=HELLO.messages, tools=(WEATHER,), parallel_tool_calls=False))
        assert {part.index for part in one if isinstance(part, ToolCallPart)} == {0}
        assert isinstance(one[-1], Finish)
        assert one[-1].reason == "tool_calls"
        await until(lambda: door.going_on == 0)
        await chat.close()


async def test_a_call_that_no_tool_understands_fails() -> None:
    """A backend may not hold its model to a schema."""
    mind = FakeChat(script=[(ToolCallPart(index=0, call_id="a1", name="weather", arguments='{"city": 7}'),)])
    async with Doorway(premises_of(fake_engines(chat=mind))) as door:
        chat = await opened(door.address)
        with pytest.raises(EngineFailed, match="wrong 'city'"):
            await answer(chat, Prompt(messages=HELLO.messages, tools=(WEATHER,)))
        await chat.close()


async def test_an_answer_that_was_cut_short_says_so() -> None:
    """The contract does not; the counts do."""
    async with Doorway(premises_of(fake_engines(chat=FakeChat()))) as door:
        chat = await opened(door.address, max_tokens=6)
        finish = (await answer(chat))[-1]
        assert isinstance(finish, Finish)
        assert finish.reason == "length"
        await chat.close()


@pytest.mark.parametrize("by", ["closing", "cancelling"])
async def test_barge_in_stops_the_writing_far_away(by: str) -> None:
    """Nothing else could: it waits."""
    mind = FakeChat(gate=asyncio.Event())
    async with Doorway(premises_of(fake_engines(chat=mind))) as door:
        chat = await opened(door.address)
        if by == "closing":
            parts = chat.answer(HELLO)
            assert await anext(parts) == Token("Paris.")
            assert door.going_on == 1
            await parts.aclose()
        else:
            reading = asyncio.get_running_loop().create_task(answer(chat))
            await until(lambda: bool(mind.prompts))
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
        await until(lambda: mind.stopped == 1)
        await until(lambda: door.going_on == 0)
        await chat.close()


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (EngineFailed("Somebody said this."), EngineFailed),
        (EngineBusy("All slots are taken."), EngineBusy),
        (ContextTooLong("the conversation has 9 tokens"), ContextTooLong),
    ],
)
async def test_what_fails_there_fails_here(failure: EngineFailed, kind: type[EngineFailed]) -> None:
    """As the same kind of error, in words of ours."""
    async with Doorway(premises_of(fake_engines(chat=FakeChat(script=[failure, "Well."])))) as door:
        chat = await opened(door.address)
        with pytest.raises(EngineFailed, match=door.address) as failed:
            await answer(chat)
        assert type(failed.value) is kind
        assert str(failure) not in str(failed.value)
        assert text_of(await answer(chat)) == "Well."
        await chat.close()


def saying(*replies: pb.Reply) -> Answer:
    async def say(request: pb.PredictOptions, context: Any) -> AsyncIterator[pb.Reply]:
        for reply in replies:
            yield reply

    return say


async def test_a_backend_without_deltas_says_it_in_messages() -> None:
    """As the older ones do, with letters cut in two."""
    replies = (pb.Reply(message=b"Gr\xc3"), pb.Reply(message=b"\xbc\xc3\x9f Gott", tokens=4, prompt_tokens=9))
    async with at_work(BareBackend({"PredictStream": saying(*replies)})) as address:
        chat = await opened(address)
        assert await answer(chat) == [
            Token("Gr"),
            Token("üß Gott"),
            Finish(reason="stop", prompt_tokens=9, completion_tokens=4),
        ]
        await chat.close()


LIKELY = Prompt(messages=HELLO.messages, sampling=Sampling(alternatives=1))


@pytest.mark.parametrize(
    "logprobs",
    [b"{", b'{"content": 7}', b'{"content": [{"token": "\xff", "logprob": -1.0}]}', b"[" * 100_000 + b"]" * 100_000],
    ids=["no JSON", "no probabilities", "no UTF-8", "deep"],
)
async def test_probabilities_that_cannot_be_read_are_a_failure_to_who_asked(logprobs: bytes) -> None:
    """Nobody else looks at them."""
    reply = pb.Reply(message=b"Well.", logprobs=logprobs)
    async with at_work(BareBackend({"PredictStream": saying(reply)})) as address:
        chat = await opened(address)
        with pytest.raises(EngineFailed, match="probabilities that cannot be read"):
            await answer(chat, LIKELY)
        assert text_of(await answer(chat)) == "Well."
        await chat.close()


async def test_probabilities_come_with_their_words() -> None:
    """In the first delta of those that come with them, or beside a plain message."""
    told = write_likelihoods((Likelihood(token="Well", log_probability=-0.5, utf8=tuple(b"Well")),))
    replies = (
        pb.Reply(message=b"Well", logprobs=told),
        pb.Reply(chat_deltas=[pb.ChatDelta(content="Well")], logprobs=told),
        pb.Reply(logprobs=told),
    )
    async with at_work(BareBackend({"PredictStream": saying(*replies)})) as address:
        chat = await opened(address)
        tokens = [part for part in await answer(chat, LIKELY) if isinstance(part, Token)]
        assert [(token.text, [likely.token for likely in token.likelihoods]) for token in tokens] == [
            ("Well", ["Well"]),
            ("Well", ["Well"]),
            ("", ["Well"]),
        ]
        await chat.close()


async def test_what_a_bare_backend_is_asked() -> None:
    """In the contract's words: JSON where it wants JSON."""
    asked: list[pb.PredictOptions] = []

    async def note(request: pb.PredictOptions, context: Any) -> AsyncIterator[pb.Reply]:
        asked.append(request)
        yield pb.Reply(chat_deltas=[pb.ChatDelta(content="Well.", reasoning_content="Hm.")])

    async with at_work(BareBackend({"PredictStream": note})) as address:
        chat = await opened(address, max_tokens=9, temperature=0.75)
        prompt = Prompt(
            messages=(
                Message(role="assistant", text="", tool_calls=(ToolCall(call_id="a", name="f", arguments="{}"),)),
            ),
            tools=(WEATHER,),
            tool_choice="required",
        )
        assert text_of(await answer(chat, prompt)) == "Well."
        (request,) = asked
        assert request.UseTokenizerTemplate
        assert (request.Tokens, request.Temperature, request.ToolChoice) == (9, 0.75, "required")
        assert json.loads(request.Tools)[0]["function"]["parameters"] == WEATHER.parameters
        assert json.loads(request.Messages[0].tool_calls) == [
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        ]
        await chat.close()
