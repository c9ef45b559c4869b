"""Whisper by faster-whisper on CTranslate2: speech into words.

Whisper was trained on half a minute, and to encode that, of which most is padding, would take most of the time of a
turn. It hears as little as will do instead, and more only in doubt (`whisper_effort`): through a short window, encoded
once, first greedily and then with a beam, then through a longer window, then through the full one. docs/benchmarks.md
has what each step costs and how often it is wrong; `bench/transcription.py` measures it. A second thread won nothing
worth having, and numpy's own cost much: its product of the spectrum and the bands took 23 ms of processor time, most of
it waiting for its threads, and 5 ms on one.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from itertools import takewhile
from logging import WARNING, getLogger
from math import log
from threading import Event
from typing import Annotated, Any, Literal

import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.transcribe import Segment as WhisperSegment
from faster_whisper.transcribe import Word as WhisperWord
from msgspec import Meta
from threadpoolctl import threadpool_limits

from realtime.audio import SPEECH_RATE_HZ, Pcm, ms_to_samples
from realtime.engines.base import Listening, Segment, Urgency, Word
from realtime.engines.registry import Options, Workshop
from realtime.engines.scheduler import Scheduler
from realtime.engines.whisper_effort import WINDOW_FRAMES, Effort, Windows, final_efforts, partial_efforts
from realtime.errors import BadConfiguration, EngineFailed, ModelUnavailable, NotServed

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

LEAST_PROBABILITY = 1e-6


class FasterWhisperOptions(Options):
    """`[transcriber]` with `engine = "faster-whisper"`."""

    model: str = "whisper-tiny.en"
    """Name in the catalogue, or the absolute path of a CTranslate2 model folder."""
    device: Literal["cpu", "cuda", "auto"] = "cpu"
    compute_type: str = "int8"
    beam_size: Annotated[int, Meta(ge=1, le=20)] = 5
    """How many hypotheses are followed where following one was not enough, and always in turns of more than 8 s."""
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

        Cancelling, or closing it, abandons the window that is being heard; its thread is free when the decoding that
        runs is over.
        Raises `EngineBusy` from the scheduler, `EngineFailed` for a language the model does not know, `NotServed` for a
        translation by one that knows but one.
        """
        self._check_languages(listening)
        if len(speech) < ms_to_samples(SHORTEST_MS, self.rate_hz):
            return
        if len(speech) <= WINDOW_SAMPLES and not listening.timestamps:
            # One turn for all of it: to ask for another only to hear that there is nothing more would cost a place
            # in the line.
            for segment in await self._hear_turn_unless_cancelled(speech, listening):
                yield segment
            return
        hearing = self._hear(self._whisper, speech, listening, self._options.beam_size)
        steps = self._scheduler.steps(hearing, listening.urgency)
        async with aclosing(steps):
            async for found in steps:
                if found.is_speech:
                    yield found.segment

    async def close(self) -> None:
        """Nothing to let go before the process ends. Cancelling changes nothing."""

    async def _hear_turn_unless_cancelled(self, speech: Pcm, listening: Listening) -> list[Segment]:
        """Cancelling stops between two efforts: what nobody waits for is not worth another."""
        cancelled = Event()
        efforts = takewhile(lambda _: not cancelled.is_set(), self._efforts(len(speech), listening))
        try:
            return await self._scheduler.run(lambda: self.hear_turn(speech, listening, efforts), listening.urgency)
        except CancelledError:
            cancelled.set()
            raise

    def hear_turn(self, speech: Pcm, listening: Listening, efforts: Iterable[Effort] | None = None) -> list[Segment]:
        """The segments of at most one window, which is all that most turns need. Blocks.

        `efforts` are those it may take, until what is heard is believed; none given are those of the options.
        """
        limits: dict[str, Any] = {"without_timestamps": True}
        if not self._whisper.model.is_multilingual:
            seconds = len(speech) / self.rate_hz
            limits["max_new_tokens"] = min(MOST_TOKENS, SPARE_TOKENS + round(TOKENS_PER_SECOND * seconds))
        language = None
        windows = Windows(self._whisper)
        for effort in self._efforts(len(speech), listening) if efforts is None else efforts:
            limits["temperature"] = listening.temperature or (TEMPERATURES if effort.frames == WINDOW_FRAMES else 0.0)
            near = windows.of(effort.frames)
            hearing = self._hear(near, speech, listening, effort.beam_size, language, **limits)
            # Whatever else there may be is the sound behind the last word once more, which holds none.
            found = next(hearing, None)
            if not found or not found.is_speech:
                return []
            if effort.is_enough(found.raw):
                return [found.segment]
            language = found.language
        return []

    def _efforts(self, samples: int, listening: Listening) -> Iterator[Effort]:
        widest = self._options.beam_size
        # The likelihoods by which less effort is believed are those of what was said, in the likeliest words.
        if self._options.window == "full" or listening.translate or listening.temperature:
            return iter([Effort(WINDOW_FRAMES, widest)])
        if listening.urgency is Urgency.PARTIAL:
            return partial_efforts(samples, widest)
        return final_efforts(samples, widest)

    def _hear(
        self,
        whisper: WhisperModel,
        speech: Pcm,
        listening: Listening,
        beam_size: int,
        language: str | None = None,
        **limits: Any,
    ) -> Iterator[_Found]:
        """Segment by segment; where speech goes on after a window, its time stamps say where the next one begins."""
        try:
            segments, about = whisper.transcribe(
                speech,
                language=language or self._language(speech, listening),
                beam_size=beam_size,
                task="translate" if listening.translate else "transcribe",
                best_of=1,
                condition_on_previous_text=False,
                word_timestamps=listening.words,
                **{"temperature": listening.temperature or TEMPERATURES, **self._hints(listening), **limits},
            )
            yield from (_Found(segment, about.language, whisper) for segment in segments)
        except (ValueError, RuntimeError) as problem:
            raise EngineFailed(f"transcription with {self.model!r} failed: {problem}") from problem

    def _check_languages(self, listening: Listening) -> None:
        asked = {*listening.languages, *([listening.language] if listening.language else [])}
        if unknown := sorted(asked - self.languages):
            known = ", ".join(sorted(self.languages)) if len(self.languages) < 10 else f"{len(self.languages)} others"
            raise EngineFailed(f"model {self.model!r} does not understand {', '.join(unknown)}; it knows {known}")
        if listening.translate and not self._whisper.model.is_multilingual:
            raise NotServed(
                f"model {self.model!r} only writes down what is said; a multilingual one translates it "
                "(setting 'transcriber.model', for instance 'whisper-base')"
            )

    def _language(self, speech: Pcm, listening: Listening) -> str | None:
        """The language to take `speech` for, or None to find out."""
        if len(self.languages) == 1:
            return next(iter(self.languages))
        if listening.language or len(listening.languages) < 2:
            return listening.language or next(iter(listening.languages), None)
        _, _, likely = self._whisper.detect_language(speech)
        return next(str(language) for language, _ in likely if language in listening.languages)

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
    whisper: WhisperModel

    @property
    def is_speech(self) -> bool:
        return self.raw.no_speech_prob < NO_SPEECH and any(character.isalnum() for character in self.raw.text)

    @property
    def segment(self) -> Segment:
        return Segment(
            text=self.raw.text,
            start_s=float(self.raw.start),
            end_s=float(self.raw.end),
            log_probability=min(0.0, self.raw.avg_logprob),
            words=self._words() if self.raw.words else (),
            language=self.language,
            tokens=tuple(self.raw.tokens),
        )

    def _words(self) -> tuple[Word, ...]:
        """With their tokens: each is of the word in which it begins, and those of times and the like are of none."""
        raw, vocabulary = self.raw.words or [], self.whisper.hf_tokenizer
        text_ends = vocabulary.token_to_id("<|endoftext|>")
        written = [token for token in self.raw.tokens if token < text_ends]
        # The vocabulary spells bytes, each by a letter of its own, so that a token is as long as what it stands for.
        begins = np.cumsum([0, *(len(vocabulary.id_to_token(token)) for token in written[:-1])])
        ends = np.cumsum([len(word.word.encode()) for word in raw])
        whose = np.minimum(np.searchsorted(ends, begins, side="right"), len(raw) - 1).tolist()
        tokens: list[list[int]] = [[] for _ in raw]
        for token, index in zip(written, whose, strict=False):  # nothing written begins nowhere
            tokens[index].append(token)
        return tuple(_word(word, tuple(its)) for word, its in zip(raw, tokens, strict=True))


def _word(raw: WhisperWord, tokens: tuple[int, ...]) -> Word:
    probability = min(1.0, max(LEAST_PROBABILITY, raw.probability))
    return Word(
        text=raw.word,
        start_s=float(raw.start),
        end_s=float(raw.end),
        log_probability=log(probability),
        tokens=tokens,
    )


def open_faster_whisper(workshop: Workshop) -> FasterWhisper:
    """Load the model and hear a second of nothing."""
    options = workshop.read_options(FasterWhisperOptions, "faster-whisper")
    folder = workshop.find_model(options.model)
    getLogger("faster_whisper").setLevel(WARNING)  # a line for every turn otherwise
    threadpool_limits(1, user_api="blas")  # for the whole process: all products here are small
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
