"""How the embedded language model chooses its words, and what it tells of itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from math import exp
from typing import Any

import pytest

from realtime.engines.base import Prompt, Thought, Token, Tool, Urgency
from realtime.engines.llama_cpp import LlamaCpp, open_llama_cpp
from realtime.engines.load import KnowsWork
from realtime.engines.sampling import Sampling
from realtime.engines.smollm2 import CALL_FORM
from realtime.engines.tokenizer import Templated, Tokenizer
from realtime.errors import ContextTooLong, EngineFailed, InvalidRequest
from tests.engines.conftest import MakeWorkshop
from tests.engines.llama import conversation, finish_of, parts_of, words_of

pytestmark = pytest.mark.model

FRANCE = Prompt(text="The capital of France is", max_tokens=12)
ASKED = conversation("What is the capital of France?")

THINKING = (
    "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' }}"
    "{%- if message.reasoning_content %}{{- '<think>\\n' + message.reasoning_content + '\\n</think>\\n\\n' }}"
    "{%- endif %}"
    "{{- message.content + '<|im_end|>\\n' }}{% endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}"
    "{%- if enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{% else %}{{- '<think>\\n' }}{% endif %}"
    "{%- endif %}"
)
"""Of a model that thinks unless it is told not to."""


@pytest.fixture(scope="module")
def opened(workshop: MakeWorkshop) -> Iterator[LlamaCpp]:
    engine = open_llama_cpp(workshop(slots=1, context_tokens=512, grammars=True))
    yield engine
    asyncio.run(engine.close())


@pytest.fixture
async def llama(opened: LlamaCpp) -> AsyncIterator[LlamaCpp]:
    """The model, which has stopped writing before the event loop that it writes for ends."""
    yield opened
    await opened._writers.run(int, Urgency.PARTIAL)


def sampled(prompt: Prompt, **sampling: Any) -> Prompt:
    return replace(prompt, sampling=Sampling(**sampling))


async def test_a_text_is_gone_on_with_word_by_word(llama: LlamaCpp) -> None:
    parts = await parts_of(llama, FRANCE)
    assert words_of(parts).startswith(" Paris")
    finish = finish_of(parts)
    assert (finish.reason, finish.prompt_tokens, finish.completion_tokens) == ("length", 5, 12)
    assert finish.reading_ms > 0
    assert finish.writing_ms > 0


async def test_a_text_that_does_not_fit_is_a_failure_with_numbers(llama: LlamaCpp) -> None:
    with pytest.raises(ContextTooLong, match=r"has 9\d\d tokens.*takes 512"):
        await parts_of(llama, Prompt(text="x " * 900))


@pytest.mark.parametrize(("prompt", "before"), [(FRANCE, " "), (ASKED, "The capital of France is ")])
async def test_a_stop_is_not_written(llama: LlamaCpp, prompt: Prompt, before: str) -> None:
    parts = await parts_of(llama, sampled(prompt, stop=("Paris",)))
    assert words_of(parts) == before
    assert finish_of(parts).reason == "stop"


async def test_the_same_seed_chooses_the_same(llama: LlamaCpp) -> None:
    """And another, others."""
    warm = replace(conversation("Tell me a story."), temperature=1.5, max_tokens=12)
    said = [words_of(await parts_of(llama, sampled(warm, seed=seed))) for seed in (5, 5, 6, 7)]
    assert said[0] == said[1]
    assert len(set(said)) > 1


@pytest.mark.parametrize("prompt", [FRANCE, ASKED])
async def test_a_grammar_is_obeyed(llama: LlamaCpp, prompt: Prompt) -> None:
    parts = await parts_of(llama, sampled(prompt, grammar='root ::= "No" [a-c] | "Never."'))
    assert words_of(parts) in ("Noa", "Nob", "Noc", "Never.")
    assert finish_of(parts).reason == "stop"


@pytest.mark.parametrize("grammar", ["root ::= (", 'other ::= "x"', "root ::= gone", 'root ::= root "x"'])
async def test_a_grammar_that_is_none_is_the_clients_fault(llama: LlamaCpp, grammar: str) -> None:
    with pytest.raises(InvalidRequest, match="'grammar'") as refused:
        await parts_of(llama, sampled(ASKED, grammar=grammar))
    assert refused.value.param == "grammar"
    assert "Paris" in words_of(await parts_of(llama, ASKED))


async def test_a_grammar_that_would_end_the_process_is_refused(llama: LlamaCpp) -> None:
    with pytest.raises(InvalidRequest, match="brackets within brackets"):
        await parts_of(llama, sampled(ASKED, grammar=f"root ::= {'(' * 8000}"))


async def test_grammars_are_only_for_those_whom_the_operator_trusts(llama: LlamaCpp, workshop: MakeWorkshop) -> None:
    strict = open_llama_cpp(workshop(slots=1, context_tokens=256))
    await strict.close()
    assert llama.abilities - strict.abilities == {"grammar"}


async def test_a_forbidden_token_is_not_written(llama: LlamaCpp) -> None:
    (paris,) = await llama.tokenize(" Paris")
    assert "Paris" not in words_of(await parts_of(llama, sampled(FRANCE, logit_bias=((paris, -100.0),))))
    assert "Paris" not in words_of(await parts_of(llama, sampled(ASKED, logit_bias=((paris, -100.0),))))


async def test_who_may_not_end_goes_on(llama: LlamaCpp) -> None:
    asked = replace(ASKED, max_tokens=30)
    assert finish_of(await parts_of(llama, asked)).reason == "stop"
    assert finish_of(await parts_of(llama, sampled(asked, ignore_end=True))).reason == "length"


@pytest.mark.parametrize("prompt", [FRANCE, ASKED])
async def test_every_token_is_told_with_its_rivals(llama: LlamaCpp, prompt: Prompt) -> None:
    parts = await parts_of(llama, sampled(prompt, alternatives=3))
    likelihoods = [likelihood for part in parts if isinstance(part, Token) for likelihood in part.likelihoods]
    assert bytes(byte for likelihood in likelihoods for byte in likelihood.utf8).decode() == words_of(parts)
    for likelihood in likelihoods:
        odds = [other.log_probability for other in likelihood.alternatives]
        assert len(odds) == 3
        assert odds == sorted(odds, reverse=True)
        assert 0 < sum(map(exp, odds)) <= 1.001
        assert likelihood.token == likelihood.alternatives[0].token  # the likeliest is chosen: it is not warm


async def test_thoughts_come_apart_from_words(workshop: MakeWorkshop) -> None:
    thinker = open_llama_cpp(workshop(slots=1, context_tokens=512, chat_template=THINKING))
    asked = sampled(conversation("What is two and two?"), grammar='root ::= "Hm." "</think>" "Four."')
    parts = await parts_of(thinker, replace(asked, thoughts=True))
    assert "".join(part.text for part in parts if isinstance(part, Thought)) == "Hm."
    assert words_of(parts) == "Four."
    assert (await thinker.rendered(replace(ASKED, thoughts=True))).endswith("<think>\n")
    assert "</think>" in await thinker.rendered(ASKED)
    assert thinker.call_form is None
    await thinker.close()


@pytest.mark.parametrize("text", ["", "Hello, world!", " Grüße, 世界 🙂\n", "<|im_start|>user"])
async def test_tokens_are_their_text(llama: LlamaCpp, text: str) -> None:
    tokens = await llama.tokenize(text)
    assert await llama.detokenize(tokens) == text
    assert len(tokens) <= len(text.encode())


async def test_tokens_are_those_that_the_model_reads(llama: LlamaCpp) -> None:
    (end,) = await llama.tokenize("<|im_end|>")
    assert end > 0
    assert len(await llama.tokenize(FRANCE.text or "")) == finish_of(await parts_of(llama, FRANCE)).prompt_tokens


@pytest.mark.parametrize("token", [-1, 10_000_000])
async def test_a_number_that_is_no_token_is_the_clients_fault(llama: LlamaCpp, token: int) -> None:
    with pytest.raises(InvalidRequest, match="'tokens'"):
        await llama.detokenize([token])


async def test_tokens_are_told_while_it_writes(llama: LlamaCpp, no_blocking: None) -> None:
    parts = llama.answer(replace(FRANCE, max_tokens=200))
    await anext(parts)
    assert await llama.tokenize("Hello") == (19556,)
    await parts.aclose()


async def test_what_it_reads_is_what_its_template_writes(llama: LlamaCpp) -> None:
    tool = Tool(name="clock", description="The time")
    read = await llama.rendered(replace(conversation("Hello.", instructions="Be brief."), tools=(tool,)))
    assert read.startswith("<|im_start|>system\nBe brief.\n\nYou may call functions.")
    assert '"clock"' in read
    assert read.endswith("<|im_start|>user\nHello.<|im_end|>\n<|im_start|>assistant\n")
    assert llama.call_form == CALL_FORM


async def test_its_last_work_is_counted(llama: LlamaCpp) -> None:
    finish = finish_of(await parts_of(llama, FRANCE))
    work = llama.work
    assert work
    assert (work.slot, work.tokens) == (0, finish.completion_tokens)
    assert work.prompt_tokens == finish.prompt_tokens - finish.cached_tokens
    assert work.tokens_per_s == pytest.approx(1000 * (work.tokens - 1) / finish.writing_ms, rel=0.15)


async def test_once_closed_it_tells_no_more(workshop: MakeWorkshop) -> None:
    engine = open_llama_cpp(workshop(slots=1, context_tokens=256))
    assert isinstance(engine, Tokenizer)
    assert isinstance(engine, Templated)
    assert isinstance(engine, KnowsWork)
    await engine.close()
    with pytest.raises(EngineFailed, match="is closed"):
        await engine.tokenize("x")
