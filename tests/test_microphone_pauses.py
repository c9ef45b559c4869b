"""Pauses in a client's microphone: with semantic turns each is told of, and a verdict on it ends the turn."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.pipeline.eagerness import EAGERNESS
from realtime.protocol.config import AudioFormat, PcmFormat, SemanticVad, ServerVad
from tests.fakes import quiet, voice
from tests.microphones import VAD, Client, any_format


@any_format
@pytest.mark.parametrize("eagerness", ["low", "medium", "high", "auto"])
def test_a_pause_that_nobody_judges_is_waited_out(audio_format: AudioFormat, eagerness: Any) -> None:
    """Speech begins as with server VAD, and ends after the longest wait; the looks are told on the way."""
    client = Client(audio_format, SemanticVad(eagerness=eagerness))
    knobs, rate_hz = EAGERNESS["medium" if eagerness == "auto" else eagerness], audio_format.rate_hz
    client.says(quiet(960, rate_hz), voice(512, rate_hz), quiet(knobs.silence_ms + 96, rate_hz))
    assert client.times_ms == [660, 1472 + -(-knobs.silence_ms // 32) * 32]
    assert [pause.at_sample / 16 - 1472 for pause in client.pauses] == [-(-look // 32) * 32 for look in knobs.looks_ms]
    assert {pause.since_sample for pause in client.pauses} == {1472 * 16}


@any_format
def test_a_verdict_ends_the_turn_where_the_sound_has_come_to(audio_format: AudioFormat) -> None:
    """In true milliseconds, and what follows is the next turn's."""
    client, rate_hz = Client(audio_format, SemanticVad(eagerness="high")), audio_format.rate_hz
    client.says(quiet(960, rate_hz), voice(512, rate_hz), quiet(288 + 16, rate_hz))
    assert len(client.microphone.newest(10_000).pcm) == (1472 + 288 - 660) * 16
    assert client.microphone.newest(100).duration_ms == 100
    client.is_told(1.0)
    assert client.times_ms == [660, 1472 + 288]
    assert [len(turn) for turn in client.turns] == [(1472 + 288 - 660) * 16]
    client.is_told(1.0)
    client.says(quiet(656, rate_hz), voice(512, rate_hz))
    assert client.times_ms[2:] == [1472 + 288 + 16 + 656 - 16 - 300 + 16]


@any_format
def test_a_verdict_on_speech_that_goes_on_is_no_end(audio_format: AudioFormat) -> None:
    """It was about another pause."""
    client, rate_hz = Client(audio_format, SemanticVad()), audio_format.rate_hz
    client.says(voice(512, rate_hz), quiet(256, rate_hz), voice(512, rate_hz))
    client.is_told(1.0)
    assert client.times_ms == [0]


@pytest.mark.parametrize("detection", [VAD, None])
def test_nobody_is_asked_about_a_pause_without_semantic_turns(detection: ServerVad | None) -> None:
    """Silence ends a turn, or the client does."""
    client = Client(PcmFormat(), detection)
    client.says(voice(512, 24_000), quiet(100, 24_000), voice(512, 24_000), quiet(3000, 24_000))
    assert client.pauses == []
