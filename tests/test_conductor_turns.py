"""Turns that end when they sound complete: what the turn detector's answers, early, late or none, do to a conversation.

`semantic_turn` is a scenario of docs/flows.md.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from realtime.errors import EngineFailed
from realtime.pipeline.eagerness import EAGERNESS
from realtime.pipeline.endpoint import HUSH_MS
from tests.dialogue import Dialogue
from tests.fakes import FakeTranscriber, FakeTurnDetector, fake_engines, quiet, settle, voice

pytestmark = pytest.mark.usefixtures("no_blocking")

MEDIUM = EAGERNESS["medium"]
WINDOW_MS = 32
STARTED, STOPPED = "input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped"
SPOKEN_MS = 512 + 768
"""Where speech ends in what `asks_something` says."""


def semantic(**choices: Any) -> dict[str, Any]:
    """What a client asks for."""
    return {"type": "semantic_vad", **choices}


async def asks_something(client: Dialogue, detection: dict[str, Any] | None = None) -> None:
    """Choose how turns end, and speak up to the last voiced sample."""
    await client.tunes(turn_detection=detection or semantic(eagerness="medium"))
    await client.says(quiet(512), voice(768))


async def is_silent(client: Dialogue, ms: float) -> None:
    """Send silence as a microphone does, a window at a time; one more, for the end of it is in the resampler."""
    for _ in range(round(ms / WINDOW_MS) + 1):
        await client.says(quiet(WINDOW_MS))


def whole_windows(ms: float) -> int:
    """So much sound has been heard when the detector has heard `ms`."""
    return -(-round(ms) // WINDOW_MS) * WINDOW_MS


FIRST_LOOK, *_, LAST_LOOK = LOOKS = [SPOKEN_MS + whole_windows(look) for look in MEDIUM.looks_ms]
FIRST_END, SECOND_END = (SPOKEN_MS + whole_windows(bar.silence_ms) for bar in MEDIUM.bars if bar.sense is None)
PADDED_MS = 512 - 300
"""Where the turn of `asks_something` begins."""


async def test_semantic_turn() -> None:
    """Silence is listened to at several instants; what sounds complete ends at once, and the rest is waited for."""
    detector, transcriber = FakeTurnDetector([1.0, 1.0, 1.0, 0.6]), FakeTranscriber()
    async with Dialogue(fake_engines(turn_detector=detector, transcriber=transcriber)) as client:
        await asks_something(client, semantic(eagerness="auto"))
        assert client.last(STARTED)["audio_start_ms"] == PADDED_MS
        await is_silent(client, FIRST_END - SPOKEN_MS - WINDOW_MS)
        assert [len(turn) / 16 for turn in detector.heard] == [look - PADDED_MS for look in LOOKS]
        assert client.all(STOPPED) == []
        await client.says(quiet(WINDOW_MS))
        assert client.last(STOPPED)["audio_end_ms"] == FIRST_END
        await client.goes_on(5)
        assert client.words(client.response["id"]) == "Paris. It lies on the Seine."
        await client.says(voice(768))
        await is_silent(client, SECOND_END - SPOKEN_MS)
        assert client.last(STOPPED)["audio_end_ms"] == FIRST_END + WINDOW_MS + 768 + SECOND_END - SPOKEN_MS
        assert len(transcriber.heard[0]) == (SPOKEN_MS + HUSH_MS - PADDED_MS) * 16


@pytest.mark.parametrize(
    ("words", "sense"), [("What is the capital of France?", "whole"), ("What is the capital of", "open")]
)
async def test_what_is_said_counts_beside_how_it_sounds(words: str, sense: str) -> None:
    """A whole question ends sooner than its sound alone would end it, half of one later: the first bar of its sense."""
    engines = fake_engines(turn_detector=FakeTurnDetector([1.0]), transcriber=FakeTranscriber([words]))
    first = min(bar.silence_ms for bar in MEDIUM.bars if bar.sense == sense)
    async with Dialogue(engines) as client:
        await client.tunes(transcription={"model": "whisper-1", "language": "en"})
        await asks_something(client)
        await is_silent(client, whole_windows(first))
        assert client.last(STOPPED)["audio_end_ms"] == SPOKEN_MS + whole_windows(first)
        assert (client.last(STOPPED)["audio_end_ms"] < FIRST_END) is (sense == "whole")


async def test_one_doubtful_look_is_enough_to_wait() -> None:
    """Whatever the other said."""
    for script in ([1.0, 0.7], [0.7, 1.0]):
        async with Dialogue(fake_engines(turn_detector=FakeTurnDetector([*script]))) as client:
            await asks_something(client)
            await is_silent(client, SECOND_END - SPOKEN_MS)
            assert client.last(STOPPED)["audio_end_ms"] == SECOND_END


@pytest.mark.parametrize(("eagerness", "longest_ms"), [("low", 8000), ("medium", 4000), ("auto", 4000), ("high", 2000)])
async def test_the_longest_wait_ends_a_turn_that_never_sounds_complete(eagerness: str, longest_ms: int) -> None:
    """OpenAI's figures."""
    async with Dialogue(fake_engines(turn_detector=FakeTurnDetector([0.0]))) as client:
        await asks_something(client, semantic(eagerness=eagerness))
        await client.says(quiet(longest_ms - WINDOW_MS))
        assert client.all(STOPPED) == []
        await client.says(quiet(2 * WINDOW_MS))
        assert client.last(STOPPED)["audio_end_ms"] == SPOKEN_MS + -(-longest_ms // WINDOW_MS) * WINDOW_MS


async def test_a_verdict_on_speech_that_goes_on_is_stale() -> None:
    """However complete it sounded: the turn is one, and what ends it is the next silence."""
    detector = FakeTurnDetector([1.0], gate=asyncio.Event())
    assert detector.gate
    async with Dialogue(fake_engines(turn_detector=detector)) as client:
        await asks_something(client)
        await is_silent(client, 320 - WINDOW_MS)
        await client.says(voice(320))
        detector.gate.set()
        await settle()
        assert client.all(STOPPED) == []
        await is_silent(client, 320)
        assert client.last(STOPPED)["audio_end_ms"] == 320 + 320 + FIRST_END
        assert len(client.all(STARTED)) == 1


async def test_a_late_verdict_ends_the_turn_where_the_sound_has_come_to() -> None:
    """The client is told no end in the past. In what was heard meanwhile nobody spoke: it holds no words."""
    detector, transcriber = FakeTurnDetector([1.0], gate=asyncio.Event()), FakeTranscriber()
    assert detector.gate
    async with Dialogue(fake_engines(turn_detector=detector, transcriber=transcriber)) as client:
        await asks_something(client)
        await is_silent(client, 416)
        assert client.all(STOPPED) == []
        detector.gate.set()
        await settle()
        assert client.last(STOPPED)["audio_end_ms"] == SPOKEN_MS + 416
        assert [len(speech) for speech in transcriber.heard] == [(SPOKEN_MS + HUSH_MS - PADDED_MS) * 16]
        assert len(detector.heard) == 2


async def test_of_the_pauses_that_wait_only_the_newest_is_listened_to() -> None:
    """Whoever sends faster than can be listened to is answered about what he said last."""
    detector = FakeTurnDetector([0.0])
    async with Dialogue(fake_engines(turn_detector=detector)) as client:
        await asks_something(client)
        await client.says(quiet(500))
        assert [len(turn) / 16 for turn in detector.heard] == [LAST_LOOK - PADDED_MS]


async def test_only_the_end_of_a_long_turn_is_listened_to() -> None:
    """As much as the detector wants."""
    detector = FakeTurnDetector([1.0], window_ms=500)
    async with Dialogue(fake_engines(turn_detector=detector)) as client:
        await asks_something(client)
        await is_silent(client, 256)
        assert {len(turn) / 16 for turn in detector.heard} == {500}


async def test_a_detector_may_hear_at_its_own_rate() -> None:
    """The turn is resampled for it."""
    detector = FakeTurnDetector([1.0], rate_hz=8_000)
    async with Dialogue(fake_engines(turn_detector=detector)) as client:
        await asks_something(client)
        await is_silent(client, 320)
        await client.until(STOPPED)
        assert len(detector.heard[0]) / 8 == pytest.approx(FIRST_LOOK - PADDED_MS, abs=1)


@pytest.mark.parametrize("failure", [EngineFailed("The turn detector is out of memory."), ZeroDivisionError("oops")])
async def test_silence_ends_turns_while_the_detector_fails(
    failure: Exception, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """As it would without one, and the log says so once; the client is told of no error."""
    detector = FakeTurnDetector([failure, failure, failure, failure, 1.0])
    async with Dialogue(fake_engines(turn_detector=detector)) as client:
        await asks_something(client)
        await is_silent(client, MEDIUM.blind_silence_ms)
        assert client.last(STOPPED)["audio_end_ms"] == SPOKEN_MS + MEDIUM.blind_silence_ms
        await client.goes_on(5)
        await client.says(voice(768))
        await is_silent(client, MEDIUM.blind_silence_ms)
        assert len(client.all(STOPPED)) == 2
        await client.goes_on(5)
        await client.says(voice(768))
        await is_silent(client, 320)
        assert len(client.all(STOPPED)) == 3
        assert client.all("error") == []
    assert (capsys.readouterr().out + caplog.text).count("turn detection failed") == 1


async def test_a_turn_that_is_committed_meanwhile_ends_once() -> None:
    """The verdict comes too late."""
    detector = FakeTurnDetector([1.0], gate=asyncio.Event())
    assert detector.gate
    async with Dialogue(fake_engines(turn_detector=detector)) as client:
        await asks_something(client)
        await is_silent(client, 256)
        await client.asks("input_audio_buffer.commit")
        detector.gate.set()
        await client.goes_on(5)
        assert len(client.all("input_audio_buffer.committed")) == 1
        assert len(client.all(STOPPED)) == 1


@pytest.mark.parametrize("detection", [None, {"type": "server_vad"}])
async def test_nobody_is_asked_where_silence_or_the_client_ends_turns(detection: dict[str, Any] | None) -> None:
    """Also when that is chosen while a pause is being listened to."""
    detector = FakeTurnDetector([1.0], gate=asyncio.Event())
    assert detector.gate
    async with Dialogue(fake_engines(turn_detector=detector)) as client:
        await asks_something(client)
        await is_silent(client, 256 - WINDOW_MS)
        await client.tunes(turn_detection=detection)
        detector.gate.set()
        await settle()
        assert client.all(STOPPED) == []
        await client.says(quiet(512), voice(768), quiet(600))
        assert len(detector.heard) == 2
        assert [event["audio_end_ms"] for event in client.all(STOPPED)] == (
            [SPOKEN_MS + 512, SPOKEN_MS + 256 + 512 + 768 + 512] if detection else []
        )


async def test_the_verdict_says_nothing_about_create_and_interrupt() -> None:
    """They are kept as with server VAD."""
    async with Dialogue(fake_engines(turn_detector=FakeTurnDetector([1.0]))) as client:
        await asks_something(client, semantic(create_response=False, interrupt_response=False))
        await is_silent(client, 320)
        assert client.names[-1] == "conversation.item.done"
        assert client.all("response.created") == []


async def test_who_hangs_up_while_being_listened_to_leaves_nothing_behind() -> None:
    """Nobody waits for the verdict."""
    detector = FakeTurnDetector([1.0], gate=asyncio.Event())
    async with Dialogue(fake_engines(turn_detector=detector)) as client:
        await asks_something(client)
        await is_silent(client, 256)
        assert len(detector.heard) == 1


async def test_without_a_turn_detector_semantic_vad_is_refused() -> None:
    """By name, and turns are found as before."""
    async with Dialogue(replace(fake_engines(), turn_detector=None)) as client:
        await client.tunes(turn_detection=semantic())
        assert client.last("error")["error"]["param"] == "session.audio.input.turn_detection.type"
        await client.says(quiet(512), voice(768), quiet(576))
        assert len(client.all(STOPPED)) == 1
