"""Sound made anew: `AudioTransform` for files, `AudioTransformStream` as it comes.

Which transform, and how, is in `params`: `transform` names one of those that are installed, all others are its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass

import numpy as np

from realtime.audio import HIGHEST_HZ, LOWEST_HZ, Audio, Pcm
from realtime.backend.files import MOST_SAMPLES
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.premises import Premises
from realtime.backend.sound.frames import SampleFormat, find_format
from realtime.codecs.resample import resample
from realtime.engines.base import Urgency
from realtime.engines.registry import installed
from realtime.engines.transform import Frames, Transform, TransformStream
from realtime.errors import InvalidRequest

DEFAULT_TRANSFORM = "webrtc"

FRAMES_PER_S = 100
"""Of streams that do not say how long their frames are."""


@dataclass(frozen=True, slots=True)
class _Configured:
    """A stream from one config to the next."""

    format: SampleFormat
    samples: int
    """In each frame."""
    stream: TransformStream

    async def make(self, frame: pb.AudioTransformFrame) -> bytes:
        """The frame that is due for this one."""
        pcm = self.format.read_frame(frame.audio_pcm, self.samples, "frame.audio_pcm")
        reference: Pcm | None = None
        if frame.reference_pcm:
            reference = self.format.read_frame(frame.reference_pcm, self.samples, "frame.reference_pcm")
        return self.format.write(await self.stream.push(pcm, reference))


class Transforms:
    """Makes sound anew, in frames and in files."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises
        self._known: list[str] = []
        """The names of all transforms, once somebody has asked for one."""

    async def audio_transform(self, request: pb.AudioTransformRequest) -> pb.AudioTransformResult:
        """Make a file's sound anew, sample for sample where it was, and write it into another.

        Raises `InvalidRequest` for parameters, and `NotPermitted` as well for files, that cannot be; nothing is written
        then. Cancelling ends it at the next second of sound, with nothing written.
        """
        files = self._premises.files
        await files.check_writable(request.dst, "dst")
        # What is wrong is said before anything is decoded, which takes time and memory.
        rate_hz = await files.read_rate(request.audio_path, "audio_path")
        _check_rate(rate_hz, "audio_path")
        if request.reference_path:
            await files.read_rate(request.reference_path, "reference_path")
        transform, params = await self._find(request.params)
        # Whoever waits for a file can wait a little longer than whoever is spoken to.
        frames = Frames(rate_hz=rate_hz, samples=rate_hz, urgency=Urgency.UNATTENDED)
        stream = await transform.stream(frames, params)
        audio = await files.read_audio(request.audio_path, "audio_path")
        _check_length(audio, rate_hz, stream.rate_hz)
        reference: Pcm | None = None
        if request.reference_path:
            reference = await asyncio.to_thread(
                _beside, audio, await files.read_audio(request.reference_path, "reference_path")
            )
        made = await _make_whole(stream, audio, reference)
        place = await files.write_wav(request.dst, "dst", made)
        return pb.AudioTransformResult(
            dst=str(place), sample_rate=made.rate_hz, samples=len(made.pcm), reference_provided=reference is not None
        )

    async def audio_transform_stream(
        self,
        requests: AsyncIterator[pb.AudioTransformFrameRequest],
        send: Callable[[pb.AudioTransformFrameResponse], Awaitable[None]],
    ) -> None:
        """A frame for each frame. The next is read when the last was taken: a slow reader slows the sender down.

        What lies inside when the client has said all, the stream's delay, stays there. Raises `InvalidRequest` at the
        first message that cannot be, `EngineBusy` when there is too much to do. Cancelling ends it.
        """
        configured: _Configured | None = None
        index = 0
        async for request in requests:
            if request.HasField("config"):
                configured, index = await self._configure(request.config), 0
                continue
            if not request.HasField("frame"):
                raise InvalidRequest("A message has neither 'config' nor 'frame'.", param="payload")
            if configured is None:
                raise InvalidRequest("The first message must have a 'config'.", param="config")
            await send(pb.AudioTransformFrameResponse(pcm=await configured.make(request.frame), frame_index=index))
            index += 1

    async def _configure(self, config: pb.AudioTransformStreamConfig) -> _Configured:
        form = find_format(config.sample_format)
        transform, params = await self._find(config.params)
        rate_hz = config.sample_rate or transform.default_rate_hz
        _check_rate(rate_hz, "config.sample_rate")
        samples = config.frame_samples or rate_hz // FRAMES_PER_S
        if not 1 <= samples <= rate_hz:
            raise InvalidRequest(
                f"'config.frame_samples' {samples} must be between 1 and {rate_hz}, a second.",
                param="config.frame_samples",
            )
        return _Configured(form, samples, await transform.stream(Frames(rate_hz=rate_hz, samples=samples), params))

    async def _find(self, params: Mapping[str, str]) -> tuple[Transform, Mapping[str, str]]:
        """The transform that `params` names, and what is for it."""
        own = {name: value for name, value in params.items() if name != "transform"}
        name = params.get("transform", DEFAULT_TRANSFORM)
        self._known = self._known or await asyncio.to_thread(installed, "transform")
        if name not in self._known:
            raise InvalidRequest(
                f"'params.transform' {name!r} is unknown; there are: {', '.join(self._known)}.",
                param="params.transform",
            )
        return await self._premises.on_demand.transform(name), own


