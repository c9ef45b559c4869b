"""What a model can do, in this project's own words.

Small protocols: a `Detector` says how likely a window of sound is speech, a `TurnDetector` how likely the speaker has
finished, an `Enhancer` takes noise out of the sound, a `Transcriber` turns speech into words, a `Chat` model answers, a
`Synthesizer` speaks. An engine object is immutable once open and shared by every conversation; whatever recurs lives in
a stream or in one call. Engines are opened by functions found through entry points (`registry`), so a third party's
engine comes in by the same door as the built-in ones.

An engine raises `EngineFailed` when its work fails. Cancelling a call or closing its generator frees whatever the call
held; weights stay loaded.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Literal, Protocol, TypeAlias

from realtime.audio import Audio, Pcm
from realtime.engines.heard import Segment as Segment
from realtime.engines.heard import Word as Word
from realtime.engines.sampling import Effort, Likelihood, Sampling, Truncation


class Urgency(IntEnum):
    """Who goes first when engines are short of threads; the smallest first."""

    FINAL = 0
    """Somebody is waiting for it now: the last transcript of a turn, the voice of a reply."""
    SPECULATIVE = 1
    """Likely to be needed soon: a reply to a turn that has probably ended."""
    PARTIAL = 2
    """Nice to have: words shown while the user still speaks."""
    UNATTENDED = 3
    """Asked by a program, with nobody on the line: whatever a conversation wants goes first, even what it may want in
    vain, for a moment's silence is heard and a call that takes a little longer is not."""


# --- is this speech? ---------------------------------------------------------------------------------------------


class DetectorStream(Protocol):
    """One listener's recurrent state."""

    def probability(self, window: Pcm) -> float:
        """How likely `window` is speech, 0 to 1.

        `window` is exactly `window_samples` long, and windows must come in order. Runs inline, on the event loop:
        an implementation that needs more than a millisecond has to be a different kind of engine.
        """
        ...


class Detector(Protocol):
    """A voice activity detector."""

    @property
    def rate_hz(self) -> int: ...

    @property
    def window_samples(self) -> int: ...

    def stream(self) -> DetectorStream:
        """A new listener, with state of its own."""
        ...

    async def close(self) -> None: ...


# --- has the speaker finished? -----------------------------------------------------------------------------------


class TurnDetector(Protocol):
    """Hears whether somebody who has paused is done or will go on."""

    @property
    def rate_hz(self) -> int: ...

    @property
    def window_ms(self) -> int:
        """How much of a turn's end it listens to. What came before may be left out."""
        ...

    async def completeness(self, turn: Pcm) -> float:
        """How likely the speaker has finished, 0 to 1.

        `turn` is what was said so far and the silence after it, shape (n,) at `rate_hz`. Somebody waits for the answer:
        it is wanted in less time than a pause takes. Cancelling withdraws the question.
        """
        ...

    async def close(self) -> None: ...


# --- clean sound -------------------------------------------------------------------------------------------------


class EnhancerStream(Protocol):
    """One microphone's state. What comes out is in step with what went in: sample for sample, nothing moved.

    Runs inline, on the event loop: at most a hundredth of the sound's own time, and while there is an echo to be taken
    out two hundredths more.
    """

    def push(self, pcm: Pcm, reference: Pcm | None = None) -> Pcm:
        """The next sound, shape (n,) for any n, cleaned; up to 32 ms of it comes with the next push.

        `reference` is as long: what was played when `pcm` was heard. Its echo comes then, or up to 300 ms later. None
        is silence.
        """
        ...

    def flush(self) -> Pcm:
        """What is still inside: as many samples have come out as ever went in. More may be pushed afterwards."""
        ...


class Enhancer(Protocol):
    """Takes noise out of a microphone's sound, and the echo of a loudspeaker's."""

    @property
    def cancels_echo(self) -> bool:
        """Whether it can."""
        ...

    def stream(
        self,
        rate_hz: int,
        distance: Literal["near_field", "far_field"] | None,
        strength: float = 1.0,
        *,
        cancel_echo: bool = False,
    ) -> EnhancerStream:
        """A new microphone: a headset's (near) or a room's (far). Of the noise, `strength` (0 to 1) is taken out.

        With a distance of None the noise stays. The echo goes if `cancel_echo` is set: only where `cancels_echo`.
        """
        ...

    async def close(self) -> None: ...


# --- what was said? ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """How to listen: hints for one transcription."""

    language: str | None = None
    """ISO-639-1 code, or None to let the engine decide."""
    languages: tuple[str, ...] = ()
    """The only languages, by ISO-639-1 code, that may be spoken; none named is any."""
    prompt: str = ""
    """Text that came before, or that the speech resembles."""
    keywords: tuple[str, ...] = ()
    """Words and names likely to occur."""
    words: bool = False
    """Whether segments should come with their words, which costs time."""
    timestamps: bool = False
    """Whether segments should be a sentence or so long, with times that were listened for, which costs time."""
    translate: bool = False
    """Whether the words are wanted in English, whatever is spoken. `NotServed` by an engine that cannot."""
    temperature: float = 0.0
    """0 is the likeliest words; the higher, up to 1, the more is left to chance."""
    urgency: Urgency = Urgency.FINAL


