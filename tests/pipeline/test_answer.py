"""The language model's side of a reply, and what of it waits until somebody may hear it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from functools import partial

import pytest

from realtime.engines.base import AnswerPart, CallWhole, Finish, Prompt, Read, Token, ToolCallPart
from realtime.errors import EngineFailed
from realtime.pipeline.answer import Answer, Asides, HeldAsides
from tests.fakes import FakeChat

READ = Read(prompt_tokens=30, cached_tokens=20)
CALL, WHOLE = ToolCallPart(index=0, call_id="call_1", name="clock"), CallWhole(index=0)


class Listener:
    """Takes down what it is told."""

    def __init__(self) -> None:
        self.told: list[AnswerPart | str] = []

    async def began(self) -> None:
        self.told.append("began")

    async def read(self, prompt: Read) -> None:
        self.told.append(prompt)

    async def call(self, part: ToolCallPart) -> None:
        self.told.append(part)

    async def call_is_whole(self, whole: CallWhole) -> None:
        self.told.append(whole)


async def texts_of(answer: Answer) -> list[str]:
    async with aclosing(answer.texts()) as texts:
        return [text async for text in texts]


def answering(*parts: AnswerPart, asides: Asides) -> Answer:
    """The answer of a model that writes these parts."""
    return Answer(partial(FakeChat([parts]).answer, Prompt(messages=())), asides)


async def test_what_is_not_to_be_said_is_told_where_it_stands() -> None:
    """Its text begins with the first word, and the blanks before are nobody's."""
    listener = Listener()
    answer = answering(READ, Token(" \n"), Token(" Well"), CALL, WHOLE, Token("."), asides=listener)
    assert await texts_of(answer) == ["Well", "."]
    assert listener.told == [READ, "began", CALL, WHOLE]
    assert answer.finish.reason == "tool_calls"


async def test_its_cost_is_what_was_read_and_written_less_what_was_remembered() -> None:
    """Known while it is written, also of one that nobody waits for any longer."""
    answer = answering(READ, Token("One"), Token(" two"), asides=Listener())
    assert (answer.tokens_used, answer.tokens_worked) == (0, 0)
    async with aclosing(answer.texts()) as texts:
        await anext(texts)
    assert (answer.tokens_used, answer.tokens_worked) == (31, 11)


async def test_an_answer_without_an_end_has_none() -> None:
    answer = answering(Token("One"), asides=Listener())
    with pytest.raises(EngineFailed, match="broke off"):
        assert answer.finish


async def test_held_asides_are_passed_on_in_their_order_and_from_then_on_at_once() -> None:
    held, listener = HeldAsides(), Listener()
    await held.read(READ)
    await held.began()
    assert listener.told == []
    await held.release(listener)
    await held.call(CALL)
    await held.call_is_whole(WHOLE)
    assert listener.told == [READ, "began", CALL, WHOLE]


async def test_what_is_told_while_the_held_is_passed_on_comes_after_it() -> None:
    """The listener may take its time, and the model does not wait."""
    held, listener, gate = HeldAsides(), Listener(), asyncio.Event()

    class Slow(Listener):
        async def read(self, prompt: Read) -> None:
            await gate.wait()
            listener.told.append(prompt)

        async def began(self) -> None:
            listener.told.append("began")

    await held.read(READ)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(held.release(Slow()))
        await asyncio.sleep(0)
        await held.began()
        assert listener.told == []
        gate.set()
    assert listener.told == [READ, "began"]


async def test_the_end_of_an_answer_counts_for_what_it_says() -> None:
    end = Finish(reason="stop", prompt_tokens=12, cached_tokens=5, completion_tokens=2)
    answer = answering(READ, Token("One"), asides=Listener())
    await texts_of(answer)
    assert answer.finish == end
    assert (answer.tokens_used, answer.tokens_worked) == (14, 9)
