"""The embedded language model: conversations side by side, interruptions, and prompts that do not fit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from pathlib import Path
from stat import S_IMODE
from tempfile import TemporaryDirectory
from threading import Barrier
from typing import Any

import psutil
import pytest

from realtime.engines.base import AnswerPart, Finish, Prompt, Read, Token, Urgency
from realtime.engines.llama_cpp import LlamaCpp, open_llama_cpp
from realtime.engines.llama_door import LlamaDoor, Refused
from realtime.errors import BadConfiguration, EngineBusy, EngineFailed, ModelUnavailable
from tests.engines.conftest import MakeWorkshop
from tests.engines.llama import conversation

pytestmark = pytest.mark.model

SLOTS = 2


@pytest.fixture(scope="module")
def llama(workshop: MakeWorkshop) -> Iterator[LlamaCpp]:
    """Two slots, and two may wait."""
    engine = open_llama_cpp(workshop(slots=SLOTS, context_tokens=512, waiting_limit=2, max_tokens=200))
    yield engine
    asyncio.run(engine.close())


LONG = conversation("Tell me a very long story about a dog, a fox and a bear.")


async def answered(llama: LlamaCpp, prompt: Prompt) -> tuple[str, Finish]:
    parts = [part async for part in llama.answer(prompt)]
    assert isinstance(parts[-1], Finish)
    assert isinstance(parts[0], Read)
    assert all(isinstance(part, Token) for part in parts[1:-1])
    return "".join(part.text for part in parts if isinstance(part, Token)), parts[-1]


async def all_free(llama: LlamaCpp) -> None:
    """Until nobody writes any more."""
    meeting = Barrier(SLOTS, timeout=60)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(SLOTS):
            tasks.create_task(llama._writers.run(meeting.wait, Urgency.FINAL))


@pytest.fixture
async def free(llama: LlamaCpp) -> AsyncIterator[LlamaCpp]:
    """The model, with nothing left from the test before."""
    await all_free(llama)
    yield llama
    await all_free(llama)


async def test_everyday_questions_get_short_answers(free: LlamaCpp) -> None:
    for question, word in [
        ("What is the capital of France?", "Paris"),
        ("what's the capital of france", "Paris"),
        ("How many legs does a spider have?", "eight"),
        ("What is the opposite of hot?", "cold"),
    ]:
        text, finish = await answered(free, conversation(question))
        assert word in text
        assert text.count(".") <= 2
        assert finish.reason == "stop"
        assert finish.completion_tokens < 40


async def test_the_answer_comes_word_by_word_and_is_counted(free: LlamaCpp) -> None:
    parts = [part async for part in free.answer(conversation("What is the capital of France?"))]
    read, tokens, finish = parts[0], parts[1:-1], parts[-1]
    assert len(tokens) > 4
    assert isinstance(finish, Finish)
    assert read == Read(prompt_tokens=finish.prompt_tokens, cached_tokens=finish.cached_tokens)
    assert finish.completion_tokens == len(tokens) + 1  # and the one that ends it
    assert finish.prompt_tokens > 60


async def test_the_same_question_has_the_same_answer(free: LlamaCpp) -> None:
    question = conversation("What should I have for breakfast?")
    assert (await answered(free, question))[0] == (await answered(free, question))[0]


async def test_the_next_turn_reads_only_what_is_new(free: LlamaCpp) -> None:
    first = "What is the capital of France?"
    text, _ = await answered(free, conversation(first))
    others = [conversation("How deep is the sea?"), conversation("Hello there!")]
    await answered(free, others[0])
    _, finish = await answered(free, conversation(first, text, "And what is the capital of Italy?"))
    assert finish.prompt_tokens - finish.cached_tokens < 30
    assert finish.cached_tokens > 80


async def test_the_instructions_are_read_before_anybody_comes(workshop: MakeWorkshop) -> None:
    engine = open_llama_cpp(workshop(slots=1, context_tokens=512))
    _, finish = await answered(engine, conversation("What is the capital of France?"))
    await engine.close()
    assert finish.prompt_tokens - finish.cached_tokens < 20


async def test_conversations_side_by_side_are_not_mixed_up(free: LlamaCpp) -> None:
    async with asyncio.TaskGroup() as tasks:
        france = tasks.create_task(answered(free, conversation("What is the capital of France?")))
        spider = tasks.create_task(answered(free, conversation("How many legs does a spider have?")))
    assert "Paris" in france.result()[0]
    assert "eight" in spider.result()[0]


async def test_the_event_loop_is_never_held_up(free: LlamaCpp, no_blocking: None) -> None:
    await answered(free, conversation("What is the capital of France?"))


async def test_a_limit_ends_the_answer(free: LlamaCpp) -> None:
    prompt = Prompt(messages=LONG.messages, max_tokens=5)
    _, finish = await answered(free, prompt)
    assert (finish.reason, finish.completion_tokens) == ("length", 5)


class Watched:
    """The model, and what it wrote whether anybody read it or not."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self.began = asyncio.Event()
        self.chunks: list[dict[str, Any]] = []

    def handle_chat_completions(self, body: Any, callback: Callable[[Any], bool]) -> None:
        def take(chunk: Any) -> bool:
            self.chunks.append(chunk)
            self._loop.call_soon_threadsafe(self.began.set)
            return callback(chunk)

        self._server.handle_chat_completions(body, take)


@contextmanager
def watching(llama: LlamaCpp) -> Iterator[Watched]:
    server = llama._server
    llama._server = Watched(server)
    try:
        yield llama._server
    finally:
        llama._server = server


