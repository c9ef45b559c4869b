"""Clips of voices that tests tell apart: one that asks the questions, and others, one to a language."""

from __future__ import annotations

from pytest_audioeval.samples.registry import SampleRegistry

from realtime.audio import SPEECH_RATE_HZ, Pcm
from realtime.bench.questions import load_questions
from realtime.codecs.containers import read_audio
from realtime.codecs.resample import resample

OTHERS = {
    "en": ("counting", "quick_brown_fox"),
    "fr": ("comptage", "pangrama"),
    "ja": ("kazoeru", "pangrama"),
}
"""What they say, longer than two seconds each."""


def asked(name: str) -> Pcm:
    """A question, as it was recorded at 16 kHz."""
    [audio] = [question.audio for question in load_questions() if question.name == name]
    assert audio.rate_hz == SPEECH_RATE_HZ
    return audio.pcm


def other(language: str, name: str) -> Pcm:
    """A clip of the voice of that language, at 16 kHz."""
    sample = getattr(SampleRegistry(), f"{language}_{name}")
    return resample(read_audio(sample.audio_path, max_s=60), SPEECH_RATE_HZ).pcm
