from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from realtime.audio import Audio, Pcm
from realtime.bench.questions import load_questions
from realtime.caller.clip import RATE_HZ, make_clip, read_clip
from realtime.caller.errors import NotSound
from realtime.codecs.containers import write_wav
from tests.fakes import quiet, voice


def clip_of(*parts: Pcm) -> Pcm:
    return np.concatenate(parts)


def test_the_end_of_the_voice_is_the_last_loud_sample() -> None:
    clip = make_clip(Audio(clip_of(quiet(200), voice(300), quiet(400)), RATE_HZ))
    assert clip.voice_end == 500 * RATE_HZ // 1000


def test_noise_after_the_voice_is_not_voice() -> None:
    noise = np.random.default_rng(1).standard_normal(RATE_HZ).astype(np.float32) * np.float32(0.01)
    speech = noise.copy()
    speech[: RATE_HZ // 2] += voice(500)
    assert make_clip(Audio(speech, RATE_HZ)).voice_end == RATE_HZ // 2


def test_a_clip_without_a_pause_is_voiced_to_its_end() -> None:
    assert make_clip(Audio(voice(300), RATE_HZ)).voice_end == 300 * RATE_HZ // 1000


def test_a_turn_that_ends_in_a_pause_fell_silent_before_it() -> None:
    clip = make_clip(Audio(clip_of(quiet(100), voice(200), quiet(700), voice(200)), RATE_HZ))
    at = RATE_HZ // 1000
    assert clip.voice_end_before(900 * at) == 300 * at
    assert clip.voice_end_before(10_000 * at) == clip.voice_end == 1200 * at
    assert clip.voice_end_before(0) == 110 * at


def test_any_rate_is_brought_to_the_wires() -> None:
    clip = make_clip(Audio(clip_of(voice(300, 16_000), quiet(200, 16_000)), 16_000))
    assert len(clip.pcm) == RATE_HZ // 2
    assert clip.voice_end == pytest.approx(300 * RATE_HZ // 1000, abs=RATE_HZ // 100)


@pytest.mark.parametrize("pcm", [quiet(500), np.zeros(0, np.float32), quiet(500) + np.float32(0.001)])
def test_silence_is_nothing_to_say(pcm: Pcm) -> None:
    with pytest.raises(NotSound, match="nothing to say"):
        make_clip(Audio(pcm, RATE_HZ))


def test_a_file_that_cannot_be_said_is_named(tmp_path: Path) -> None:
    page, hush = tmp_path / "page.wav", tmp_path / "hush.wav"
    page.write_text("<html>")
    write_wav(hush, Audio(quiet(100), RATE_HZ))
    with pytest.raises(NotSound, match=r"cannot read .*absent\.wav: No such file"):
        read_clip(tmp_path / "absent.wav")
    with pytest.raises(NotSound, match=r"page\.wav: This is not an audio file"):
        read_clip(page)
    with pytest.raises(NotSound, match=r"hush\.wav: there is nothing to say"):
        read_clip(hush)


@pytest.mark.parametrize("question", load_questions(), ids=lambda question: question.name)
def test_a_spoken_question_ends_where_its_silence_begins(question: object) -> None:
    """The clips are cut so that 200 ms of silence follow the voice; its last sounds may be faint."""
    clip = make_clip(question.audio)  # type: ignore[attr-defined]
    silence_ms = (len(clip.pcm) - clip.voice_end) * 1000 / RATE_HZ
    assert 190 <= silence_ms <= 320