async def test_closing_stops_the_writing_and_frees_the_slot(free: LlamaCpp) -> None:
    with watching(free) as watched:
        async with aclosing(free.answer(LONG)) as parts:
            assert isinstance(await anext(parts), Read)
            written = [await anext(parts) for _ in range(3)]
            assert free._writers.idle == SLOTS - 1
        await all_free(free)
    assert all(isinstance(part, Token) for part in written)
    assert len(watched.chunks) < 30  # of the 200 it would have written
    assert "Paris" in (await answered(free, conversation("What is the capital of France?")))[0]


async def test_an_answer_begun_too_early_costs_the_real_one_nothing(free: LlamaCpp) -> None:
    """Its words are read already, though it may still be making its last step; other words share the beginning."""
    question = "Where does the longest river of Europe have its source"
    async with aclosing(free.answer(replace(conversation(question), urgency=Urgency.SPECULATIVE))) as parts:
        assert isinstance(await anext(parts), Read)
        await anext(parts)
    _, finish = await answered(free, conversation(question))
    assert finish.prompt_tokens - finish.cached_tokens == 1
    _, finish = await answered(free, conversation(question + " and where does it end?"))
    assert finish.prompt_tokens - finish.cached_tokens < 16


async def test_an_answer_that_may_be_for_nothing_leaves_a_slot_to_those_that_are_not(free: LlamaCpp) -> None:
    unsure = replace(LONG, urgency=Urgency.SPECULATIVE)
    idle = free.busy
    async with aclosing(free.answer(unsure)) as first:
        await anext(first)
        assert (idle, free.busy) == (False, True)
        async with asyncio.TaskGroup() as tasks:
            second = tasks.create_task(answered(free, unsure))
            assert "Paris" in (await answered(free, conversation("What is the capital of France?")))[0]
            assert not second.done()
            second.cancel()


async def test_cancelling_stops_the_writing(free: LlamaCpp) -> None:
    async def listen(parts: AsyncIterator[AnswerPart]) -> None:
        async for _ in parts:
            begun.set()

    begun = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(listen(free.answer(LONG)))
        await begun.wait()
        listening.cancel()
    assert listening.cancelled()
    await all_free(free)


async def test_a_prompt_that_is_still_being_read_can_be_stopped(free: LlamaCpp) -> None:
    with watching(free) as watched:
        async with asyncio.TaskGroup() as tasks:
            words = " ".join(f"fox {n}" for n in range(90))
            listening = tasks.create_task(answered(free, conversation(words)))
            await watched.began.wait()
            listening.cancel()
        await all_free(free)
    assert listening.cancelled()
    progress = watched.chunks[-1]["prompt_progress"]
    assert progress["processed"] < progress["total"]


async def test_who_comes_when_all_are_busy_waits_and_one_too_many_is_refused(free: LlamaCpp) -> None:
    async with aclosing(free.answer(LONG)) as one, aclosing(free.answer(LONG)) as other:
        await anext(one)
        await anext(other)
        async with asyncio.TaskGroup() as tasks:
            waiting = [tasks.create_task(answered(free, conversation("Hello."))) for _ in range(2)]
            await asyncio.sleep(0)
            with pytest.raises(EngineBusy, match="2 inference steps are waiting"):
                await answered(free, conversation("Hello."))
            waiting[1].cancel()
            await one.aclose()
            text, _ = await waiting[0]
    assert text
    assert waiting[1].cancelled()


async def test_what_is_no_text_is_refused_without_its_words(free: LlamaCpp) -> None:
    with pytest.raises(EngineFailed, match="refused") as refused:
        await answered(free, conversation("my secret \ud800"))
    assert "secret" not in str(refused.value)


async def test_closing_ends_every_answer_and_gives_everything_back(workshop: MakeWorkshop) -> None:
    await asyncio.to_thread(int)  # the thread that will close it is not counted
    threads = psutil.Process().num_threads()
    engine = open_llama_cpp(workshop(slots=1, context_tokens=512))
    assert psutil.Process().num_threads() > threads
    async with aclosing(engine.answer(LONG)) as parts:
        await anext(parts)
        await engine.close()
        with pytest.raises(EngineFailed, match="broke off"):
            [part async for part in parts]
    with pytest.raises(EngineFailed, match="closed"):
        await answered(engine, LONG)
    assert psutil.Process().num_threads() == threads


def test_its_door_is_ours_alone(workshop: MakeWorkshop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """llama.cpp cannot do without a listener: it is on a socket in a folder of ours, on no port, and wants a key."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    engine = open_llama_cpp(workshop(slots=1, context_tokens=256))
    (folder,) = tmp_path.iterdir()
    assert engine._server.listening_address == f"unix://{folder}/llama.sock"
    assert S_IMODE(folder.stat().st_mode) == 0o700
    stranger = LlamaDoor(engine._server.listening_address, "guessed", TemporaryDirectory(dir=tmp_path))
    with pytest.raises(Refused, match="401"):
        stranger.ask("/tokenize", {"content": "x"})
    stranger.close()
    asyncio.run(engine.close())
    assert list(tmp_path.iterdir()) == []


def test_instructions_that_do_not_fit_are_a_mistake_in_the_configuration(workshop: MakeWorkshop) -> None:
    with pytest.raises(BadConfiguration, match=r"llama-cpp.* has \d+ tokens.* room for 0"):
        open_llama_cpp(workshop(slots=1, context_tokens=256, instructions="word " * 400))


def test_a_file_that_is_no_model_is_named(workshop: MakeWorkshop, tmp_path: Path) -> None:
    path = tmp_path / "not.gguf"
    path.write_bytes(b"no model")
    with pytest.raises(ModelUnavailable, match=r"cannot load .*not\.gguf"):
        open_llama_cpp(workshop(model=str(path)))
