"""Noise out of a microphone's sound, and not a sample moved."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.audio import Pcm, silence
from realtime.codecs.resample import resample
from realtime.engines.registry import Workshop
from realtime.engines.scheduler import Scheduler
from realtime.engines.webrtc import Webrtc, WebrtcStream, open_webrtc
from realtime.errors import BadConfiguration, EngineFailed
from tests.live import question
from tests.protocol.effort import examples

RATE_HZ = 16_000


def spoken(name: str) -> Pcm:
    return resample(question(name), RATE_HZ).pcm


def noise(samples: int, level: float = 0.02) -> Pcm:
    return np.random.default_rng(0).normal(0, level, samples).astype(np.float32)


def near(strength: float = 1.0) -> WebrtcStream:
    return Webrtc().stream(RATE_HZ, "near_field", strength)


def cleaned(stream: WebrtcStream, sound: Pcm) -> Pcm:
    return np.concatenate((stream.push(sound), stream.flush()))


def level_db(sound: Pcm) -> float:
    return float(10 * np.log10(np.mean(sound**2)))


def loudness(sound: Pcm) -> Pcm:
    """In each 20 ms; the high-pass filter turns phases, so samples alone say little."""
    levels: Pcm = np.sqrt(np.mean(sound[: len(sound) // 320 * 320].reshape(-1, 320) ** 2, axis=1))
    return levels


@pytest.mark.parametrize("distance", ["near_field", "far_field"])
def test_noise_goes_and_the_voice_stays(distance: Literal["near_field", "far_field"]) -> None:
    """Between the words, once the noise is known, there is at least 10 dB less of it."""
    voice = spoken("ocean")
    sound = np.concatenate((silence(3000, RATE_HZ), voice)) + noise(3 * RATE_HZ + len(voice))
    clean = cleaned(Webrtc().stream(RATE_HZ, distance), sound)
    before = level_db(sound[3 * RATE_HZ :]) - level_db(sound[2 * RATE_HZ : 3 * RATE_HZ])
    after = level_db(clean[3 * RATE_HZ :]) - level_db(clean[2 * RATE_HZ : 3 * RATE_HZ])
    assert after >= before + 10
    assert np.corrcoef(loudness(clean[3 * RATE_HZ :]), loudness(voice))[0, 1] > 0.9


def test_a_soft_voice_in_a_room_is_made_louder() -> None:
    """One at a headset is not."""
    soft = np.tile(spoken("france") * np.float32(0.1), 4)
    far = cleaned(Webrtc().stream(RATE_HZ, "far_field"), soft)
    assert level_db(far) > level_db(soft) + 6
    assert level_db(cleaned(near(), soft)) < level_db(soft) + 1


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_sound_comes_out_where_it_went_in(strength: float) -> None:
    """The suppressor's own delay is taken out again: the best match is the one that is not moved."""
    sound = np.diff(spoken("week"), prepend=np.float32(0))  # high frequencies, which no filter moves
    clean = cleaned(near(strength), sound)
    matches = {moved: float(np.dot(clean, np.roll(sound, moved))) for moved in range(-120, 121)}
    assert max(matches, key=lambda moved: matches[moved]) == 0


def test_strength_says_how_much_of_the_noise_goes() -> None:
    """None at 0, all at 1."""
    sound = noise(4 * RATE_HZ)
    levels = [level_db(cleaned(near(strength), sound)[2 * RATE_HZ :]) for strength in (0.0, 0.3, 0.7, 1.0)]
    assert levels == sorted(levels, reverse=True)
    assert levels[0] - levels[-1] > 10
    assert np.array_equal(cleaned(near(0.0), sound), sound)


@examples
@given(st.lists(st.tuples(st.integers(0, 700), st.booleans()), max_size=20))
def test_no_sample_is_lost_or_doubled(pushes: list[tuple[int, bool]]) -> None:
    """However the sound is cut, and wherever it is flushed; between flushes at most 255 samples are held."""
    stream, pushed, out = near(0.0), 0, 0
    for samples, flush in pushes:
        got = stream.push(np.arange(pushed, pushed + samples).astype(np.float32) / np.float32(16_384))
        if flush:
            got = np.concatenate((got, stream.flush()))
        assert np.array_equal(got, np.arange(out, out + len(got)).astype(np.float32) / np.float32(16_384))
        pushed, out = pushed + samples, out + len(got)
        assert 0 <= pushed - out <= (0 if flush else 255)


@pytest.mark.parametrize("size", [1, 37, 160, 5000])
def test_it_does_not_matter_how_the_sound_is_cut(size: int) -> None:
    """Sample for sample."""
    sound = spoken("time")[: 3000 if size == 1 else None]
    stream = near()
    pieces = [stream.push(sound[start : start + size]) for start in range(0, len(sound), size)]
    assert np.array_equal(np.concatenate((*pieces, stream.flush())), cleaned(near(), sound))


def test_streams_do_not_disturb_each_other() -> None:
    """What one has learnt of its noise is its own."""
    sound = spoken("egg")
    alone = cleaned(near(), sound)
    mine, other = near(), near()
    other.push(noise(RATE_HZ, 0.3))
    together = []
    for start in range(0, len(sound), 320):
        together.append(mine.push(sound[start : start + 320]))
        other.push(noise(320, 0.3))
    assert np.array_equal(np.concatenate((*together, mine.flush())), alone)


def test_overdriven_sound_is_cut_off_and_does_not_wrap_round() -> None:
    """A resampler's overshoot is louder than full scale."""
    sound = np.full(1600, 1.5, np.float32)
    assert cleaned(near(), sound).min() > -0.5


def test_another_rate_is_refused() -> None:
    """The delay is known at one."""
    with pytest.raises(EngineFailed, match="16000 Hz, not at 8000 Hz"):
        Webrtc().stream(8000, "near_field")


def test_it_opens_without_options_and_refuses_others() -> None:
    """There is nothing to choose."""

    def workshop(**options: int) -> Workshop:
        return Workshop(model_path=lambda name: pytest.fail(name), scheduler=Scheduler(1), threads=1, options=options)

    assert len(open_webrtc(workshop()).stream(RATE_HZ, "near_field").push(noise(1600))) == 1600 - 96
    with pytest.raises(BadConfiguration, match="aggressiveness"):
        open_webrtc(workshop(aggressiveness=3))