def _check_rate(rate_hz: int, field: str) -> None:
    if not LOWEST_HZ <= rate_hz <= HIGHEST_HZ:
        raise InvalidRequest(
            f"'{field}' has {rate_hz} Hz; transforms take {LOWEST_HZ} to {HIGHEST_HZ} Hz.", param=field
        )


def _check_length(audio: Audio, rate_hz: int, to_hz: int) -> None:
    if audio.rate_hz != rate_hz:
        raise InvalidRequest("'audio_path' has changed while it was read.", param="audio_path")
    samples = len(audio.pcm) * to_hz // rate_hz
    if samples > MOST_SAMPLES:
        message = f"'audio_path' would become {samples} samples at {to_hz} Hz; {MOST_SAMPLES} are the most."
        raise InvalidRequest(message, code="out_of_range", param="audio_path")


def _beside(audio: Audio, reference: Audio) -> Pcm:
    """`reference` at the rate of `audio` and as long: silence follows what is shorter. Blocks."""
    # Hours that nobody will hear are not resampled, but for a second that the filter may look ahead.
    heard = len(audio.pcm) * reference.rate_hz // audio.rate_hz + reference.rate_hz
    pcm = resample(Audio(reference.pcm[:heard], reference.rate_hz), audio.rate_hz).pcm[: len(audio.pcm)]
    return np.concatenate((pcm, np.zeros(len(audio.pcm) - len(pcm), np.float32)))


async def _make_whole(stream: TransformStream, audio: Audio, reference: Pcm | None) -> Audio:
    """All of `audio`, a second at a time, with the stream's delay taken out again."""
    second = audio.rate_hz
    wanted = (len(audio.pcm) * stream.rate_hz + audio.rate_hz // 2) // audio.rate_hz
    made: list[Pcm] = []
    start = 0
    missing = stream.delay_samples + wanted if wanted else 0
    while missing > 0:
        here = slice(start, start + second)
        played = None if reference is None else _filled(reference[here], second)
        made.append(await stream.push(_filled(audio.pcm[here], second), played))
        missing -= len(made[-1])
        start += second
    pcm = np.concatenate(made)[stream.delay_samples :][:wanted] if made else audio.pcm[:0]
    return Audio(pcm, stream.rate_hz)


def _filled(pcm: Pcm, samples: int) -> Pcm:
    return np.concatenate((pcm, np.zeros(samples - len(pcm), np.float32)))
