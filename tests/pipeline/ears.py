"""Drafts under test: a turn whose samples tell when they were said, ears that hear by them, and somebody who speaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

import numpy as np

from realtime.audio import SPEECH_RATE_HZ, Pcm, ms_to_samples
from realtime.engines.base import Listening, Segment, Transcriber, Urgency, Word
from realtime.pipeline.draft import Delay, Draft
from tests.fakes import settle

WORD_S = 0.4
EVERY_SECOND = Delay(1000, 2)


def turn(seconds: float) -> Pcm:
    """Sound whose samples say when they were said."""
    return np.arange(ms_to_samples(seconds * 1000, SPEECH_RATE_HZ)).astype(np.float32) / np.float32(SPEECH_RATE_HZ)


def said_then_silent(said_s: float, all_s: float) -> Pcm:
    """Some of `turn`, and then nothing."""
    sound = turn(all_s)
    sound[ms_to_samples(said_s * 1000, SPEECH_RATE_HZ) :] = 0
    return sound


@dataclass
class Ears:
    """Hear one word each 0.4 s of `turn`; the last one of a window, if half of it is missing, is misheard."""

    text: list[str]
    fickle: bool = False
    """Whether no two hearings agree on any word."""
    fails: dict[int, Exception] = field(default_factory=dict)
    """What the hearing of this number raises."""
    gate: asyncio.Event | None = None
    """When given, no partial hearing ends before it is set."""
    windows_s: list[float] = field(default_factory=list)
    asked: list[Listening] = field(default_factory=list)
    running: int = 0
    most_running: int = 0
    rate_hz: int = SPEECH_RATE_HZ
    model: str = "ears"
    languages: frozenset[str] = frozenset({"en"})

    async def transcribe(self, speech: Pcm, listening: Listening) -> AsyncGenerator[Segment, None]:
        self.windows_s.append(len(speech) / SPEECH_RATE_HZ)
        self.asked.append(listening)
        number = len(self.asked)
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        try:
            await asyncio.sleep(0)
            if self.gate and listening.urgency is Urgency.PARTIAL:
                await self.gate.wait()
            if number in self.fails:
                raise self.fails[number]
        finally:
            self.running -= 1
        start_s, end_s = float(speech[0]) if len(speech) else 0.0, float(speech.max(initial=0))
        words = tuple(self._words(start_s, end_s, number)) if len(speech) else ()
        if words:
            text = "".join(word.text for word in words)
            yield Segment(text=text, start_s=0, end_s=9, log_probability=-0.1, words=words, language="en")

    def _words(self, start_s: float, end_s: float, number: int) -> list[Word]:
        first, last = round(start_s / WORD_S), min(len(self.text), round(end_s / WORD_S))
        words = [f"{number}{word}" if self.fickle else word for word in self.text[first:last]]
        if last < len(self.text) and end_s < last * WORD_S and words:
            words[-1] = "eh"
        return [
            Word(
                text=f" {word}",
                start_s=(first + index) * WORD_S - start_s,
                end_s=(first + index + 1) * WORD_S - start_s,
                log_probability=-0.1,
            )
            for index, word in enumerate(words)
        ]

    async def close(self) -> None:
        return


def sentences(words: int) -> list[str]:
    """Words, every seventh of which ends a sentence."""
    return [f"word{index}" + ("." if index % 7 == 6 else "") for index in range(words)]


@dataclass
class Speaker:
    """Speaks into a draft and notes when which text came."""

    ears: Transcriber
    delay: Delay = EVERY_SECOND
    hints: Listening = field(default_factory=Listening)
    given: list[tuple[float, Segment]] = field(default_factory=list)
    said_s: float = 0.0

    async def say(self, sound: Pcm, step_ms: int = 100) -> None:
        """All of `sound`, and the end of the turn; each hearing ends before more is said."""
        self.draft = Draft(self.ears, self.hints, self.delay)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            step = ms_to_samples(step_ms, SPEECH_RATE_HZ)
            for start in range(0, len(sound) - step, step):
                self.draft.hear(sound[start : start + step])
                self.said_s = (start + step) / SPEECH_RATE_HZ
                await settle(12)
            self.said_s = len(sound) / SPEECH_RATE_HZ
            self.draft.end(sound)

    async def _listen(self) -> None:
        async with aclosing(self.draft.segments()) as segments:
            async for segment in segments:
                self.given.append((self.said_s, segment))

    @property
    def text(self) -> str:
        """All that was given."""
        return "".join(segment.text for _, segment in self.given)


def at(second: float) -> int:
    """The sample."""
    return round(second * SPEECH_RATE_HZ)


async def hear_by_steps(draft: Draft, sound: Pcm, start_s: float, end_s: float) -> None:
    """A stretch of `sound`, 20 ms at a time; each hearing ends before more is said."""
    step = ms_to_samples(20, SPEECH_RATE_HZ)
    for start in range(at(start_s), at(end_s), step):
        draft.hear(sound[start : start + step])
        await settle(12)


async def hear_by_seconds(draft: Draft, sound: Pcm) -> None:
    """All of `sound`, a second at a time; each hearing ends before more is said."""
    for start in range(0, len(sound) - SPEECH_RATE_HZ + 1, SPEECH_RATE_HZ):
        draft.hear(sound[start : start + SPEECH_RATE_HZ])
        await settle()


async def collect(draft: Draft, given: list[str] | None = None) -> str:
    """All text of a draft, which is put into `given` as it comes."""
    texts = given if given is not None else []
    async with aclosing(draft.segments()) as segments:
        async for segment in segments:
            texts.append(segment.text)
    return "".join(texts)
