"""The voice encoder of VoiceFilter: an LSTM that hears 0.8 s at a time and says where in 256 dimensions the voice lies.

A clip is heard in windows that overlap by half; its voiceprint is the direction of their mean. The preparation is the
one the model was trained with, 40 bands of decades with a floor of 1e-6, and before it the sound is brought to one
loudness: the floor makes a soft voice look like another person's. 7-12 ms a window on one thread, of 16 at once.

How well it tells people apart, and where the thresholds come from: docs/benchmarks.md, "Whose voice it is".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import aclosing
from typing import Annotated, TypeAlias

import numpy as np
import onnxruntime
from msgspec import Meta
from numpy.lib.stride_tricks import sliding_window_view

from realtime.audio import SPEECH_RATE_HZ, Pcm, ms_to_samples
from realtime.engines.base import Urgency
from realtime.engines.mel_bands import mel_bands
from realtime.engines.onnx import open_session
from realtime.engines.registry import Options, Workshop
from realtime.engines.scheduler import Scheduler
from realtime.engines.speaker import Points, Voiceprint, direction
from realtime.errors import EngineFailed, InvalidRequest, ModelUnavailable

BANDS = 40
FRAME_SAMPLES = 512
TAPER_SAMPLES = 400
HOP_SAMPLES = 160
FLOOR = 1e-6

WINDOW_FRAMES = 80
STRIDE_FRAMES = 40

BATCH = 16
"""Windows that the model hears at once: half as much work for each as alone, and 0.1 s to wait for others."""

SHORTEST_MS = 400
"""Half a window. The model is given what is shorter than a whole one twice."""

LOUDNESS = 0.06
"""Root of the mean square to which sound is brought: 24 dB below full scale, as speech is usually recorded."""

_SILENT = 1e-5

_BANDS = mel_bands(BANDS, FRAME_SAMPLES, SPEECH_RATE_HZ)
_TAPER = np.pad(np.hamming(TAPER_SAMPLES + 1)[:-1], (FRAME_SAMPLES - TAPER_SAMPLES) // 2).astype(np.float32)


Distance: TypeAlias = Annotated[float, Meta(gt=0, le=2)]


class VoicefilterOptions(Options):
    """What can be configured."""

    model: str = "voicefilter-embedder"
    same_below: Distance = 0.35
    """Cosine distance below which two clips are one person's."""
    same_group_below: Distance = 0.5
    """Mean cosine distance below which two groups of short windows are one person's."""


class Voicefilter:
    """The shared weights; nothing recurs, every clip stands by itself."""

    rate_hz = SPEECH_RATE_HZ

    def __init__(
        self, session: onnxruntime.InferenceSession, options: VoicefilterOptions, scheduler: Scheduler
    ) -> None:
        self._session = session
        self._scheduler = scheduler
        self.model = options.model
        self.same_below = options.same_below
        self.same_group_below = options.same_group_below

    async def encode(self, speech: Pcm) -> Voiceprint:
        """Whose voice `speech` is, shape (n,) at 16 kHz, as a point in 256 dimensions.

        Raises `InvalidRequest` for sound that is shorter than `SHORTEST_MS`, or silent, `EngineBusy` from the
        scheduler. Cancelling withdraws the question, or abandons the answer if the model is at it.
        """
        [voiceprint] = await self.encode_each([speech])
        return voiceprint

    async def encode_each(self, clips: Sequence[Pcm]) -> list[Voiceprint]:
        """The same for each of `clips`."""
        counts: list[int] = []
        async with aclosing(self._scheduler.steps(self._points(clips, counts), Urgency.UNATTENDED)) as steps:
            points = [some async for some in steps]
        ends = np.cumsum(counts)[:-1]
        return [direction(of_one.mean(axis=0)) for of_one in np.split(np.concatenate(points), ends)] if points else []

    def _points(self, clips: Sequence[Pcm], counts: list[int]) -> Iterator[Points]:
        """Where the voice lies in each window, `BATCH` windows at a time; `counts` gets how many each clip has."""
        held: list[Points] = []
        for clip in clips:
            windows = cut(clip)
            counts.append(len(windows))
            held.extend(windows)
            while len(held) >= BATCH:
                yield self._hear(np.stack(held[:BATCH]))
                del held[:BATCH]
        if held:
            yield self._hear(np.stack(held))

    def _hear(self, windows: Points) -> Points:
        try:
            [found] = self._session.run(None, {"mel_window": windows})
        except Exception as problem:  # onnxruntime's errors have no common base but this
            raise EngineFailed(f"the voice encoder failed: {type(problem).__name__}") from problem
        points: Points = found / np.linalg.norm(found, axis=1, keepdims=True)
        return points

    def warm_up(self) -> None:
        """Run the model once. Blocks."""
        self._hear(np.zeros((1, WINDOW_FRAMES, BANDS), np.float32))

    async def close(self) -> None:
        """Nothing to let go. Cancelling changes nothing."""


def cut(speech: Pcm) -> Points:
    """`speech` in windows as the model takes them, shape (windows, 80, 40); raises as `encode` does. Blocks."""
    if len(speech) < ms_to_samples(SHORTEST_MS, SPEECH_RATE_HZ):
        raise InvalidRequest(f"a voice cannot be told from less than {SHORTEST_MS} ms of speech")
    frames = spectrum(speech)
    if len(frames) < WINDOW_FRAMES:
        frames = np.resize(frames, (WINDOW_FRAMES, BANDS))  # from its beginning again, until it is as long
    return sliding_window_view(frames, WINDOW_FRAMES, axis=0)[::STRIDE_FRAMES].swapaxes(1, 2)


def spectrum(speech: Pcm) -> Points:
    """How loud each band of `speech` is, in decades, shape (n // 160 + 1, 40), once it is as loud as all speech."""
    loudness = float(np.sqrt(np.mean(speech * speech, dtype=np.float64)))
    if not loudness > _SILENT:  # true also of what is not a number
        raise InvalidRequest("a voice cannot be told from silence")
    framed = sliding_window_view(np.pad(speech, FRAME_SAMPLES // 2, mode="reflect"), FRAME_SAMPLES)[::HOP_SAMPLES]
    found = np.fft.rfft(framed * (_TAPER * np.float32(LOUDNESS / loudness)))
    power = (found.real**2 + found.imag**2).astype(np.float32)
    decades: Points = np.log10(power @ _BANDS + FLOOR)
    return decades


def open_voicefilter(workshop: Workshop) -> Voicefilter:
    """Load the model and run it once."""
    options = workshop.read_options(VoicefilterOptions, "voicefilter")
    path = workshop.find_model(options.model)
    session = open_session(path, workshop.threads)
    if [(tensor.name, tensor.shape[1:]) for tensor in session.get_inputs()] != [("mel_window", [WINDOW_FRAMES, BANDS])]:
        raise ModelUnavailable(f"{path} is not the voice encoder of VoiceFilter")
    voicefilter = Voicefilter(session, options, workshop.scheduler)
    voicefilter.warm_up()
    return voicefilter
