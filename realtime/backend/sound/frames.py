"""Sound as frames of a stream carry it: F32_LE or S16_LE bytes ⇄ samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from realtime.audio import Pcm
from realtime.backend.pb import backend_pb2 as pb
from realtime.codecs import pcm16
from realtime.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class SampleFormat:
    """How a sample is written."""

    name: str
    sample_bytes: int
    read: Callable[[bytes], Pcm]
    """Samples in [-1, 1], whatever is in the bytes."""
    write: Callable[[Pcm], bytes]
    """Samples beyond full scale are written as full scale."""

    def read_frame(self, data: bytes, samples: int, field: str) -> Pcm:
        """A frame of `samples`. Raises `InvalidRequest` for one that `field` has of another length."""
        expected = samples * self.sample_bytes
        if len(data) != expected:
            raise InvalidRequest(
                f"'{field}' has {len(data)} bytes; a frame of {samples} samples in {self.name} has {expected}.",
                param=field,
            )
        return self.read(data)


def find_format(number: int) -> SampleFormat:
    """The format by its number in the contract. Raises `InvalidRequest` for one that it does not have."""
    if number not in _FORMATS:
        known = ", ".join(f"{form.name} ({each})" for each, form in _FORMATS.items())
        raise InvalidRequest(
            f"'config.sample_format' {number} is unknown; there are: {known}.", param="config.sample_format"
        )
    return _FORMATS[number]


def _read_f32(data: bytes) -> Pcm:
    """What is no number is silence; what is beyond full scale, infinity as well, is full scale."""
    pcm: Pcm = np.clip(np.nan_to_num(np.frombuffer(data, "<f4")), -1.0, 1.0).astype(np.float32, copy=False)
    return pcm


def _write_f32(pcm: Pcm) -> bytes:
    return np.clip(pcm, -1.0, 1.0).astype("<f4", copy=False).tobytes()


def _read_s16(data: bytes) -> Pcm:
    return pcm16.Pcm16Decoder().decode(data)


_FORMATS: Mapping[int, SampleFormat] = MappingProxyType(
    {
        pb.AudioTransformStreamConfig.F32_LE: SampleFormat("F32_LE", 4, _read_f32, _write_f32),
        pb.AudioTransformStreamConfig.S16_LE: SampleFormat("S16_LE", 2, _read_s16, pcm16.Pcm16().encode),
    }
)
