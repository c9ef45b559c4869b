"""Whisper by faster-whisper on CTranslate2: speech into words.

Whisper was trained on half a minute, and to encode that, of which most is padding, would take most of the time of a
turn: 560 ms of 770 with tiny.en, int8, one thread. Through a window of what was said and 2 s more, 10 s at least, it
takes 73 ms, and as few words are wrong; through one of 8 s it begins to repeat itself. `bench/transcription.py`
measures both, docs/benchmarks.md has the table. A beam of 5 makes half the errors of a beam of 1 for a third more time,
and a second thread won nothing worth having.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from copy import copy
from dataclasses import dataclass
from logging import WARNING, getLogger
from math import log
from typing import Annotated, Any, Literal

import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.transcribe import Segment as WhisperSegment
from faster_whisper.transcribe import Word as WhisperWord
from msgspec import Meta

from realtime.audio import SPEECH_RATE_HZ, Pcm, ms_to_samples
from realtime.engines.base import Listening, Segment, Urgency, Word
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
"""What anybody can say in English; a model that repeats itself would go on to 448."""

HINT_TOKENS = 220
"""Prompt and keywords together: with what is said they fit into 448."""

FRAME_SAMPLES = SPEECH_RATE_HZ // 100
WINDOW_FRAMES = WINDOW_SAMPLES // FRAME_SAMPLES
SHORT_WINDOW_FRAMES = 1000
MARGIN_FRAMES = 200
"""The short window: what was said and 2 s more, and 10 s at least. Below 8 s Whisper begins to repeat itself."""

SURE_LOG_PROBABILITY = -0.6
REPETITIVE = 2.4
"""Through the short window; what is less sure or more repetitive is heard again through the full one."""

PARTIAL_BEAM = 2
"""Drafts of five clips and of a turn of a minute had 1.7 % of their words wrong with it, 1.3 % with a beam of 5, and
6.3 % with one of 1, which was no faster."""

LEAST_PROBABILITY = 1e-6


class FasterWhisperOptions(Options):
    """`[transcriber]` with `engine = "faster-whisper"`."""

    model: str = "whisper-tiny.en"
    """Name in the catalogue, or the absolute path of a CTranslate2 model folder."""
    device: Literal["cpu", "cuda", "auto"] = "cpu"
    compute_type: str = "int8"
    beam_size: Annotated[int, Meta(ge=1, le=20)] = 5
    """Of partial transcripts, which are made again and again, it is at most 2."""
    window: Literal["short", "full"] = "short"
    """Whether the encoder hears no more than was said, or always half a minute."""


class FasterWhisper:
    """The shared model. As many transcriptions run at once as the scheduler has threads."""

    rate_hz = SPEECH_RATE_HZ

    def __init__(self, whisper: WhisperModel, options: FasterWhisperOptions, scheduler: Scheduler) -> None:
        self.model = options.model
        self.languages = frozenset[str](whisper.supported_languages)
        self._whisper = whisper
        self._options = options
        self._scheduler = scheduler

    async def transcribe(self, speech: Pcm, listening: Listening) -> AsyncGenerator[Segment, None]:
        """The segments of `speech`, shape (n,) at 16 kHz, as they come; what is no speech has none.

        Cancelling, or closing it, abandons the window that is being heard; its thread is free when that is over.
        Raises `EngineBusy` from the scheduler, `EngineFailed` for a language the model does not know.
        """
        self._check_languages(listening)
        if len(speech) < ms_to_samples(SHORTEST_MS, self.rate_hz):
            return
        if len(speech) <= WINDOW_SAMPLES:
            # One turn for all of it: to ask for another only to hear that there is nothing more would cost a place
            # in the line.
            for segment in await self._scheduler.run(lambda: self.hear_turn(speech, listening), listening.urgency):
                yield segment
            return
        steps = self._scheduler.steps(self._hear(self._whisper, speech, listening), listening.urgency)
        async with aclosing(steps):
            async for found in steps:
                if found.is_speech:
                    yield found.segment

    async def close(self) -> None:
        """Nothing to let go before the process ends. Cancelling changes nothing."""

    def hear_turn(self, speech: Pcm, listening: Listening) -> list[Segment]:
        """The segments of at most one window, which is all that most turns need. Blocks."""
        limits: dict[str, Any] = {"without_timestamps": True}
        if not self._whisper.model.is_multilingual:
            seconds = len(speech) / self.rate_hz
            limits["max_new_tokens"] = min(MOST_TOKENS, SPARE_TOKENS + round(TOKENS_PER_SECOND * seconds))
        frames = max(SHORT_WINDOW_FRAMES, len(speech) // FRAME_SAMPLES + MARGIN_FRAMES)
        found = None
        if short := self._options.window == "short" and frames < WINDOW_FRAMES:
            near = _through_window(self._whisper, frames)
            found = next(self._hear(near, speech, listening, temperature=0.0, **limits), None)
        if not short or (found and found.is_doubtful):
            found = next(self._hear(self._whisper, speech, listening, **limits), None)
        # Whatever else there may be is the sound behind the last word once more, which holds none.
        return [found.segment] if found and found.is_speech else []

    def _hear(self, whisper: WhisperModel, speech: Pcm, listening: Listening, **limits: Any) -> Iterator[_Found]:
        """Segment by segment; where speech goes on after a window, its time stamps say where the next one begins."""
        try:
            segments, about = whisper.transcribe(
                speech,
                language=self._language(speech, listening),
                beam_size=self._beam_size(listening),
                best_of=1,
                condition_on_previous_text=False,
                word_timestamps=listening.words,
                **{"temperature": TEMPERATURES, **self._hints(listening), **limits},
            )
            yield from (_Found(segment, about.language) for segment in segments)
        except (ValueError, RuntimeError) as problem:
            raise EngineFailed(f"transcription with {self.model!r} failed: {problem}") from problem

    def _check_languages(self, listening: Listening) -> None:
        asked = {*listening.languages, *([listening.language] if listening.language else [])}
        if unknown := sorted(asked - self.languages):
            known = ", ".join(sorted(self.languages)) if len(self.languages) < 10 else f"{len(self.languages)} others"
            raise EngineFailed(f"model {self.model!r} does not understand {', '.join(unknown)}; it knows {known}")

    def _language(self, speech: Pcm, listening: Listening) -> str | None:
        """The language to take `speech` for, or None to find out."""
        if len(self.languages) == 1:
            return next(iter(self.languages))
        if listening.language or len(listening.languages) < 2:
            return listening.language or next(iter(listening.languages), None)
        _, _, likely = self._whisper.detect_language(speech)
        return next(str(language) for language, _ in likely if language in listening.languages)

    def _beam_size(self, listening: Listening) -> int:
        widest = self._options.beam_size
        return min(PARTIAL_BEAM, widest) if listening.urgency is Urgency.PARTIAL else widest

    def _hints(self, listening: Listening) -> dict[str, Any]:
        """Prompt and keywords, of both as much as fits before what is said: of the prompt its end."""
        hints: dict[str, Any] = {}
        room = HINT_TOKENS
        if listening.keywords:
            keywords = self._whisper.hf_tokenizer.encode(" " + ", ".join(listening.keywords), add_special_tokens=False)
            hints["hotwords"] = self._whisper.hf_tokenizer.decode(keywords.ids[: HINT_TOKENS // 2])
            room -= min(len(keywords.ids), HINT_TOKENS // 2)
        if prompt := listening.prompt.strip():
            hints["initial_prompt"] = self._whisper.hf_tokenizer.encode(" " + prompt, add_special_tokens=False).ids[
                -room:
            ]
        return hints


@dataclass(frozen=True, slots=True)
class _Found:
    """What Whisper made of a window or of a part of it."""

    raw: WhisperSegment
    language: str

    @property
    def is_speech(self) -> bool:
        return self.raw.no_speech_prob < NO_SPEECH and any(character.isalnum() for character in self.raw.text)

    @property
    def is_doubtful(self) -> bool:
        """Whether it is speech, but perhaps not what was said."""
        unsure = self.raw.compression_ratio > REPETITIVE or self.raw.avg_logprob < SURE_LOG_PROBABILITY
        return self.is_speech and unsure

    @property
    def segment(self) -> Segment:
        return Segment(
            text=self.raw.text,
            start_s=float(self.raw.start),
            end_s=float(self.raw.end),
            log_probability=min(0.0, self.raw.avg_logprob),
            words=tuple(_word(word) for word in self.raw.words or ()),
            language=self.language,
        )


def _through_window(whisper: WhisperModel, frames: int) -> WhisperModel:
    """The same weights, with an encoder that is given only the first `frames` of the padded window."""
    near = copy(whisper)
    near.encode = lambda features: whisper.encode(features[..., :frames])
    return near


def _word(raw: WhisperWord) -> Word:
    probability = min(1.0, max(LEAST_PROBABILITY, raw.probability))
    return Word(text=raw.word, start_s=float(raw.start), end_s=float(raw.end), log_probability=log(probability))


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