class Transcriber(Protocol):
    """Speech into words."""

    @property
    def rate_hz(self) -> int: ...

    @property
    def model(self) -> str: ...

    @property
    def languages(self) -> frozenset[str]:
        """ISO-639-1 codes of the languages it understands."""
        ...

    def transcribe(self, speech: Pcm, listening: Listening) -> AsyncGenerator[Segment, None]:
        """The segments of `speech` (at `rate_hz`), each as soon as it is final. Silence yields none."""
        ...

    async def close(self) -> None: ...


# --- what to answer? ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A function the model wants called."""

    call_id: str
    name: str
    arguments: str
    """JSON text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A picture."""

    url: str
    """A `data:` URL with the picture in it, or an address that the model can fetch."""
    detail: Literal["auto", "low", "high"] = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One entry of a conversation as a chat model reads it."""

    role: Literal["system", "user", "assistant", "tool"]
    text: str
    images: tuple[Image, ...] = ()
    """What the user shows; only with role `user`, and only for a model that sees."""
    tool_calls: tuple[ToolCall, ...] = ()
    """What the assistant wanted called; only with role `assistant`."""
    call_id: str | None = None
    """Which call this is the result of; only with role `tool`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A function the model may ask for."""

    name: str
    description: str
    parameters: dict[str, Any] = field(default_factory=dict)
    """JSON schema of the arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """All that a chat model is given."""

    messages: tuple[Message, ...] = ()
    text: str | None = None
    """In place of messages and tools: what it goes on with, word by word. Only for a model that completes."""
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    """`auto`, `none`, `required`, or the name of the one function to call."""
    parallel_tool_calls: bool = True
    """Whether one answer may ask for several calls."""
    max_tokens: int | None = None
    temperature: float | None = None
    effort: Effort | None = None
    """How long to think before answering; only for a model that reasons."""
    thoughts: bool = False
    """Whether it may think before it answers, and its thoughts are wanted."""
    sampling: Sampling = field(default_factory=Sampling)
    truncation: Truncation = field(default_factory=Truncation)
    urgency: Urgency = Urgency.FINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """The prompt has been read: comes once, before anything is written, from engines that can tell."""

    prompt_tokens: int
    cached_tokens: int
    """Of the prompt's tokens, those that were not evaluated again."""


@dataclass(frozen=True, slots=True)
class Token:
    """The next piece of the answer's text."""

    text: str
    likelihoods: tuple[Likelihood, ...] = ()
    """Of the tokens it is made of, if they were asked for."""


@dataclass(frozen=True, slots=True)
class Thought:
    """The next piece of what is thought before the answer, if thoughts were asked for."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallPart:
    """The next piece of a tool call: the first of an `index` has id and name, later ones add arguments.

    Pieces of several calls may take turns.
    """

    index: int
    call_id: str | None = None
    name: str | None = None
    arguments: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallWhole:
    """Nothing more comes of a tool call, and it can be made: its arguments are a JSON object that its tool's schema
    allows. A call that is cut short, or that no tool understands, never gets this far.
    """

    index: int


FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """How the answer ended; always the last part."""

    reason: FinishReason
    prompt_tokens: int = 0
    cached_tokens: int = 0
    """Of the prompt's tokens, those that were not evaluated again."""
    completion_tokens: int = 0
    reading_ms: float = 0.0
    """What it took to read what was not cached, and then to write; 0 where the engine cannot tell."""
    writing_ms: float = 0.0


AnswerPart: TypeAlias = Read | Token | Thought | ToolCallPart | CallWhole | Finish

Ability: TypeAlias = Literal["images", "reasoning", "tools", "counting", "reading_ahead", "completing", "grammar"]
"""What not every language model can do: see pictures, think first, call functions, count tokens for `Truncation`,
remember what it has read so that reading a prompt's beginning before its end is known pays, go on with a text that is
no conversation, write by a grammar."""


class Chat(Protocol):
    """A language model that answers."""

    @property
    def model(self) -> str: ...

    @property
    def abilities(self) -> frozenset[Ability]:
        """What it can do beside answering in words; it is not asked for more."""
        ...

    def answer(self, prompt: Prompt) -> AsyncGenerator[AnswerPart, None]:
        """The answer as it is written, closed by one `Finish`. Closing the generator stops the writing at once.

        Raises `EngineFailed` also for a call that none of the prompt's tools understands.
        """
        ...

    async def close(self) -> None: ...


# --- say it ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaking:
    """How to speak."""

    voice: str | None = None
    """One of the engine's voices; None for its first."""
    speed: float = 1.0
    """1.0 is the voice's own pace; 0.25 to 1.5."""
    urgency: Urgency = Urgency.FINAL


class Synthesizer(Protocol):
    """Text into voice."""

    @property
    def rate_hz(self) -> int: ...

    @property
    def model(self) -> str: ...

    @property
    def voices(self) -> tuple[str, ...]: ...

    def speak(self, text: str, speaking: Speaking) -> AsyncGenerator[Audio, None]:
        """`text` as sound, in pieces as soon as they are ready. Text with nothing to say yields none."""
        ...

    async def close(self) -> None: ...
