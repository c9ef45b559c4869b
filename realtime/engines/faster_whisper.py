"""Whisper by faster-whisper on CTranslate2: speech into words.

Measured on five human clips of 3-7 s with tiny.en, int8, one thread: the encoder takes most of the time, always that of
a full window of 30 s, so a beam of 5 costs 5-25 % more than a beam of 1 and makes half its errors (2.9 % of the words,
as plain faster-whisper, against 5.7 %). A second thread won nothing worth having.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from logging import WARNING, getLogger
from typing import Annotated, Any, Literal

import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.transcribe import Segment as Found
from msgspec import Meta

from realtime.audio import SPEECH_RATE_HZ, Pcm, ms_to_samples
from realtime.engines.base import Listening, Segment
from realtime.engines.registry import Options, Workshop
from realtime.engines.scheduler import Scheduler
from realtime.errors import BadConfiguration, EngineFailed, ModelUnavailable

WINDOW_SAMPLES = 30 * SPEECH_RATE_HZ
"""What Whisper hears at once."""

SHORTEST_MS = 100
"""Less holds no word, and Whisper invents one."""

NO_SPEECH = 0.6
"""Above it nothing was said, however sure Whisper is of the words: of half a minute of silence it is sure that it says
"you". Silence, hum, clicks and noise of any colour measured 0.81-0.96, words cut off after 0.3 s (and always misheard)
0.64-0.81, single words 0.05-0.40, sentences 0.02-0.14, or 0.37 when as quiet as -50 dB."""

TEMPERATURES = (0.0, 0.4)
"""What came out as repetition or nonsense is tried once more. Whisper's own ladder has five more rungs, each a decoding
of its own; on noisy and on reversed speech it never took one of them."""

TOKENS_PER_SECOND = 12
SPARE_TOKENS = 40
MOST_TOKENS = 200
"""What anybody can say in English; a model that repeats itself would go on to 448. With a prompt they fit together."""


class FasterWhisperOptions(Options):
    """`[transcriber]` with `engine = "faster-whisper"`."""

    model: str = "whisper-tiny.en"
    """Name in the catalogue, or the absolute path of a CTranslate2 model folder."""
    device: Literal["cpu", "cuda", "auto"] = "cpu"
    compute_type: str = "int8"
    beam_size: Annotated[int, Meta(ge=1, le=20)] = 5


class FasterWhisper:
    """The shared model. As many transcriptions run at once as the scheduler has threads."""

    rate_hz = SPEECH_RATE_HZ

    def __init__(self, whisper: WhisperModel, options: FasterWhisperOptions, scheduler: Scheduler) -> None:
        self.model = options.model
        self._whisper = whisper
        self._options = options
        self._scheduler = scheduler

    async def transcribe(self, speech: Pcm, listening: Listening) -> AsyncGenerator[Segment, None]:
        """The segments of `speech`, shape (n,) at 16 kHz, as they come; what is no speech has none.

        Cancelling, or closing it, abandons the window that is being heard; its thread is free when that is over.
        Raises `EngineBusy` from the scheduler, `EngineFailed` for a language the model does not know.
        """
        if len(speech) < ms_to_samples(SHORTEST_MS, self.rate_hz):
            return
        if len(speech) <= WINDOW_SAMPLES:
            # One turn for all of it: to ask for another only to hear that there is nothing more would cost a place
            # in the line.
            for segment in await self._scheduler.run(lambda: self.hear_turn(speech, listening), listening.urgency):
                yield segment
            return
        steps = self._scheduler.steps(self._hear(speech, listening, {}), listening.urgency)
        async with aclosing(steps):
            async for segment in steps:
                yield segment

    async def close(self) -> None:
        """Nothing to let go before the process ends. Cancelling changes nothing."""

    def hear_turn(self, speech: Pcm, listening: Listening) -> list[Segment]:
        """The segments of at most one window, which is all that most turns need. Blocks."""
        limits: dict[str, Any] = {"without_timestamps": True}
        if not self._whisper.model.is_multilingual:
            seconds = len(speech) / self.rate_hz
            limits["max_new_tokens"] = min(MOST_TOKENS, SPARE_TOKENS + round(TOKENS_PER_SECOND * seconds))
        return list(self._hear(speech, listening, limits))

    def _hear(self, speech: Pcm, listening: Listening, limits: dict[str, Any]) -> Iterator[Segment]:
        """Segment by segment; where speech goes on after a window, its time stamps say where the next one begins."""
        try:
            found, _ = self._whisper.transcribe(
                speech,
                language=listening.language if self._whisper.model.is_multilingual else "en",
                initial_prompt=listening.prompt or None,
                beam_size=self._options.beam_size,
                temperature=TEMPERATURES,
                best_of=1,
                condition_on_previous_text=False,
                **limits,
            )
            yield from (_segment(segment) for segment in found if _is_speech(segment))
        except (ValueError, RuntimeError) as problem:
            raise EngineFailed(f"transcription with {self.model!r} failed: {problem}") from problem


def _is_speech(found: Found) -> bool:
    return found.no_speech_prob < NO_SPEECH and any(character.isalnum() for character in found.text)


def _segment(found: Found) -> Segment:
    return Segment(text=found.text, start_s=found.start, end_s=found.end, log_probability=min(0.0, found.avg_logprob))


def open_faster_whisper(workshop: Workshop) -> FasterWhisper:
    """Load the model and hear a second of nothing."""
    options = workshop.read_options(FasterWhisperOptions, "faster-whisper")
    folder = workshop.find_model(options.model)
    getLogger("faster_whisper").setLevel(WARNING)  # a line for every turn otherwise
    try:
        whisper = WhisperModel(
            str(folder),
            device=options.device,
            compute_type=options.compute_type,
            cpu_threads=workshop.threads,
            num_workers=workshop.scheduler.workers,
            local_files_only=True,
        )
    except ValueError as problem:
        raise BadConfiguration(f"options of engine 'faster-whisper': {problem}") from problem
    except RuntimeError as problem:
        raise ModelUnavailable(f"{folder} is not a Whisper model for CTranslate2: {problem}") from problem
    engine = FasterWhisper(whisper, options, workshop.scheduler)
    engine.hear_turn(np.zeros(SPEECH_RATE_HZ, np.float32), Listening())
    return engine
