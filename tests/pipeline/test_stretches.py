"""Where somebody speaks, and how that is cut for a transcriber."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from realtime.audio import SPEECH_RATE_HZ, Pcm
from realtime.pipeline.stretches import CLIP_S, STEP_S, Probabilities, Stretch, clips, probabilities, stretches
from tests.fakes import FakeDetector, quiet, voice

WINDOW_MS = 32
DETECTOR = FakeDetector()


def sound(*parts_ms: float) -> Pcm:
    """Silence and speech in turns, beginning with silence."""
    makers = (quiet, voice)
    return np.concatenate([makers[index % 2](ms, SPEECH_RATE_HZ) for index, ms in enumerate(parts_ms)])


def likely(pcm: Pcm) -> Probabilities:
    return np.concatenate([np.zeros(0, np.float32), *probabilities(pcm, DETECTOR)])


def found_ms(pcm: Pcm, silence_ms: int = 100, padding_ms: int = 0) -> list[tuple[int, int, bool]]:
    spoken = stretches(likely(pcm), len(pcm), DETECTOR, silence_ms, padding_ms)
    return [(one.start * 1000 // SPEECH_RATE_HZ, one.end * 1000 // SPEECH_RATE_HZ, one.is_open) for one in spoken]


@pytest.mark.parametrize("samples", [0, 1, 511, 512, 513, STEP_S * SPEECH_RATE_HZ + 1000])
def test_every_sample_is_looked_at(samples: int) -> None:
    assert len(likely(np.zeros(samples, np.float32))) == -(-samples // DETECTOR.window_samples)


def test_speech_is_found_between_silences() -> None:
    assert found_ms(sound(320, 640, 320, 960, 320)) == [(320, 960, False), (1280, 2240, False)]


def test_short_pauses_part_nothing_and_clicks_are_no_speech() -> None:
    assert found_ms(sound(320, 640, 64, 640, 320, 32, 320)) == [(320, 1664, False)]
    assert found_ms(sound(320, 640, 320, 640, 640), silence_ms=500) == [(320, 1920, False)]


def test_who_still_speaks_at_the_end_is_known() -> None:
    assert found_ms(sound(320, 640)) == [(320, 960, True)]
    assert found_ms(sound(320, 640, 64)) == [(320, 960, True)]


@pytest.mark.parametrize("parts", [(), (500,), (0, 32)])
def test_silence_holds_nothing(parts: tuple[int, ...]) -> None:
    assert found_ms(sound(*parts) if parts else np.zeros(0, np.float32)) == []


def test_padding_takes_half_a_pause_at_most_and_stays_within_the_sound() -> None:
    assert found_ms(sound(64, 640, 160, 640, 32), padding_ms=200) == [(0, 784, False), (784, 1536, True)]
    assert found_ms(sound(320, 640, 960, 640, 320), padding_ms=200) == [(120, 1160, False), (1720, 2760, False)]


def seconds(spoken: list[Stretch]) -> list[tuple[float, float]]:
    return [(round(one.start / SPEECH_RATE_HZ, 1), round(one.end / SPEECH_RATE_HZ, 1)) for one in spoken]


def test_clips_hold_what_only_short_pauses_part() -> None:
    pcm = sound(320, 6400, 640, 6400, 640, 6400, 2560, 6400, 640)
    spoken = stretches(likely(pcm), len(pcm), DETECTOR)
    assert len(spoken) == 4
    assert seconds(clips(spoken, likely(pcm), DETECTOR)) == [(0.1, 21.1), (23.1, 30.0)]


def test_no_clip_is_longer_than_a_transcriber_hears() -> None:
    pcm = sound(320, *(9600, 640) * 5)
    found = clips(stretches(likely(pcm), len(pcm), DETECTOR), likely(pcm), DETECTOR)
    assert [end - start <= CLIP_S for start, end in seconds(found)] == [True, True, True]


def test_speech_without_a_pause_is_parted_where_it_is_quietest() -> None:
    likely_ = np.full(2000, 0.9, np.float32)
    likely_[700] = 0.6
    likely_[300] = 0.4  # in the first half of a clip: too early
    [spoken] = stretches(likely_, 2000 * 512, DETECTOR, padding_ms=0)
    found = clips([spoken], likely_, DETECTOR)
    assert found[0] == Stretch(0, 700 * 512)
    assert all(one.end == other.start for one, other in pairwise(found))
    assert found[-1] == Stretch(found[-2].end, 2000 * 512, is_open=True)
    assert max(one.end - one.start for one in found) <= CLIP_S * SPEECH_RATE_HZ
