"""Audio files: whatever libsndfile reads (WAV, FLAC, Ogg Vorbis and Opus, MP3, AIFF, …) in, WAV out.

A file is untrusted like any other input: its header may lie about its length and a few kilobytes of FLAC may hold
hours, so it is decoded piece by piece against a limit and nothing is allocated on a header's word. Channels become one
and rates another as the pieces come: what is in memory is what is returned.
"""

from __future__ import annotations

import wave
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BufferedReader, BytesIO, FileIO
from os import PathLike
from pathlib import Path
from threading import Event
from typing import BinaryIO, TypeAlias

import numpy as np
import soundfile

from realtime.audio import SPEECH_RATE_HZ, Audio, Pcm
from realtime.codecs.pcm16 import quantize
from realtime.codecs.piecewise import Kept, PiecewiseResampler
from realtime.errors import InvalidRequest

Source: TypeAlias = str | PathLike[str] | bytes | FileIO
"""A path, the bytes of a file, or an open one, at its beginning, which stays open."""

CHANNELS = 4
"""Of these, each may have as many samples as one alone: they take time, and no memory."""

_PIECE_SAMPLES = 1 << 16
"""Decoded, and encoded, in one step, of all channels together."""
_UNKNOWN_FRAMES = 1 << 62
"""A file that claims as many or more does not know how long it is."""
_SLOWEST_HZ, _FASTEST_HZ = 1_000, 384_000
"""Outside these a rate is a damaged header, and resampling by it would fill the memory."""


def read_audio(
    source: Source,
    rate_hz: int | None = None,
    *,
    max_s: float | None = None,
    max_samples: int | None = None,
    given_up: Event | None = None,
) -> Audio:
    """The sound in a file, its channels averaged into one, at the file's own rate or at `rate_hz`.

    Samples a floating-point file holds beyond [-1, 1] are clipped, NaN is silence. A file that breaks off gives what
    came before, and so does one that is read when `given_up` is set. Raises `InvalidRequest` for what is not audio,
    lasts longer than `max_s`, or has more than `max_samples`, or `CHANNELS` times as many in all its channels together,
    or would have more at `rate_hz`: at once where the file claims so, else when so much was decoded. Raises `OSError`
    for a path that cannot be read.
    """
    with _opened(source) as file:
        limits = _Limits(file, rate_hz or file.samplerate, max_s, max_samples)
        return Audio(_decode(file, limits, given_up), limits.rate_hz)


def read_rate(source: Source) -> int:
    """The rate of the sound in a file, in Hz, which is not decoded. Raises as `read_audio` does."""
    with _opened(source) as file:
        return int(file.samplerate)


def load_speech(source: Source, rate_hz: int = SPEECH_RATE_HZ) -> Audio:
    """`read_audio`, at the rate speech is worked on."""
    return read_audio(source, rate_hz)


def encode_wav(audio: Audio) -> bytes:
    """A complete WAV file: 16 bits, mono, rounded and clipped like `audio/pcm`."""
    file = BytesIO()
    write_wav(file, audio)
    return file.getvalue()


def write_wav(target: str | PathLike[str] | BinaryIO, audio: Audio, given_up: Event | None = None) -> None:
    """`encode_wav` into a file: an open one, or the one of a path, replacing what is there.

    Raises `OSError` when it cannot be written. Returns early, with less than all of it written, once `given_up` is set.
    """
    with ExitStack() as stack:
        file = stack.enter_context(Path(target).open("wb")) if isinstance(target, str | PathLike) else target
        # Not by libsndfile: it would call back to write, and what a disk refuses there is printed, not raised.
        wav = stack.enter_context(wave.open(file, "wb"))
        wav.setparams((1, 2, audio.rate_hz, len(audio.pcm), "NONE", ""))
        for start in range(0, len(audio.pcm), _PIECE_SAMPLES):
            if given_up and given_up.is_set():
                return
            wav.writeframesraw(quantize(audio.pcm[start : start + _PIECE_SAMPLES]).tobytes())


class _Bytes(BytesIO):
    """A file in memory in which a damaged header may point before the start.

    libsndfile seeks through a C callback: an exception there has no caller and would be printed, not raised.
    """

    def seek(self, offset: int, whence: int = 0) -> int:
        """The new position, or the old one if there is no such place."""
        try:
            return super().seek(offset, whence)
        except (ValueError, OverflowError):
            return self.tell()


class _File(BufferedReader):
    """The same for a file on a disk. It has no name: libsndfile would believe its ending."""

    name = ""

    def seek(self, offset: int, whence: int = 0) -> int:
        """The new position, or the old one if there is no such place."""
        try:
            return super().seek(offset, whence)
        except (OSError, ValueError, OverflowError):
            return self.tell()


@contextmanager
def _opened(source: Source) -> Iterator[soundfile.SoundFile]:
    """A file whose rate can be."""
    with ExitStack() as stack:
        file: BinaryIO
        if isinstance(source, bytes):
            file = _Bytes(source)
        else:
            raw = source if isinstance(source, FileIO) else stack.enter_context(FileIO(Path(source)))
            if raw.seekable():
                file = _File(raw)
                stack.callback(file.detach)
            else:
                file = _Bytes(raw.readall())
        try:
            opened = stack.enter_context(soundfile.SoundFile(file))
            if not _SLOWEST_HZ <= opened.samplerate <= _FASTEST_HZ:
                raise InvalidRequest(f"The audio file claims a sample rate of {opened.samplerate} Hz.", param="file")
            yield opened
        except soundfile.SoundFileError as error:
            raise InvalidRequest("This is not an audio file in a known format.", param="file") from error


@dataclass(frozen=True, slots=True)
class _Limits:
    """How much of a file may be decoded, and kept at `rate_hz`."""

    file: soundfile.SoundFile
    rate_hz: int
    max_s: float | None
    max_samples: int | None

    def check(self, frames: int) -> None:
        """Raises `InvalidRequest` for so many samples of each channel."""
        file = self.file
        if self.max_s is not None and frames > self.max_s * file.samplerate:
            raise InvalidRequest(f"The audio lasts longer than {self.max_s:g} s.", code="out_of_range", param="file")
        kept = frames * self.rate_hz / file.samplerate
        if self.max_samples is not None and max(frames, frames * file.channels / CHANNELS, kept) > self.max_samples:
            message = f"The audio has more than {self.max_samples} samples a channel, in {CHANNELS} channels at most."
            raise InvalidRequest(message, code="out_of_range", param="file")


def _decode(file: soundfile.SoundFile, limits: _Limits, given_up: Event | None) -> Pcm:
    if file.frames < _UNKNOWN_FRAMES:
        limits.check(file.frames)
    resampler, kept = PiecewiseResampler(file.samplerate, limits.rate_hz), Kept()
    frames = 0
    step = max(_PIECE_SAMPLES // file.channels, 1)
    while len(piece := file.read(step, dtype="float32", always_2d=True)):
        if given_up and given_up.is_set():
            break
        frames += len(piece)
        limits.check(frames)
        kept.push(resampler.push(np.clip(np.nan_to_num(piece), -1, 1).mean(axis=1, dtype=np.float32)))
    kept.push(resampler.flush())
    return kept.take()
