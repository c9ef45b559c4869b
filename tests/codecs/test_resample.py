"""Changing the rate: the same sound, as soon as it can be, however the stream is cut."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.audio import Audio, Pcm
from realtime.codecs.resample import Resampler, resample
from realtime.errors import InvalidRequest
from tests.codecs.signals import cut, level_db, noise, power, sine, snr_db

PAIRS = [(24_000, 16_000), (8_000, 16_000), (24_000, 8_000), (16_000, 24_000), (8_000, 24_000), (48_000, 16_000)]
ODD_PAIRS = [(44_100, 16_000), (22_050, 24_000), (16_000, 44_100)]
EITHER = pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS + ODD_PAIRS)
USUAL_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


def stream(pcm: Pcm, from_hz: int, to_hz: int, *sizes: int) -> Pcm:
    """All of `pcm` through a new resampler, in pieces of `sizes` or in one."""
    resampler = Resampler(from_hz, to_hz)
    made = [resampler.push(piece) for piece in cut(pcm, sizes or (len(pcm),))]
    return np.concatenate([*made, resampler.flush()])


def middle(pcm: Pcm) -> Pcm:
    """Without the edges, where the sound meets silence."""
    return pcm[len(pcm) // 8 : -len(pcm) // 8]


@given(
    pair=st.sampled_from(PAIRS + ODD_PAIRS),
    samples=st.integers(0, 4_000),
    sizes=st.lists(st.one_of(st.integers(1, 3), st.integers(1, 2_000)), min_size=1, max_size=12),
)
@settings(max_examples=80, deadline=None)
def test_no_cut_is_heard(pair: tuple[int, int], samples: int, sizes: list[int]) -> None:
    """Any blocking gives the one-shot output, of the right length to the nearest sample."""
    pcm = noise(samples)
    whole, pieces = stream(pcm, *pair, max(samples, 1)), stream(pcm, *pair, *sizes)
    assert len(pieces) == len(whole)
    assert abs(len(whole) - Fraction(samples * pair[1], pair[0])) <= Fraction(1, 2)
    assert pieces.dtype == whole.dtype == np.float32
    np.testing.assert_allclose(pieces, whole, atol=1e-6, rtol=0)


@EITHER
def test_sample_by_sample(from_hz: int, to_hz: int) -> None:
    """The raggedest input there is."""
    pcm = noise(1_500)
    np.testing.assert_allclose(stream(pcm, from_hz, to_hz, 1), stream(pcm, from_hz, to_hz), atol=1e-6, rtol=0)


@EITHER
@pytest.mark.parametrize("band", [0.01, 0.3, 0.6, 0.84])
def test_a_tone_stays_the_same_tone_at_the_same_time(from_hz: int, to_hz: int, band: float) -> None:
    """Against the tone computed at `to_hz`, so a gain of 0.001 dB or a delay of a thousandth sample would fail."""
    hz = round(band * min(from_hz, to_hz) / 2)
    got = stream(sine(hz, from_hz, from_hz), from_hz, to_hz, from_hz // 50)
    assert snr_db(middle(sine(hz, to_hz, to_hz)), middle(got)) > 80


@EITHER
def test_speech_band_quality(from_hz: int, to_hz: int) -> None:
    """The classic 1 kHz figure: beyond 90 dB, the ceiling of 16-bit sound."""
    got = stream(sine(997, from_hz, from_hz), from_hz, to_hz, from_hz // 50)
    assert snr_db(middle(sine(997, to_hz, to_hz)), middle(got)) > 90


@pytest.mark.parametrize(("from_hz", "to_hz"), [pair for pair in PAIRS + ODD_PAIRS if pair[0] > pair[1]])
def test_nothing_above_nyquist_comes_back_as_an_alias(from_hz: int, to_hz: int) -> None:
    """Tones from just above the new Nyquist frequency to the old one are 80 dB down."""
    for hz in np.linspace(to_hz / 2 * 1.005, from_hz / 2 * 0.99, 12):
        alias = stream(sine(float(hz), from_hz, from_hz), from_hz, to_hz, from_hz // 50)
        assert level_db(middle(alias)) < -80, f"{hz:.0f} Hz"


@pytest.mark.parametrize(("from_hz", "to_hz"), [pair for pair in PAIRS + ODD_PAIRS if pair[0] < pair[1]])
def test_a_faster_rate_adds_no_images(from_hz: int, to_hz: int) -> None:
    """Noise that fills the old band leaves the new one empty above it."""
    pcm = stream(noise(from_hz), from_hz, to_hz, from_hz // 50)
    spectrum = np.abs(np.fft.rfft(middle(pcm) * np.hanning(len(middle(pcm))))) ** 2
    hz = np.linspace(0, to_hz / 2, len(spectrum))
    above, below = spectrum[hz > from_hz / 2 * 1.01].mean(), spectrum[hz < from_hz / 2 * 0.85].mean()
    assert 10 * np.log10(above / below) < -80


@EITHER
def test_no_click_at_a_block_border(from_hz: int, to_hz: int) -> None:
    """The second difference of a sine is at most 4 sin²(ω/2) of its peak; a click is far above."""
    hz = 440
    pcm = middle(stream(sine(hz, from_hz, from_hz), from_hz, to_hz, from_hz // 50))
    bend = np.abs(np.diff(pcm.astype(np.float64), 2)).max()
    assert bend < 1.01 * 0.5 * 4 * np.sin(np.pi * hz / to_hz) ** 2 + 1e-6


@EITHER
def test_agrees_with_soxr(from_hz: int, to_hz: int) -> None:
    """An independent resampler hears the same in speech-like sound, noise below 3.4 kHz."""
    spectrum = np.fft.rfft(noise(from_hz))
    spectrum[3_300:] = 0
    pcm = np.fft.irfft(spectrum).astype(np.float32)
    wanted = soxr.resample(pcm, from_hz, to_hz, quality="VHQ")
    got = stream(pcm, from_hz, to_hz, from_hz // 50)
    assert len(got) == len(wanted)
    assert snr_db(middle(wanted), middle(got)) > 70


@pytest.mark.parametrize(
    ("from_hz", "to_hz", "held"),
    [
        (24_000, 16_000, 48),
        (8_000, 16_000, 32),
        (24_000, 8_000, 96),
        (16_000, 24_000, 32),
        (8_000, 24_000, 32),
        (48_000, 16_000, 96),
        (48_000, 24_000, 96),
    ],
)
def test_how_long_a_caller_waits(from_hz: int, to_hz: int, held: int) -> None:
    """In frames of 20 ms just the filter's half is held: 2 ms, or 4 ms where 8 kHz takes part."""
    resampler, frame = Resampler(from_hz, to_hz), from_hz // 50
    for count in range(1, 10):
        made = resampler.push(noise(frame))
        assert resampler.held_samples == held
        assert len(made) == (frame - (held if count == 1 else 0)) * to_hz // from_hz


