"""What the embedded language model is given of a long conversation, by its own count of tokens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from realtime.engines.base import Prompt, Tool, Urgency
from realtime.engines.llama_cpp import LlamaCpp, open_llama_cpp
from realtime.engines.llama_memory import remembered
from realtime.engines.recall import Messages, part
from realtime.engines.sampling import Truncation
from realtime.errors import ContextTooLong
from tests.engines.conftest import MakeWorkshop
from tests.engines.llama import conversation, finish_of, parts_of, words_of

pytestmark = pytest.mark.model

CONTEXT = 512


@pytest.fixture(scope="module")
def opened(workshop: MakeWorkshop) -> Iterator[LlamaCpp]:
    engine = open_llama_cpp(workshop(slots=1, context_tokens=CONTEXT, max_tokens=40))
    yield engine
    asyncio.run(engine.close())


@pytest.fixture
async def llama(opened: LlamaCpp) -> AsyncIterator[LlamaCpp]:
    """The model, which has stopped writing before the event loop that it writes for ends."""
    yield opened
    await opened._writers.run(int, Urgency.PARTIAL)


def facts(count: int) -> Prompt:
    """Some turns, and a question."""
    turns = [text for n in range(count) for text in (f"Tell me fact number {n}.", f"Fact {n}: it has {n} legs.")]
    return conversation(*turns, "What is the capital of France?")


def given(llama: LlamaCpp, prompt: Prompt) -> tuple[Messages, ...]:
    """The turns that the model is given, without the examples."""
    shown = remembered(prompt, llama._counts, llama._options)
    return part((prompt.messages[0], *shown[7:]))[1]


@pytest.mark.parametrize("count", [1, 4])
async def test_it_counts_what_the_model_reads(llama: LlamaCpp, count: int) -> None:
    tool = Tool(name="clock", description="The time")
    for prompt in (facts(count), replace(facts(count), tools=(tool,), tool_choice="none")):
        shown = remembered(prompt, llama._counts, llama._options)
        instructions, turns = part(shown)
        counted = sum(size.whole for size in llama._counts.turns(turns))
        beginning = llama._counts.instructions(instructions, prompt.tools)
        assert finish_of(await parts_of(llama, prompt)).prompt_tokens == beginning + counted


async def test_counting_forgets_nothing_that_was_read(llama: LlamaCpp) -> None:
    await parts_of(llama, facts(2))
    llama._counts.turns(part(facts(9).messages)[1])
    finish = finish_of(await parts_of(llama, facts(2)))
    assert finish.cached_tokens >= finish.prompt_tokens - 1


async def test_of_a_long_conversation_the_oldest_turns_are_left_out(llama: LlamaCpp) -> None:
    parts = await parts_of(llama, facts(40))
    assert "Paris" in words_of(parts)
    assert CONTEXT - 40 - 40 < finish_of(parts).prompt_tokens < CONTEXT - 40


async def test_a_share_is_cut_to_and_stays_for_some_turns(llama: LlamaCpp) -> None:
    halves = [
        given(llama, replace(facts(count), truncation=Truncation(retention=0.5)))[0][0].text for count in range(20, 32)
    ]
    wholes = [given(llama, facts(count))[0][0].text for count in range(20, 32)]
    assert len(set(halves)) <= 3
    assert len(set(wholes)) == 12


async def test_the_client_may_give_less_room(llama: LlamaCpp) -> None:
    short = given(llama, replace(facts(9), truncation=Truncation(max_tokens=60)))
    assert short == part(facts(9).messages)[1][-len(short) :]
    assert sum(size.whole for size in llama._counts.turns(short)) <= 60
    assert len(given(llama, facts(9))) == 10


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        (conversation("word " * 1000), r"last turn alone has 10\d\d tokens, and after \d+ of .* room for \d+"),
        (replace(facts(40), truncation=Truncation(retention=None)), r"the conversation has \d{4} tokens"),
        (replace(facts(3), truncation=Truncation(max_tokens=5)), r"last turn alone has \d+ tokens.* room for 5 "),
        (replace(facts(3), truncation=Truncation(retention=None, max_tokens=50)), r"conversation has .* room for 50 "),
    ],
)
async def test_what_does_not_fit_is_a_failure_with_numbers(llama: LlamaCpp, prompt: Prompt, said: str) -> None:
    with pytest.raises(ContextTooLong, match=said):
        await parts_of(llama, prompt)


async def test_what_fits_is_given_whole_though_nothing_may_be_left_out(llama: LlamaCpp) -> None:
    whole = replace(facts(9), truncation=Truncation(retention=None))
    assert len(given(llama, whole)) == 10
