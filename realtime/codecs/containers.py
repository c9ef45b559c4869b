"""Audio files: whatever libsndfile reads (WAV, FLAC, Ogg Vorbis and Opus, MP3, AIFF, …) in, WAV out.

A file is untrusted like any other input: its header may lie about its length and a few kilobytes of FLAC may hold
hours, so it is decoded piece by piece against a limit and nothing is allocated on a header's word.
"""

from __future__ import annotations

from io import BytesIO
from os import PathLike
from pathlib import Path

import numpy as np
import soundfile

from realtime.audio import SPEECH_RATE_HZ, Audio, Pcm
from realtime.codecs.pcm16 import quantize
from realtime.codecs.resample import resample
from realtime.errors import InvalidRequest

_PIECE_FRAMES = 1 << 16
_SLOWEST_HZ, _FASTEST_HZ = 1_000, 384_000
"""Outside these a rate is a damaged header, and resampling by it would fill the memory."""


def read_audio(source: str | PathLike[str] | bytes, *, max_s: float | None = None) -> Audio:
    """The sound in a file (a path) or in the bytes of one, its channels averaged into one, at the file's own rate.

    Samples a floating-point file holds beyond [-1, 1] are clipped, NaN is silence. A file that breaks off gives what
    came before. Raises `InvalidRequest` for what is not audio or lasts longer than `max_s`, `OSError` for a path that
    cannot be read.
    """
    data = source if isinstance(source, bytes) else Path(source).read_bytes()
    try:
        with soundfile.SoundFile(_Bytes(data)) as file:
            if not _SLOWEST_HZ <= file.samplerate <= _FASTEST_HZ:
                raise InvalidRequest(f"The audio file claims a sample rate of {file.samplerate} Hz.", param="file")
            return Audio(_decode(file, max_s), file.samplerate)
    except soundfile.SoundFileError as error:
        raise InvalidRequest("This is not an audio file in a known format.", param="file") from error


def load_speech(source: str | PathLike[str] | bytes, rate_hz: int = SPEECH_RATE_HZ) -> Audio:
    """`read_audio`, at the rate speech is worked on."""
    return resample(read_audio(source), rate_hz)


def encode_wav(audio: Audio) -> bytes:
    """A complete WAV file: 16 bits, mono, rounded and clipped like `audio/pcm`."""
    file = BytesIO()
    # Already 16-bit: given floats, libsndfile would scale by 32767 and a file read and written would change.
    soundfile.write(file, quantize(audio.pcm), audio.rate_hz, format="WAV", subtype="PCM_16")
    return file.getvalue()


def write_wav(path: str | PathLike[str], audio: Audio) -> None:
    """`encode_wav` into a file, replacing what is there. Raises `OSError` when it cannot be written."""
    Path(path).write_bytes(encode_wav(audio))


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


def _decode(file: soundfile.SoundFile, max_s: float | None) -> Pcm:
    pieces: list[Pcm] = []
    frames = 0
    while len(piece := file.read(_PIECE_FRAMES, dtype="float32", always_2d=True)):
        frames += len(piece)
        if max_s is not None and frames > max_s * file.samplerate:
            raise InvalidRequest(f"The audio lasts longer than {max_s:g} s.", param="file")
        pieces.append(np.clip(np.nan_to_num(piece), -1, 1).mean(axis=1, dtype=np.float32))
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
