"""Frames: bytes to samples and back."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.sound.frames import find_format
from realtime.errors import InvalidRequest

F32, S16 = pb.AudioTransformStreamConfig.F32_LE, pb.AudioTransformStreamConfig.S16_LE


def test_what_is_read_is_written_again() -> None:
    """In either format, bit for bit."""
    sound = np.array([0, 0.5, -1, 32767 / 32768, -0.25], np.float32)
    floats = sound.astype("<f4").tobytes()
    integers = (sound * 32768).astype("<i2").tobytes()
    for number, data in ((F32, floats), (S16, integers)):
        form = find_format(number)
        assert np.array_equal(form.read_frame(data, 5, "audio"), sound)
        assert form.write(form.read(data)) == data


def test_floats_that_are_no_samples_do_no_harm() -> None:
    """None of them gets in, and none gets out."""
    wild = np.array([np.nan, np.inf, -np.inf, 3e38, -7, 0.5], "<f4")
    form = find_format(F32)
    assert form.read(wild.tobytes()).tolist() == [0, 1, -1, 1, -1, 0.5]
    assert np.frombuffer(form.write(np.array([1.2, -1.2], np.float32)), "<f4").tolist() == [1, -1]
    assert np.frombuffer(find_format(S16).write(np.array([1.2, -1.2], np.float32)), "<i2").tolist() == [32767, -32768]


@pytest.mark.parametrize(
    ("number", "size", "expected"), [(F32, 639, 640), (F32, 320, 640), (S16, 640, 320), (S16, 0, 320)]
)
def test_a_frame_of_another_length_is_refused(number: int, size: int, expected: int) -> None:
    """With the field, and both lengths."""
    name = "F32_LE" if number == F32 else "S16_LE"
    message = f"'frame.audio_pcm' has {size} bytes; a frame of 160 samples in {name} has {expected}."
    with pytest.raises(InvalidRequest, match=message) as refused:
        find_format(number).read_frame(bytes(size), 160, "frame.audio_pcm")
    assert refused.value.param == "frame.audio_pcm"


def test_a_format_that_the_contract_does_not_have_is_refused() -> None:
    with pytest.raises(
        InvalidRequest, match=r"'config.sample_format' 7 is unknown; there are: F32_LE \(0\), S16_LE \(1\)"
    ):
        find_format(7)
