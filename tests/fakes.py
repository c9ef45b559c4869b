"""Scripted engines and a clock moved by hand. They implement the engines' protocols and have no weights.

Sound is told by its loudness: `voice(ms)` is speech to `FakeDetector`, `quiet(ms)` is not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count

import numpy as np

from realtime.audio import SPEECH_RATE_HZ, Audio, Pcm, ms_to_samples, silence
from realtime.engines.base import (
    AnswerPart,
    Finish,
    Listening,
    Prompt,
    Segment,
    Speaking,
    Token,
)
from realtime.engines.ensemble import Engines
from realtime.engines.scheduler import Scheduler
from realtime.errors import EngineFailed


def voice(ms: float, rate_hz: int = 24_000) -> Pcm:
    """Something `FakeDetector` takes for speech."""
    return np.full(ms_to_samples(ms, rate_hz), 0.5, np.float32)


def quiet(ms: float, rate_hz: int = 24_000) -> Pcm:
    """Something it does not."""
    return silence(ms, rate_hz)


class FakeDetector:
    """Speech is what is louder than a quarter."""

    rate_hz = SPEECH_RATE_HZ
    window_samples = 512

    def stream(self) -> FakeDetector:
        return self

    def probability(self, window: Pcm) -> float:
        assert window.shape == (self.window_samples,)
        return float(np.abs(window).mean() > 0.25)

    async def close(self) -> None:
        return


@dataclass
class FakeTranscriber:
    """Hears the scripted texts, one a turn; an exception in the script is raised instead."""

    script: list[str | Exception] = field(default_factory=lambda: ["What is the capital of France?"])
    heard: list[Pcm] = field(default_factory=list)
    gate: asyncio.Event | None = None
    """When given, no transcription goes on before it is set."""
    rate_hz: int = SPEECH_RATE_HZ
    model: str = "fake-ears"

    async def transcribe(self, speech: Pcm, listening: Listening) -> AsyncGenerator[Segment, None]:
        self.heard.append(speech)
        said = self.script[min(len(self.heard), len(self.script)) - 1]
        if self.gate:
            await self.gate.wait()
        if isinstance(said, Exception):
            raise said
        end_s = len(speech) / self.rate_hz
        for index, text in enumerate(said.split("|")):
            if text:
                yield Segment(text=f" {text}" if index else text, start_s=0, end_s=end_s, log_probability=-0.1)

    async def close(self) -> None:
        return


@dataclass
class FakeChat:
    """Answers with the scripted texts, one an answer, word by word."""

    script: list[str | Exception] = field(default_factory=lambda: ["Paris. It lies on the Seine."])
    prompts: list[Prompt] = field(default_factory=list)
    gate: asyncio.Event | None = None
    """When given, an answer stops after its first word until it is set."""
    stopped: int = 0
    """Answers that were broken off before their end."""
    fails: Exception | None = None
    """When given, raised in place of an answer's second word."""
    reason: str = "stop"
    model: str = "fake-mind"

    async def answer(self, prompt: Prompt) -> AsyncGenerator[AnswerPart, None]:
        self.prompts.append(prompt)
        said = self.script[min(len(self.prompts), len(self.script)) - 1]
        if isinstance(said, Exception):
            raise said
        words = said.split(" ")
        try:
            for index, word in enumerate(words):
                yield Token(f" {word}" if index else word)
                if self.gate:
                    await self.gate.wait()
                if self.fails:
                    raise self.fails
                await asyncio.sleep(0)
        except (GeneratorExit, asyncio.CancelledError):
            self.stopped += 1
            raise
        yield Finish(reason=self.reason, prompt_tokens=12, cached_tokens=5, completion_tokens=len(words))  # type: ignore[arg-type]

    async def close(self) -> None:
        return


@dataclass
class FakeSynthesizer:
    """Speaks at `ms_per_letter`; the sound of a sentence is a constant, so that it can be recognised."""

    ms_per_letter: float = 50.0
    spoken: list[tuple[str, Speaking]] = field(default_factory=list)
    fails: bool = False
    rate_hz: int = 24_000
    model: str = "fake-mouth"
    voices: tuple[str, ...] = ("heart", "emma")

    async def speak(self, text: str, speaking: Speaking) -> AsyncGenerator[Audio, None]:
        self.spoken.append((text, speaking))
        if self.fails:
            raise EngineFailed("the fake voice is hoarse")
        yield Audio(voice(len(text) * self.ms_per_letter / speaking.speed, self.rate_hz), self.rate_hz)

    async def close(self) -> None:
        return


def fake_engines(
    *,
    transcriber: FakeTranscriber | None = None,
    chat: FakeChat | None = None,
    synthesizer: FakeSynthesizer | None = None,
) -> Engines:
    """Four fakes, those given and defaults for the rest."""
    return Engines(
        detector=FakeDetector(),
        transcriber=transcriber or FakeTranscriber(),
        chat=chat or FakeChat(),
        synthesizer=synthesizer or FakeSynthesizer(),
        scheduler=Scheduler(1),
    )


class HandClock:
    """A clock that stands still until it is moved. Whoever sleeps wakes when it reaches the end of the sleep."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self._sleeping: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()

    def now_s(self) -> float:
        return self._now_s

    async def sleep(self, seconds: float) -> None:
        waking: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heappush(self._sleeping, (self._now_s + seconds, next(self._order), waking))
        await waking

    async def advance(self, seconds: float) -> None:
        """Move on by `seconds`, letting everybody who wakes on the way act before the next one wakes."""
        end_s = self._now_s + seconds
        await settle()
        while self._sleeping and self._sleeping[0][0] <= end_s:
            self._now_s, _, waking = heappop(self._sleeping)
            if not waking.done():
                waking.set_result(None)
            await settle()
        self._now_s = end_s


async def settle(rounds: int = 50) -> None:
    """Let every task go on until it waits for something that only the test can bring."""
    for _ in range(rounds):
        await asyncio.sleep(0)
