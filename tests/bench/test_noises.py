from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files

import numpy as np
import pytest

from realtime.audio import Audio, Pcm
from realtime.bench import interjections
from realtime.bench.interjections import load_interjections
from realtime.bench.noises import PEAK, cough, music, typing
from realtime.caller.clip import RATE_HZ, make_clip


@pytest.mark.parametrize("noise", [cough, typing, music])
def test_a_noise_is_the_same_every_time_and_as_loud_as_the_others(noise: Callable[[], Pcm]) -> None:
    sound = noise()
    assert np.array_equal(sound, noise())
    assert sound.dtype == np.float32
    assert np.abs(sound).max() == pytest.approx(PEAK)
    assert not sound[: RATE_HZ // 5].any()
    assert make_clip(Audio(sound, RATE_HZ)).voiced[0] == pytest.approx(RATE_HZ / 5, abs=RATE_HZ / 40)


def test_keys_are_clicks_and_music_has_pitches() -> None:
    """A key is over in a blink; the energy of a note stands at a few places of the spectrum."""

    def share_of_strongest(sound: Pcm, share: float) -> float:
        ordered = np.sort(np.square(np.abs(np.fft.rfft(sound))))[::-1]
        return float(ordered[: round(len(ordered) * share)].sum() / ordered.sum())

    assert share_of_strongest(music(), 0.01) > 0.7 > 0.3 > share_of_strongest(typing(), 0.01)
    clicks = np.square(typing()[RATE_HZ // 5 : -RATE_HZ // 5])
    assert np.sort(clicks)[::-1][: len(clicks) // 20].sum() > 0.7 * clicks.sum()


def test_every_interjection_is_listed_with_its_licence() -> None:
    folder = files(interjections)
    listed = json.loads(folder.joinpath("interjections.json").read_text())
    assert {each["file"] for each in listed} == {each.name for each in folder.iterdir() if each.name.endswith(".flac")}
    assert all(each["licence"] == "CC0-1.0" and each["voice"] for each in listed)


def test_interruptions_and_backchannels_are_short() -> None:
    sounds = load_interjections()
    assert {sound.kind for sound in sounds} == {"interruption", "backchannel"}
    assert all(sound.audio.rate_hz == 16_000 and sound.audio.duration_ms < 2000 for sound in sounds)
    assert min(make_clip(sound.audio).voice_end for sound in sounds) > 0.3 * RATE_HZ
