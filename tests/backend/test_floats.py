"""Sound as a message's `repeated float`."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.backend.floats import floats_of
from realtime.backend.pb import backend_pb2 as pb
from realtime.errors import InvalidRequest


@pytest.mark.parametrize("count", [0, 1, 31, 32, 127, 4096, 600_000])
def test_every_number_comes(count: int) -> None:
    """However many bytes it takes to say how many there are."""
    sent = np.random.default_rng(count).uniform(-1, 1, count).astype(np.float32)
    for message in (pb.VADRequest(audio=sent), pb.TranscriptLiveAudio(pcm=sent)):
        got = floats_of(message, "audio")
        assert got.dtype == np.float32
        assert np.array_equal(got, sent)


def test_fields_that_nobody_knows_are_left_out() -> None:
    """Later versions of the contract have one after the sound."""
    sent = np.array([0.25, -0.5], np.float32)
    known = pb.VADRequest(audio=sent).SerializeToString()
    model_identity = b"\x12\x04name"
    assert np.array_equal(floats_of(pb.VADRequest.FromString(known + model_identity), "audio"), sent)
    assert len(floats_of(pb.VADRequest.FromString(model_identity), "audio")) == 0


def test_what_is_too_loud_is_clipped() -> None:
    assert floats_of(pb.VADRequest(audio=[2, -3]), "audio").tolist() == [1, -1]


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused(odd: float) -> None:
    with pytest.raises(InvalidRequest) as refused:
        floats_of(pb.VADRequest(audio=[0, odd]), "audio")
    assert refused.value.param == "audio"
