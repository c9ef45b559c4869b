"""A frame out for every frame in, whatever works inside."""

from __future__ import annotations

import threading
from math import gcd

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.audio import Pcm
from realtime.engines.cadence import Cadence, EvenStream
from realtime.engines.scheduler import Scheduler
from realtime.engines.transform import Frames
from realtime.errors import InvalidRequest
from tests.engines.sounds import moved_by, spoken
from tests.protocol.effort import examples

RATES_HZ = (8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000, 192000)


class Untouched:
    """Gives what it is given, and notes the reference."""

    heeds_reference = True
    delay_samples = 0

    def __init__(self, rate_hz: int = 16_000) -> None:
        self.rate_hz = rate_hz
        self.piece_samples = rate_hz // 100
        self.pieces: list[Pcm] = []
        self.references: list[Pcm] = []

    def make(self, piece: Pcm, reference: Pcm) -> Pcm:
        assert len(piece) == len(reference) == self.piece_samples
        self.pieces.append(piece)
        self.references.append(reference)
        return piece


def cadence(rate_hz: int, samples: int, maker: Untouched | None = None, to_hz: int | None = None) -> Cadence:
    return Cadence(Frames(rate_hz=rate_hz, samples=samples), maker, to_hz)


def out_of(made: Cadence, samples: int, sound: Pcm, reference: Pcm | None = None) -> Pcm:
    frames = range(0, len(sound) - samples + 1, samples)
    return np.concatenate(
        [
            made.push(sound[at : at + samples], None if reference is None else reference[at : at + samples])
            for at in frames
        ]
    )


@examples
@given(st.sampled_from(RATES_HZ), st.integers(1, 1200), st.sampled_from((16000, 32000, 48000)), st.integers(20, 120))
def test_every_frame_is_as_long_as_it_should_be(rate_hz: int, samples: int, inner_hz: int, frames: int) -> None:
    """From the first on, at any rate and any length."""
    made = cadence(rate_hz, samples, Untouched(inner_hz))
    assert {len(made.push(np.zeros(samples, np.float32), None)) for _ in range(frames)} == {samples}
    assert made.delay_samples <= rate_hz * 0.1 + samples


@examples
@given(st.sampled_from(RATES_HZ), st.sampled_from(RATES_HZ), st.integers(1, 1200), st.integers(1, 60))
def test_another_rate_does_not_drift(rate_hz: int, to_hz: int, samples: int, frames: int) -> None:
    """A frame is within a sample of what it should be, and all of them together as well."""
    made = cadence(rate_hz, samples, to_hz=to_hz)
    lengths = [len(made.push(np.zeros(samples, np.float32), None)) for _ in range(frames)]
    assert sum(lengths) == frames * samples * to_hz // rate_hz
    assert all(abs(length - samples * to_hz / rate_hz) < 1 for length in lengths)


@pytest.mark.parametrize("samples", [160, 256, 512, 1000, 320, 37])
def test_sound_is_not_touched_and_comes_as_late_as_is_told(samples: int) -> None:
    """Pieces of another length cost less than one piece; those of the same nothing."""
    sound = spoken("sky")
    made = cadence(16_000, samples, Untouched())
    out = out_of(made, samples, sound)
    assert np.array_equal(out[made.delay_samples :], sound[: len(out) - made.delay_samples])
    assert not out[: made.delay_samples].any()
    assert made.delay_samples == 160 - gcd(samples, 160)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_another_rate_inside_costs_time_and_it_is_told(rate_hz: int) -> None:
    """To the sample."""
    sound = spoken("sky", rate_hz=rate_hz)
    samples = rate_hz // 100
    made = cadence(rate_hz, samples, Untouched(16_000 if rate_hz < 16_000 else 48_000))
    assert moved_by(sound, out_of(made, samples, sound)) == made.delay_samples
    assert made.delay_samples * 1000 / rate_hz < (85 if rate_hz == 11_025 else 45 if rate_hz == 22_050 else 21)


def test_the_reference_goes_with_the_sound() -> None:
    """Cut and resampled as it is; silence where there is none."""
    sound, maker = spoken("sky", rate_hz=24_000), Untouched()
    made = cadence(24_000, 256, maker)
    out_of(made, 256, sound, sound)
    assert np.array_equal(maker.pieces, maker.references)
    silent = Untouched()
    out_of(cadence(24_000, 256, silent), 256, sound)
    assert not np.concatenate(silent.references).any()


def test_a_frame_of_another_length_is_a_mistake_of_our_own() -> None:
    with pytest.raises(ValueError, match="a frame has 160 samples, not 161"):
        cadence(16_000, 160, Untouched()).push(np.zeros(161, np.float32), None)


def test_rates_that_no_filter_joins_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="Cannot stream from 15999 Hz"):
        cadence(15_999, 160, Untouched())


@pytest.mark.parametrize(("samples", "inline"), [(640, True), (641, False)])
async def test_long_frames_are_made_in_a_thread(samples: int, inline: bool) -> None:
    """And short ones where they come in."""
    where: list[str] = []

    class Watched(Untouched):
        def make(self, piece: Pcm, reference: Pcm) -> Pcm:
            where.append(threading.current_thread().name)
            return piece

    scheduler = Scheduler(1)
    frames = Frames(rate_hz=16_000, samples=samples)
    stream = EvenStream(Cadence(frames, Watched()), frames, scheduler, 40)
    assert len(await stream.push(np.zeros(samples, np.float32))) == samples
    assert {name.startswith("inference") for name in where} == {not inline}
    scheduler.close()
