"""Noise reduction in a client's microphone: heard by everybody, and nothing is moved or lost by it."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.protocol.config import AudioFormat, NoiseReduction, PcmFormat, PcmuFormat
from tests.fakes import FakeEnhancer, quiet, voice
from tests.microphones import EARS_HZ, NEAR, Client, any_format, assert_heard_alike, tone

FAR = NoiseReduction(type="far_field", strength=0.5)


def test_sound_is_cleaned_before_anybody_hears_it() -> None:
    """Half as loud is no speech to the detector, and half as loud it is taken."""
    client = Client(PcmFormat(), noise_reduction=NEAR, enhancer=FakeEnhancer(gain=0.5))
    client.says(quiet(96, 24_000), voice(512, 24_000), quiet(320, 24_000))
    assert client.reports == []
    loud = Client(PcmFormat(), detection=None, noise_reduction=NEAR, enhancer=FakeEnhancer(gain=0.5))
    loud.says(voice(512, 24_000))
    np.testing.assert_allclose(loud.microphone.take()[800:-800], 0.25, atol=1e-3)


def test_the_enhancer_is_told_the_distance_and_the_strength() -> None:
    """One stream for each setting, at the detector's rate; none for none."""
    client = Client(PcmuFormat(), noise_reduction=FAR)
    [stream] = client.enhancer.streams
    assert (stream.rate_hz, stream.distance, stream.strength) == (EARS_HZ, "far_field", 0.5)
    client.tune(PcmFormat())
    assert len(client.enhancer.streams) == 1
    assert Client(PcmFormat()).enhancer.streams == []


@any_format
@pytest.mark.parametrize("noise_reduction", [NEAR, FAR])
def test_cleaning_moves_and_loses_nothing(audio_format: AudioFormat, noise_reduction: NoiseReduction) -> None:
    """Boundaries and turns are those of sound that is not cleaned."""
    rate_hz = audio_format.rate_hz
    plain, clean = Client(audio_format), Client(audio_format, noise_reduction=noise_reduction)
    for client in (plain, clean):
        client.says(quiet(500, rate_hz), tone(777, rate_hz), quiet(400, rate_hz), tone(333, rate_hz))
    assert_heard_alike(clean, plain)


@any_format
def test_cleaning_can_begin_and_end_in_the_middle_of_a_turn(audio_format: AudioFormat) -> None:
    """It holds for what comes from then on: what was on its way is cleaned as it was said, and not a sample is lost."""
    rate_hz = audio_format.rate_hz
    client = Client(audio_format, detection=None, enhancer=FakeEnhancer(gain=0.5))
    for noise_reduction in (None, NEAR, FAR, None):
        client.noise_reduction = noise_reduction
        client.tune(audio_format)
        client.says(voice(200, rate_hz))
    taken = client.microphone.take()
    assert len(taken) == 800 * 16
    for start_ms, level in ((50, 0.5), (250, 0.25), (450, 0.25), (650, 0.5)):
        np.testing.assert_allclose(taken[start_ms * 16 : (start_ms + 100) * 16], level, atol=0.02)


def test_format_and_cleaning_can_change_at_once() -> None:
    """The end of the old sound is cleaned in the old way."""
    client = Client(PcmFormat(), detection=None, noise_reduction=NEAR, enhancer=FakeEnhancer(gain=0.5))
    client.says(voice(200, 24_000))
    client.noise_reduction = None
    client.tune(PcmuFormat())
    client.says(voice(200, 8_000))
    taken = client.microphone.take()
    assert len(taken) == 400 * 16
    np.testing.assert_allclose(taken[50 * 16 : 190 * 16], 0.25, atol=0.01)
    np.testing.assert_allclose(taken[210 * 16 : 350 * 16], 0.5, atol=0.02)
