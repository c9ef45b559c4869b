from __future__ import annotations

import json
from importlib.resources import files

import numpy as np
import pytest

from realtime.bench import questions
from realtime.bench.questions import Question, load_questions
from realtime.caller.clip import make_clip

ALL = load_questions()


def test_every_file_is_listed_with_its_licence() -> None:
    folder = files(questions)
    listed = json.loads(folder.joinpath("questions.json").read_text())
    assert {each["file"] for each in listed} == {each.name for each in folder.iterdir() if each.name.endswith(".flac")}
    assert all(each["licence"] == "CC0-1.0" and each["voice"] for each in listed)


def test_they_are_of_different_lengths_and_one_asks_about_france() -> None:
    durations_ms = [question.audio.duration_ms for question in ALL]
    assert durations_ms[0] < 1500 < 3500 < durations_ms[-1]
    assert any(question.text == "What is the capital of France?" for question in ALL)


@pytest.mark.parametrize("question", ALL, ids=lambda question: question.name)
def test_each_is_clear_speech(question: Question) -> None:
    pcm = question.audio.pcm
    assert question.audio.rate_hz == 16_000
    assert 0.5 < np.abs(pcm).max() < 0.95
    edge = 16_000 * 190 // 1000
    assert not pcm[:edge].any()
    assert not pcm[-edge:].any()


@pytest.mark.parametrize("question", ALL, ids=lambda question: question.name)
def test_none_has_a_pause_that_could_be_taken_for_its_end(question: Question) -> None:
    """A server ends a turn after 500 ms of silence."""
    voiced = make_clip(question.audio).voiced
    assert np.diff(voiced).max() < 24_000 * 0.35
