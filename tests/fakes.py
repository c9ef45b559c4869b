"""Scripted engines and a clock moved by hand. They implement the engines' protocols and have no weights.

Sound is told by its loudness: `voice(ms)` is speech to `FakeDetector`, `quiet(ms)` is not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import Literal, get_args

import numpy as np

from realtime.audio import SPEECH_RATE_HZ, Audio, Pcm, ms_to_samples, silence
from realtime.engines.base import (
    Ability,
    AnswerPart,
    CallWhole,
    Chat,
    Finish,
    Listening,
    Message,
    Prompt,
    Segment,
    Speaking,
    Token,
    ToolCallPart,
    Word,
)
from realtime.engines.ensemble import Engines
from realtime.engines.scheduler import Scheduler
from realtime.engines.speech_to_speech import Manner, SpeechToSpeech, SpokenPart
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
class FakeTurnDetector:
    """Finds turns as complete as the script says, one look after another; an exception in it is raised instead."""

    script: list[float | Exception] = field(default_factory=lambda: [1.0])
    heard: list[Pcm] = field(default_factory=list)
    gate: asyncio.Event | None = None
    """When given, no look is over before it is set."""
    rate_hz: int = SPEECH_RATE_HZ
    window_ms: int = 8000

    async def completeness(self, turn: Pcm) -> float:
        self.heard.append(turn)
        found = self.script[min(len(self.heard), len(self.script)) - 1]
        if self.gate:
            await self.gate.wait()
        if isinstance(found, Exception):
            raise found
        return found

    async def close(self) -> None:
        return


@dataclass
class FakeEnhancerStream:
    """One microphone: its sound comes out multiplied by `gain`, the last millisecond with what follows."""

    rate_hz: int
    distance: Literal["near_field", "far_field"] | None
    strength: float
    cancel_echo: bool
    gain: float
    heard: list[Pcm] = field(default_factory=list)
    played: list[Pcm] = field(default_factory=list)
    """The reference beside each piece that was heard."""
    _held: Pcm = field(default_factory=lambda: np.zeros(0, np.float32))

    def push(self, pcm: Pcm, reference: Pcm | None = None) -> Pcm:
        self.heard.append(pcm)
        self.played.append(np.zeros_like(pcm) if reference is None else reference)
        held = np.concatenate((self._held, pcm * np.float32(self.gain)))
        whole = max(0, len(held) - self.rate_hz // 1000)
        self._held = held[whole:]
        return held[:whole]

    def flush(self) -> Pcm:
        rest, self._held = self._held, self._held[:0]
        return rest


@dataclass
class FakeEnhancer:
    """Makes sound louder or softer, and remembers its streams."""

    gain: float = 1.0
    streams: list[FakeEnhancerStream] = field(default_factory=list)
    cancels_echo: bool = True

    def stream(
        self,
        rate_hz: int,
        distance: Literal["near_field", "far_field"] | None,
        strength: float = 1.0,
        *,
        cancel_echo: bool = False,
    ) -> FakeEnhancerStream:
        self.streams.append(FakeEnhancerStream(rate_hz, distance, strength, cancel_echo, self.gain))
        return self.streams[-1]

    async def close(self) -> None:
        return


@dataclass
class FakeTranscriber:
    """Hears the scripted texts, one a turn; an exception in the script is raised instead.

    `|` parts the segments of a text. They share the sound evenly, and so do the words of each.
    """

    script: list[str | Exception] = field(default_factory=lambda: ["What is the capital of France?"])
    heard: list[Pcm] = field(default_factory=list)
    gate: asyncio.Event | None = None
    """When given, no transcription goes on before it is set."""
    asked: list[Listening] = field(default_factory=list)
    rate_hz: int = SPEECH_RATE_HZ
    model: str = "fake-ears"
    languages: frozenset[str] = frozenset({"en", "de"})

    async def transcribe(self, speech: Pcm, listening: Listening) -> AsyncGenerator[Segment, None]:
        self.heard.append(speech)
        self.asked.append(listening)
        said = self.script[min(len(self.heard), len(self.script)) - 1]
        if self.gate:
            await self.gate.wait()
        if isinstance(said, Exception):
            raise said
        texts = said.split("|")
        each_s = len(speech) / self.rate_hz / len(texts)
        for index, text in enumerate(texts):
            if text:
                text = f" {text}" if index else text
                yield _segment(text, index * each_s, (index + 1) * each_s, listening)

    async def close(self) -> None:
        return


def _segment(text: str, start_s: float, end_s: float, listening: Listening) -> Segment:
    spoken = text.split()
    each_s = (end_s - start_s) / max(1, len(spoken))
    words = tuple(
        Word(
            text=f" {word}" if index or text.startswith(" ") else word,
            start_s=start_s + index * each_s,
            end_s=start_s + (index + 1) * each_s,
            log_probability=-0.1,
        )
        for index, word in enumerate(spoken)
    )
    return Segment(
        text=text,
        start_s=start_s,
        end_s=end_s,
        log_probability=-0.1,
        words=words if listening.words else (),
        language=listening.language,
    )


@dataclass
class FakeChat:
    """Answers with the scripted texts, one an answer, word by word; parts in the script are given as they are.

    Calls that nothing has cut short are whole at the end, unless the script says itself which are.
    """

    script: list[str | tuple[AnswerPart, ...] | Exception] = field(
        default_factory=lambda: ["Paris. It lies on the Seine."]
    )
    prompts: list[Prompt] = field(default_factory=list)
    gate: asyncio.Event | None = None
    """When given, an answer stops after its first word, or part, until it is set."""
    stopped: int = 0
    """Answers that were broken off before their end."""
    fails: Exception | None = None
    """When given, raised in place of an answer's second word, or part."""
    reason: str = "stop"
    """How an answer ends; `stop` is `tool_calls` for one that calls something."""
    model: str = "fake-mind"
    abilities: frozenset[Ability] = frozenset(get_args(Ability)) - {"reading_ahead"}

    async def answer(self, prompt: Prompt) -> AsyncGenerator[AnswerPart, None]:
        self.prompts.append(prompt)
        said = self.script[min(len(self.prompts), len(self.script)) - 1]
        if isinstance(said, Exception):
            raise said
        parts = _words(said) if isinstance(said, str) else said
        try:
            for part in parts:
                yield part
                if self.gate:
                    await self.gate.wait()
                if self.fails:
                    raise self.fails
                await asyncio.sleep(0)
        except (GeneratorExit, asyncio.CancelledError):
            self.stopped += 1
            raise
        begun = dict.fromkeys(part.index for part in parts if isinstance(part, ToolCallPart))
        reason = "tool_calls" if begun and self.reason == "stop" else self.reason
        if reason == "tool_calls" and not any(isinstance(part, CallWhole) for part in parts):
            for index in begun:
                yield CallWhole(index=index)
        yield Finish(reason=reason, prompt_tokens=12, cached_tokens=5, completion_tokens=len(parts))  # type: ignore[arg-type]

    async def close(self) -> None:
        return


