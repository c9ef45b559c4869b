"""Silero VAD against the reference: the few lines of the `silero-vad` package that hold a stream together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from realtime.audio import Framer, Pcm, silence
from realtime.codecs.resample import resample
from realtime.engines.base import Detector, DetectorStream
from realtime.engines.onnx import open_session
from realtime.engines.silero import open_silero
from realtime.errors import ModelUnavailable
from realtime.models.store import ModelStore
from tests.engines.conftest import MakeWorkshop
from tests.live import question

WINDOW = 512


@pytest.fixture(scope="module")
def silero(workshop: MakeWorkshop) -> Detector:
    return open_silero(workshop())


def spoken(name: str) -> list[Pcm]:
    """A question in windows, with a second of silence after it."""
    pcm = np.concatenate((resample(question(name), 16_000).pcm, silence(1000, 16_000)))
    return Framer(WINDOW).push(pcm)


def heard(stream: DetectorStream, windows: list[Pcm]) -> list[float]:
    return [stream.probability(window) for window in windows]


def reference(path: Path, windows: list[Pcm]) -> NDArray[np.float32]:
    """What `silero_vad.utils_vad.OnnxWrapper` does, window after window."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    state, context = np.zeros((2, 1, 128), np.float32), np.zeros((1, 64), np.float32)
    probabilities = []
    for window in windows:
        sound = np.concatenate((context, window[None]), axis=1)
        out, state = session.run(None, {"input": sound, "state": state, "sr": np.array(16_000, np.int64)})
        context = sound[:, -64:]
        probabilities.append(out[0, 0])
    return np.array(probabilities)


@pytest.mark.model
def test_it_hears_what_the_reference_hears(silero: Detector, model_store: ModelStore) -> None:
    windows = spoken("france")
    expected = reference(model_store.path("silero-vad"), windows)
    assert expected.max() > 0.9
    np.testing.assert_allclose(heard(silero.stream(), windows), expected, atol=1e-5)


@pytest.mark.model
def test_two_listeners_do_not_disturb_each_other(silero: Detector) -> None:
    ours, theirs = spoken("france"), spoken("egg")
    alone = heard(silero.stream(), ours), heard(silero.stream(), theirs)
    one, other = silero.stream(), silero.stream()
    together = [(one.probability(mine), other.probability(yours)) for mine, yours in zip(ours, theirs, strict=False)]
    assert [mine for mine, _ in together] == alone[0][: len(together)]
    assert [yours for _, yours in together] == alone[1][: len(together)]


@pytest.mark.model
def test_speech_is_told_from_silence_and_noise(silero: Detector) -> None:
    speech = heard(silero.stream(), spoken("ocean"))
    assert max(speech) > 0.9
    assert max(speech[-15:]) < 0.1
    assert max(heard(silero.stream(), [np.zeros(WINDOW, np.float32)] * 30)) < 0.1
    noise = np.random.default_rng(0).normal(0, 0.02, (30, WINDOW)).astype(np.float32)
    assert max(heard(silero.stream(), list(noise))) < 0.5


@pytest.mark.model
@pytest.mark.parametrize("shape", [(0,), (511,), (513,), (1, 512), (512, 2)])
def test_a_window_of_another_size_is_refused(silero: Detector, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"windows of shape \(512,\), not"):
        silero.stream().probability(np.zeros(shape, np.float32))


@pytest.mark.model
def test_sound_that_is_not_a_number_does_not_deafen(silero: Detector) -> None:
    windows = spoken("france")
    stream = silero.stream()
    assert stream.probability(np.full(WINDOW, np.nan, np.float32)) == 0.0
    assert heard(stream, windows) == heard(silero.stream(), windows)


@pytest.mark.model
def test_the_caller_may_use_its_window_again(silero: Detector) -> None:
    windows = spoken("france")
    stream, reused = silero.stream(), np.empty(WINDOW, np.float32)
    probabilities = []
    for window in windows:
        reused[:] = window
        probabilities.append(stream.probability(reused))
        reused.fill(0.9)
    assert probabilities == heard(silero.stream(), windows)


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "not.onnx"
    path.write_bytes(b"no model")
    with pytest.raises(ModelUnavailable, match=r"not\.onnx is not a model"):
        open_session(path)


@pytest.mark.model
def test_another_model_is_not_taken_for_silero(workshop: MakeWorkshop) -> None:
    from hibari.voices import voice_path  # a model that is here anyway

    with pytest.raises(ModelUnavailable, match="not Silero"):
        open_silero(workshop(model=voice_path("heart")))