@EITHER
def test_never_more_is_held_than_promised(from_hz: int, to_hz: int) -> None:
    """Sample by sample: `held_samples` is what was pushed less what came out, and `latency_samples` bounds it."""
    resampler, made = Resampler(from_hz, to_hz), 0
    held = []
    for pushed in range(1, 3_000):
        made += len(resampler.push(np.zeros(1, np.float32)))
        held.append(resampler.held_samples)
        assert held[-1] == pushed - Fraction(made * from_hz, to_hz)
    assert max(held) == resampler.latency_samples


@EITHER
def test_a_constant_stays_constant(from_hz: int, to_hz: int) -> None:
    """No ripple from one output sample to the next."""
    pcm = middle(stream(np.full(from_hz // 4, 0.5, np.float32), from_hz, to_hz))
    np.testing.assert_allclose(pcm, 0.5, atol=1e-6, rtol=0)


def test_equal_rates_change_nothing() -> None:
    """Not even a copy."""
    resampler, pcm = Resampler(16_000, 16_000), noise(320)
    assert resampler.push(pcm) is pcm
    assert len(resampler.flush()) == 0
    assert resampler.latency_samples == resampler.held_samples == 0
    resampler.reset()


@pytest.mark.parametrize("end", ["flush", "reset"])
def test_one_stream_leaves_nothing_to_the_next(end: str) -> None:
    """After `flush` or `reset` a resampler is as new."""
    resampler, pcm = Resampler(24_000, 16_000), noise(1_000)
    resampler.push(np.ones(777, np.float32))
    getattr(resampler, end)()
    assert resampler.held_samples == 0
    again = np.concatenate([resampler.push(pcm), resampler.flush()])
    assert np.array_equal(again, stream(pcm, 24_000, 16_000))


def test_two_streams_do_not_mix() -> None:
    """The filter is shared, the stream is not."""
    one, other, pcm = Resampler(24_000, 16_000), Resampler(24_000, 16_000), noise(960)
    got = []
    for piece in cut(pcm, (100,)):
        got.append(one.push(piece))
        other.push(np.ones(100, np.float32))
    assert np.allclose(np.concatenate([*got, one.flush()]), stream(pcm, 24_000, 16_000), atol=1e-6)


def test_a_nan_passes() -> None:
    """One bad sample spoils the filter's reach and no more."""
    resampler = Resampler(24_000, 16_000)
    resampler.push(np.full(1, np.nan, np.float32))
    resampler.push(np.zeros(2 * resampler.latency_samples, np.float32))
    assert not np.isnan(resampler.push(np.zeros(480, np.float32))).any()


def test_the_callers_buffer_is_its_own_again() -> None:
    """What is held back is a copy; doubles are taken for what they say."""
    resampler, buffer = Resampler(24_000, 16_000), noise(960)
    wanted = stream(buffer.copy(), 24_000, 16_000)
    first = resampler.push(buffer)
    buffer[:] = 9
    assert np.array_equal(np.concatenate([first, resampler.flush()]), wanted)
    doubles = noise(960).astype(np.float64)
    assert np.allclose(resampler.push(doubles), first)  # type: ignore[arg-type]


def test_a_megabyte_at_once() -> None:
    """22 s of 24 kHz sound in one push, as in many."""
    pcm = noise(1 << 19)
    np.testing.assert_allclose(stream(pcm, 24_000, 16_000), stream(pcm, 24_000, 16_000, 50_000), atol=1e-6, rtol=0)


def test_a_stream_keeps_milliseconds_not_what_was_pushed() -> None:
    """A session idle after a 16 MiB append costs no more than any other."""
    resampler, pcm = Resampler(24_000, 16_000), noise(1 << 22)
    tracemalloc.start()
    resampler.push(pcm)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 20_000


@pytest.mark.parametrize(
    ("from_hz", "to_hz"), [(0, 16_000), (16_000, 0), (-8_000, 8_000), (15_999, 16_000), (1_000_000_000, 1)]
)
def test_impossible_rates_are_the_clients_fault(from_hz: int, to_hz: int) -> None:
    """Refused before any memory is spent on them."""
    with pytest.raises(InvalidRequest, match="Hz"):
        Resampler(from_hz, to_hz)


@pytest.mark.parametrize("inside_hz", [8_000, 16_000, 24_000, 48_000])
@pytest.mark.parametrize("usual_hz", USUAL_HZ)
def test_every_usual_rate_can_be_joined(usual_hz: int, inside_hz: int) -> None:
    """To the rates of this project and back, at most 42 ms held."""
    for from_hz, to_hz in ((usual_hz, inside_hz), (inside_hz, usual_hz)):
        assert Resampler(from_hz, to_hz).latency_samples <= 0.045 * from_hz


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100])
def test_a_whole_piece(rate_hz: int) -> None:
    """Right length, same tone; the same piece where nothing is to do."""
    audio = Audio(sine(997, 24_000, 24_000), 24_000)
    turned = resample(audio, rate_hz)
    assert turned.rate_hz == len(turned.pcm) == rate_hz
    assert turned.pcm.dtype == np.float32
    assert snr_db(middle(sine(997, rate_hz, rate_hz)), middle(turned.pcm)) > 90
    assert resample(audio, 24_000) is audio
    assert power(resample(Audio(np.zeros(100, np.float32), 24_000), rate_hz).pcm) == 0
    assert len(resample(Audio(np.zeros(0, np.float32), 24_000), rate_hz).pcm) == 0