def _words(text: str) -> tuple[AnswerPart, ...]:
    return tuple(Token(f" {word}" if index else word) for index, word in enumerate(text.split(" ")))


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


@dataclass
class FakeSpeechStream:
    """One conversation with `FakeSpeechToSpeech`."""

    engine: FakeSpeechToSpeech
    asked: list[tuple[Manner, tuple[Message, ...], Audio | None]] = field(default_factory=list)
    alive: bool = True
    running: bool = False
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    """Set it, and the conversation is over."""

    async def ready(self) -> bool:
        return self.alive

    async def run(self) -> None:
        self.running = True
        try:
            await self.lost.wait()
        finally:
            self.alive = self.running = False

    async def answer(
        self, manner: Manner, said: tuple[Message, ...], sound: Audio | None
    ) -> AsyncGenerator[SpokenPart, None]:
        engine = self.engine
        self.asked.append((manner, said, sound))
        answer = engine.script[min(engine.answers, len(engine.script) - 1)]
        engine.answers += 1
        parts = engine.says(answer) if isinstance(answer, str) else answer
        try:
            for part in parts:
                if isinstance(part, Exception):
                    self.alive = False
                    raise part
                yield part
                if engine.gate:
                    await engine.gate.wait()
                await asyncio.sleep(0)
        except (GeneratorExit, asyncio.CancelledError):
            engine.stopped += 1
            raise
        calls = any(isinstance(part, ToolCallPart) for part in parts)
        yield Finish(reason="tool_calls" if calls else "stop", prompt_tokens=12, completion_tokens=len(parts))


@dataclass
class FakeSpeechToSpeech:
    """Says the scripted texts, one an answer, each word with its sound; parts in the script are given as they are.

    An exception in them is raised, and ends the conversation.
    """

    script: list[str | tuple[SpokenPart | Exception, ...]] = field(default_factory=lambda: ["Paris. It lies there."])
    streams: list[FakeSpeechStream] = field(default_factory=list)
    gate: asyncio.Event | None = None
    """When given, an answer stops after its first part until it is set."""
    answers: int = 0
    stopped: int = 0
    """Answers that were broken off before their end."""
    ms_per_letter: float = 50.0
    rate_hz: int = 24_000
    model: str = "fake-person"
    voices: tuple[str, ...] = ("heart",)
    abilities: frozenset[Ability] = frozenset({"tools"})

    def says(self, text: str) -> tuple[SpokenPart, ...]:
        said: list[SpokenPart] = []
        for word in _words(text):
            assert isinstance(word, Token)
            said += [word, Audio(voice(len(word.text) * self.ms_per_letter, self.rate_hz), self.rate_hz)]
        return tuple(said)

    def stream(self) -> FakeSpeechStream:
        self.streams.append(FakeSpeechStream(self))
        return self.streams[-1]

    async def close(self) -> None:
        return


def fake_engines(
    *,
    turn_detector: FakeTurnDetector | None = None,
    enhancer: FakeEnhancer | None = None,
    transcriber: FakeTranscriber | None = None,
    chat: Chat | None = None,
    synthesizer: FakeSynthesizer | None = None,
    speech_to_speech: SpeechToSpeech | None = None,
) -> Engines:
    """Fakes, those given and defaults for the rest."""
    return Engines(
        detector=FakeDetector(),
        turn_detector=turn_detector or FakeTurnDetector(),
        enhancer=enhancer or FakeEnhancer(),
        transcriber=transcriber or FakeTranscriber(),
        chat=chat or FakeChat(),
        synthesizer=synthesizer or FakeSynthesizer(),
        speech_to_speech=speech_to_speech,
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
