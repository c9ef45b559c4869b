"""What a model can do, in this project's own words.

Four small protocols: a `Detector` says how likely a window of sound is speech, a `Transcriber` turns speech into
words, a `Chat` model answers, a `Synthesizer` speaks. An engine object is immutable once open and shared by every
conversation; whatever recurs lives in a stream or in one call. Engines are opened by functions found through entry
points (`registry`), so a third party's engine comes in by the same door as the built-in ones.

An engine raises `EngineFailed` when its work fails. Cancelling a call or closing its generator frees whatever the call
held; weights stay loaded.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Literal, Protocol, TypeAlias

from realtime.audio import Audio, Pcm


class Urgency(IntEnum):
    """Who goes first when engines are short of threads; the smallest first."""

    FINAL = 0
    """Somebody is waiting for it now: the last transcript of a turn, the voice of a reply."""
    SPECULATIVE = 1
    """Likely to be needed soon: a reply to a turn that has probably ended."""
    PARTIAL = 2
    """Nice to have: words shown while the user still speaks."""


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


# --- what was said? ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """How to listen: hints for one transcription."""

    language: str | None = None
    """ISO-639-1 code, or None to let the engine decide."""
    prompt: str = ""
    """Words likely to occur, or text that came before."""
    urgency: Urgency = Urgency.FINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of speech put into words. Segments of one transcription follow one another in time."""

    text: str
    """With the blank before it where it continues a sentence, so that segments can be joined as they are."""
    start_s: float
    end_s: float
    log_probability: float
    """Mean natural logarithm of the tokens' probabilities, ≤ 0."""


class Transcriber(Protocol):
    """Speech into words."""

    @property
    def rate_hz(self) -> int: ...

    @property
    def model(self) -> str: ...

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
class Message:
    """One entry of a conversation as a chat model reads it."""

    role: Literal["system", "user", "assistant", "tool"]
    text: str
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

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    """`auto`, `none`, `required`, or the name of the one function to call."""
    max_tokens: int | None = None
    temperature: float | None = None
    urgency: Urgency = Urgency.FINAL


@dataclass(frozen=True, slots=True)
class Token:
    """The next piece of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallPart:
    """The next piece of a tool call: the first of an `index` has id and name, later ones add arguments."""

    index: int
    call_id: str | None = None
    name: str | None = None
    arguments: str = ""


FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """How the answer ended; always the last part."""

    reason: FinishReason
    prompt_tokens: int = 0
    cached_tokens: int = 0
    """Of the prompt's tokens, those that were not evaluated again."""
    completion_tokens: int = 0


AnswerPart: TypeAlias = Token | ToolCallPart | Finish


class Chat(Protocol):
    """A language model that answers."""

    @property
    def model(self) -> str: ...

    def answer(self, prompt: Prompt) -> AsyncGenerator[AnswerPart, None]:
        """The answer as it is written, closed by one `Finish`. Closing the generator stops the writing at once."""
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
