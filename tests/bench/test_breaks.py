from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from realtime.audio import Audio, Pcm
from realtime.bench.breaks import (
    DRAWN,
    DRAWN_MS,
    LEAST_LEFT_MS,
    LEAST_SAID_MS,
    broken_off,
    guess_breaks,
    load_clips,
    own_pauses,
    softest_place,
)
from realtime.bench.errors import BenchFailed
from realtime.bench.questions import load_questions
from realtime.caller.clip import RATE_HZ, make_clip
from realtime.caller.errors import NotSound
from realtime.codecs.containers import write_wav
from tests.fakes import quiet, voice


def tone(ms: float, level: float = 0.5) -> Pcm:
    """Something with a pitch."""
    return (level * np.sin(2 * np.pi * 150 * np.arange(round(ms * RATE_HZ / 1000)) / RATE_HZ)).astype(np.float32)


WORDS = np.concatenate((tone(800), tone(60, 0.02), tone(900), tone(60, 0.02), tone(100)))
"""Soft between 800 and 860 ms, and again so late that nothing much comes after."""


def test_a_break_is_where_the_voice_is_soft_between_two_loud_places() -> None:
    [place] = guess_breaks(WORDS)
    assert 800 <= place <= 860


def test_a_voice_without_soft_places_is_not_broken_off() -> None:
    assert guess_breaks(tone(3000)) == []
    with pytest.raises(NotSound):
        guess_breaks(quiet(1000))


def test_the_softest_place_nearby() -> None:
    assert 800 <= softest_place(WORDS, 790, 40) <= 860
    assert softest_place(WORDS, 400, 40) < 450


def test_a_plain_break_is_the_tape_cut_without_a_click() -> None:
    said = broken_off(WORDS, 500, drawn_out=False)
    assert len(said) == RATE_HZ // 2
    assert np.array_equal(said[: RATE_HZ // 4], WORDS[: RATE_HZ // 4])
    assert abs(said[-1]) < 1e-6


def test_a_drawn_out_break_is_longer_and_sounds_alike() -> None:
    said = broken_off(WORDS, 500, drawn_out=True)
    longer_ms = 1000 * len(said) / RATE_HZ - 500
    assert longer_ms == pytest.approx(DRAWN_MS * (DRAWN - 1), abs=25)
    end = said[RATE_HZ // 4 : -RATE_HZ // 50]
    assert np.sqrt(np.square(end).mean()) == pytest.approx(0.5 / np.sqrt(2), rel=0.1)
    spectrum = np.abs(np.fft.rfft(end))
    assert np.argmax(spectrum) * RATE_HZ / len(end) == pytest.approx(150, abs=5)


def test_what_is_too_short_to_be_drawn_out_stays_as_it_is() -> None:
    assert len(broken_off(WORDS, 40, drawn_out=True)) == 0.04 * RATE_HZ


def test_pauses_of_a_clips_own() -> None:
    clip = make_clip(Audio(np.concatenate((voice(300), quiet(90), voice(300), quiet(200), voice(300))), RATE_HZ))
    pauses = own_pauses(clip.voiced.tolist(), 100)
    assert pauses == [round(0.69 * RATE_HZ)]


def test_the_questions_break_off_between_their_words() -> None:
    """Not before there is something to break off, and not when hardly anything is left."""
    questions = load_questions()
    assert sum(len(question.breaks_ms) for question in questions) >= 15
    for question in questions:
        end_ms = make_clip(question.audio).voice_end * 1000 / RATE_HZ
        assert list(question.breaks_ms) == sorted(question.breaks_ms)
        assert all(LEAST_SAID_MS <= place <= end_ms - LEAST_LEFT_MS for place in question.breaks_ms)


def test_a_folder_of_recordings(tmp_path: Path) -> None:
    assert load_clips(None) == []
    with pytest.raises(BenchFailed, match=r"no \.wav files"):
        load_clips(tmp_path)
    write_wav(tmp_path / "mine.wav", Audio(WORDS, RATE_HZ))
    [clip] = load_clips(tmp_path)
    assert (clip.name, len(clip.breaks_ms)) == ("mine", 1)
