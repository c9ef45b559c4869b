"""Transforms that are easily told, and what clients of a stream send."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from realtime.audio import Pcm
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.premises import Premises
from realtime.engines.transform import Frames, Params
from realtime.params import read_params
from tests.backend.rooms import premises_of

Config = pb.AudioTransformStreamConfig
Request = pb.AudioTransformFrameRequest


class MarkingParams(Params):
    """How it marks."""

    gain: float = 0.5
    delay: int = 0


class MarkingStream:
    """Gives each frame back, softer, with the reference added, and perhaps late. It waits where it is told to."""

    def __init__(self, maker: Marking, frames: Frames, params: MarkingParams) -> None:
        self.rate_hz = frames.rate_hz
        self.delay_samples = params.delay
        self._maker = maker
        self._frames = frames
        self._gain = np.float32(params.gain)
        self._held: Pcm = np.zeros(params.delay, np.float32)

    async def push(self, pcm: Pcm, reference: Pcm | None = None) -> Pcm:
        assert len(pcm) == self._frames.samples
        self._maker.pushed += 1
        await self._maker.open.wait()
        held = np.concatenate((self._held, pcm * self._gain if reference is None else pcm * self._gain + reference))
        made, self._held = held[: len(pcm)], held[len(pcm) :]
        return made


class Marking:
    """Makes such streams, and remembers how they were asked for."""

    name = "webrtc"
    default_rate_hz = 16_000

    def __init__(self) -> None:
        self.asked: list[Frames] = []
        self.pushed = 0
        """Frames, by all streams together."""
        self.open = asyncio.Event()
        """Frames wait for it."""
        self.open.set()

    async def stream(self, frames: Frames, params: Mapping[str, str]) -> MarkingStream:
        chosen = read_params(params, MarkingParams, "params")
        self.asked.append(frames)
        return MarkingStream(self, frames, chosen)

    async def close(self) -> None: ...


def config(**fields: object) -> pb.AudioTransformFrameRequest:
    """What begins a stream: 16-bit samples, unless something else is said."""
    return Request(config=Config(**{"sample_format": Config.S16_LE, **fields}))  # type: ignore[arg-type]


def frame(value: float = 0.0, samples: int = 160, reference: float | None = None) -> pb.AudioTransformFrameRequest:
    """16-bit samples, all of one value."""

    def written(value: float) -> bytes:
        return np.full(samples, round(value * 32768), "<i2").tobytes()

    return Request(
        frame=pb.AudioTransformFrame(
            audio_pcm=written(value), reference_pcm=b"" if reference is None else written(reference)
        )
    )


def values(responses: list[pb.AudioTransformFrameResponse]) -> list[float]:
    """The one value of each frame."""
    frames = [np.frombuffer(response.pcm, "<i2") / 32768 for response in responses]
    assert all(each.min() == each.max() for each in frames)
    return [float(each[0]) for each in frames]


def premises_marking(marking: Marking | None = None, *directories: Path) -> Premises:
    """Premises on which "webrtc" is `marking`, and files may lie in these directories."""
    return premises_of(None, *directories, on_demand={"webrtc": lambda: marking or Marking()})
