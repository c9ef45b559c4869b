"""When the voice of a reply begins: with its first phrase cut short, and with whole sentences.

    python bench/first_sound.py

asks the embedded language model the questions of the benchmarks in writing and speaks its answers, each both ways, one
after the other. Prints the table of docs/benchmarks.md in two minutes on two cores. It needs the packages of
the `local` extra and the models of `make models`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from realtime.bench.questions import load_questions
from realtime.engines.base import Chat, Message, Prompt, Speaking, Synthesizer, Token
from realtime.engines.hibari import open_hibari
from realtime.engines.llama_cpp import open_llama_cpp
from realtime.engines.registry import Workshop
from realtime.engines.scheduler import Scheduler
from realtime.models.catalogue import load_catalogue
from realtime.models.store import ModelStore
from realtime.pipeline.sentences import LONGEST_CHARACTERS, Phrase, sentences
from realtime.pipeline.speak import speak
from realtime.settings import DEFAULT_INSTRUCTIONS, load_settings

ROUNDS = 2
SAID_BEFORE = "x" * (LONGEST_CHARACTERS - 1) + "!"
"""After so much has been said, sentences are whole."""

Cutting = Callable[[AsyncIterable[str]], AsyncGenerator[Phrase, None]]


@dataclass(frozen=True)
class Told:
    """One answer, spoken. Times are counted from its first token."""

    phrases: tuple[Phrase, ...]
    sound_ms: float
    """When the first sound was there."""
    gap_ms: float
    """The longest that a listener waited in the middle of it."""


async def whole_sentences(texts: AsyncIterable[str]) -> AsyncGenerator[Phrase, None]:
    """Sentences, the first like any other."""

    async def later() -> AsyncGenerator[str, None]:
        yield f"{SAID_BEFORE}\n"
        async for text in texts:
            yield text

    async with aclosing(sentences(later())) as phrases:
        async for phrase in phrases:
            if phrase.text != SAID_BEFORE:
                yield phrase


async def tell(chat: Chat, voice: Synthesizer, question: str, cutting: Cutting) -> Told:
    """Have `question` answered and the answer spoken."""
    asked = (Message(role="system", text=DEFAULT_INSTRUCTIONS), Message(role="user", text=question))
    prompt = Prompt(messages=asked, max_tokens=40)
    begun_s = 0.0
    phrases = list[Phrase]()

    async def texts() -> AsyncGenerator[str, None]:
        nonlocal begun_s
        async with aclosing(chat.answer(prompt)) as parts:
            async for part in parts:
                if isinstance(part, Token):
                    begun_s = begun_s or perf_counter()
                    yield part.text

    async def noted(cut: AsyncGenerator[Phrase, None]) -> AsyncGenerator[Phrase, None]:
        async for phrase in cut:
            phrases.append(phrase)
            yield phrase

    first_s, heard_s, gap_s = 0.0, 0.0, 0.0
    async with aclosing(speak(noted(cutting(texts())), voice, Speaking, voice.rate_hz)) as pieces:
        async for piece in pieces:
            first_s = first_s or perf_counter()
            gap_s = max(gap_s, perf_counter() - first_s - heard_s) if heard_s else gap_s
            heard_s += len(piece.pcm) / voice.rate_hz
    return Told(tuple(phrases), (first_s - begun_s) * 1000, gap_s * 1000)


async def measure(chat: Chat, voice: Synthesizer) -> None:
    """Print the table."""
    await tell(chat, voice, "Hello.", sentences)
    print("| question | its answer's first phrase | cut short, ms | whole sentences, ms | sooner |")
    print("| --- | --- | ---: | ---: | ---: |")
    shorts, wholes = list[Told](), list[Told]()
    for question in load_questions():
        short, whole = list[Told](), list[Told]()
        for _ in range(ROUNDS):
            short.append(await tell(chat, voice, question.text, sentences))
            whole.append(await tell(chat, voice, question.text, whole_sentences))
        first, ms = short[0].phrases[0].text, [np.median([told.sound_ms for told in both]) for both in (short, whole)]
        print(f"| {question.name} | {first} | {ms[0]:.0f} | {ms[1]:.0f} | {1 - ms[0] / ms[1]:.0%} |", flush=True)
        shorts += short
        wholes += whole
    for name, told in (("cut short", shorts), ("whole sentences", wholes)):
        sound_ms = np.percentile([each.sound_ms for each in told], (50, 95))
        gaps = [each.gap_ms for each in told if each.gap_ms > 0]
        print(f"- {name}: {sound_ms[0]:.0f} ms p50, {sound_ms[1]:.0f} p95", end="; ")
        print(f"{len(gaps)} of {len(told)} answers with a gap", end="")
        print(f", of {max(gaps):.0f} ms at most" if gaps else "")


def main() -> None:
    """Open the engines and measure."""
    store = ModelStore(load_settings(None, os.environ, {}).models.directory, load_catalogue())
    workshop = Workshop(model_path=store.path, scheduler=Scheduler(1), threads=1)
    asyncio.run(measure(open_llama_cpp(workshop), open_hibari(workshop)))


if __name__ == "__main__":
    main()
