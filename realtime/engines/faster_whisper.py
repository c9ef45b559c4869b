"""Whisper by faster-whisper on CTranslate2: speech into words."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Literal

import numpy as np
from faster_whisper import WhisperModel

from realtime.audio import SPEECH_RATE_HZ, Pcm, ms_to_samples
from realtime.engines.base import Listening, Segment
from realtime.engines.registry import Options, Workshop
from realtime.engines.scheduler import Scheduler
from realtime.errors import EngineFailed

SHORTEST_MS = 100
"""Less holds no word, and Whisper invents one."""


class FasterWhisperOptions(Options):
    """`[transcriber]` with `engine = "faster-whisper"`."""

    model: str = "whisper-tiny.en"
    """Name in the catalogue, or the path of a CTranslate2 model folder."""
    device: Literal["cpu", "cuda", "auto"] = "cpu"
    compute_type: str = "int8"
    beam_size: int = 5


class FasterWhisper:
    """A `Transcriber`."""

    rate_hz = SPEECH_RATE_HZ

    def __init__(self, whisper: WhisperModel, options: FasterWhisperOptions, scheduler: Scheduler) -> None:
        self.model = options.model
        self._whisper = whisper
        self._options = options
        self._scheduler = scheduler

    async def transcribe(self, speech: Pcm, listening: Listening) -> AsyncGenerator[Segment, None]:
        """The segments of `speech`, shape (n,) at 16 kHz, as they come. Cancelling abandons the step that runs.

        Raises `EngineFailed` for a language the model does not know.
        """
        if len(speech) < ms_to_samples(SHORTEST_MS, self.rate_hz):
            return
        steps = self._scheduler.steps(self._segments(speech, listening), listening.urgency)
        async with aclosing(steps):
            async for segment in steps:
                yield segment

    async def close(self) -> None:
        """Nothing to give back before the process ends."""

    def _segments(self, speech: Pcm, listening: Listening) -> Iterator[Segment]:
        try:
            found, _ = self._whisper.transcribe(
                speech,
                language=listening.language if self._whisper.model.is_multilingual else "en",
                initial_prompt=listening.prompt or None,
                beam_size=self._options.beam_size,
                # Each fallback decodes everything again: one is worth it for speech that came out as repetition.
                temperature=[0.0, 0.4],
                best_of=1,
                condition_on_previous_text=False,
                without_timestamps=True,
            )
            for segment in found:
                yield Segment(
                    text=segment.text,
                    start_s=segment.start,
                    end_s=segment.end,
                    log_probability=segment.avg_logprob,
                )
        except (ValueError, RuntimeError) as problem:
            raise EngineFailed(f"transcription with {self.model!r} failed: {problem}") from problem


def open_faster_whisper(workshop: Workshop) -> FasterWhisper:
    """Load and warm up."""
    options = workshop.read_options(FasterWhisperOptions, "faster-whisper")
    folder = Path(options.model).expanduser()
    whisper = WhisperModel(
        str(folder if folder.is_dir() else workshop.model_path(options.model)),
        device=options.device,
        compute_type=options.compute_type,
        cpu_threads=workshop.threads,
        num_workers=workshop.scheduler.workers,
    )
    engine = FasterWhisper(whisper, options, workshop.scheduler)
    list(engine._segments(np.zeros(SPEECH_RATE_HZ, np.float32), Listening()))
    return engine
