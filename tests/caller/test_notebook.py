"""The arithmetic of turns, from scripted logs of events. No socket, no clock."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from realtime.audio import Audio
from realtime.caller.clip import RATE_HZ, Clip, make_clip
from realtime.caller.events import Details, Event, Problem, Response
from realtime.caller.notebook import Notebook
from realtime.caller.turn import Turn
from tests.fakes import quiet, voice

PIECE = RATE_HZ // 50


def question(*pauses_ms: float) -> Clip:
    """200 ms of silence, 300 ms of voice, and again 300 ms of voice after each pause; 200 ms of silence."""
    parts = [quiet(200), voice(300)]
    for pause in pauses_ms:
        parts += [quiet(pause), voice(300)]
    return make_clip(Audio(np.concatenate([*parts, quiet(200)]), RATE_HZ))


def started(item: str) -> Event:
    return Event(type="input_audio_buffer.speech_started", item_id=item)


def stopped(item: str, end_ms: int) -> Event:
    return Event(type="input_audio_buffer.speech_stopped", item_id=item, audio_end_ms=end_ms)


def transcribed(item: str, words: str) -> Event:
    return Event(type="conversation.item.input_audio_transcription.completed", item_id=item, transcript=words)


def created(response: str) -> Event:
    return Event(type="response.created", response=Response(id=response, status="in_progress"))


def opened(response: str) -> Event:
    return Event(type="response.output_item.added", response_id=response)


def words(response: str, delta: str) -> Event:
    return Event(type="response.output_audio_transcript.delta", response_id=response, delta=delta)


def sound(response: str, ms: int) -> Event:
    silence = base64.b64encode(bytes(2 * RATE_HZ * ms // 1000)).decode()
    return Event(type="response.output_audio.delta", response_id=response, delta=silence)


def done(response: str, status: str = "completed", problem: str | None = None) -> Event:
    details = Details(error=Problem(message=problem)) if problem else None
    return Event(type="response.done", response=Response(id=response, status=status, status_details=details))


def turns_of(log: list[tuple[float, Event]], clip: Clip, clip_start_ms: int = 0, began_s: float = 100.0) -> list[Turn]:
    """The turns, for a clip sent from `began_s` on, a piece every 20 ms."""
    notebook = Notebook()
    for at_s, event in log:
        notebook.note(event, at_s)
    sent_at_s = [began_s + 0.02 * piece for piece in range(len(clip.pcm) // PIECE)]
    return notebook.record(clip, clip_start_ms * RATE_HZ // 1000, sent_at_s, PIECE)


def test_a_turn_is_timed_from_the_append_that_held_the_last_voiced_sample() -> None:
    log = [
        (100.3, started("a")),
        (101.0, stopped("a", 1000)),
        (101.1, transcribed("a", " What? ")),
        (101.15, created("r")),
        (101.2, opened("r")),
        (101.3, words("r", " Well,")),
        (101.31, sound("r", 100)),
        (101.35, words("r", " yes.")),
        (101.36, sound("r", 100)),
        (101.4, done("r")),
    ]
    [turn] = turns_of(log, question())
    assert (turn.heard, turn.said, turn.status, turn.problem) == ("What?", "Well, yes.", "completed", "")
    # Voice ends at 500 ms, in the 25th piece, which went out at 480 ms.
    assert turn.last_voiced_s == pytest.approx(100.48)
    assert turn.latencies_ms() == pytest.approx(
        {"speech stopped": 520, "transcript": 620, "first token": 720, "first audio": 830, "done": 920}
    )
    assert turn.answer.duration_ms == 200
    assert turn.interrupted_s is None


def test_positions_count_from_the_beginning_of_the_session() -> None:
    """The second clip of a call: the server's milliseconds began long before it."""
    log = [(100.3, started("a")), (101.0, stopped("a", 61_000))]
    [turn] = turns_of(log, question(1000), clip_start_ms=60_000)
    assert turn.last_voiced_s == pytest.approx(100.48)


def test_what_did_not_happen_has_no_time() -> None:
    [turn] = turns_of([(100.3, started("a")), (101.0, stopped("a", 1000)), (101.1, created("r"))], question())
    assert list(turn.latencies_ms()) == ["speech stopped"]
    assert (turn.status, turn.heard, turn.said) == ("", "", "")


def test_a_pause_makes_two_turns_and_the_second_talks_over_the_first_answer() -> None:
    log = [
        (100.3, started("a")),
        (101.0, stopped("a", 1000)),
        (101.1, created("r")),
        (101.2, sound("r", 3000)),
        (101.6, started("b")),
        (101.61, sound("r", 100)),
        (101.62, done("r", "cancelled")),
        (102.3, stopped("b", 2300)),
        (102.4, created("s")),
        (102.5, sound("s", 100)),
        (102.6, done("s")),
    ]
    first, second = turns_of(log, question(1000))
    assert first.last_voiced_s == pytest.approx(100.48)
    assert second.last_voiced_s == pytest.approx(101.78)
    assert first.interrupted_s == 101.6
    assert first.status == "cancelled"
    assert first.answer.duration_ms == pytest.approx(400)
    assert (second.interrupted_s, second.status, second.answer.duration_ms) == (None, "completed", 100)
    assert second.latencies_ms()["first audio"] == pytest.approx(720)


def test_an_answer_that_was_played_to_its_end_is_not_interrupted() -> None:
    log = [
        (100.3, started("a")),
        (101.0, stopped("a", 1000)),
        (101.1, created("r")),
        (101.2, sound("r", 100)),
        (101.25, done("r")),
        (101.6, started("b")),
    ]
    first, _ = turns_of(log, question(1000))
    assert first.interrupted_s is None
    assert first.answer.duration_ms == 100


def test_sound_that_comes_late_is_a_gap() -> None:
    log = [
        (100.3, started("a")),
        (101.0, stopped("a", 1000)),
        (101.1, created("r")),
        (101.2, sound("r", 100)),
        (101.55, sound("r", 100)),
    ]
    [turn] = turns_of(log, question())
    assert turn.gaps_ms == 250
    assert turn.answer.duration_ms == pytest.approx(450)


def test_a_turn_that_got_no_response_does_not_take_the_next_ones() -> None:
    log = [
        (100.3, started("a")),
        (101.0, stopped("a", 1000)),
        (101.6, started("b")),
        (102.3, stopped("b", 2300)),
        (102.4, created("r")),
        (102.5, done("r")),
    ]
    first, second = turns_of(log, question(1000))
    assert (first.status, second.status) == ("", "completed")


def test_failures_say_why() -> None:
    [turn] = turns_of(
        [
            (100.3, started("a")),
            (101.0, stopped("a", 1000)),
            (101.1, created("r")),
            (101.2, done("r", "failed", "the model is ill")),
        ],
        question(),
    )
    assert (turn.status, turn.problem) == ("failed", "the model is ill")
    failed = Event(
        type="conversation.item.input_audio_transcription.failed", item_id="a", error=Problem(message="deaf")
    )
    [turn] = turns_of([(100.3, started("a")), (101.0, stopped("a", 1000)), (101.1, failed)], question())
    assert turn.problem == "deaf"


def test_events_of_others_change_nothing() -> None:
    log = [
        (99.0, created("stale")),
        (100.3, started("a")),
        (100.4, sound("stale", 100)),
        (101.0, stopped("a", 1000)),
        (101.1, created("r")),
        (101.2, done("stale")),
        (101.3, transcribed("stranger", "Hello")),
        (101.3, Event(type="rate_limits.updated")),
    ]
    [turn] = turns_of(log, question())
    assert (turn.heard, turn.status, list(turn.times_s)) == ("", "", ["speech stopped"])


def test_a_call_is_over_when_the_last_answer_is_over_and_was_played() -> None:
    notebook = Notebook()

    def standing(at_s: float) -> tuple[bool, bool]:
        return notebook.hearing, notebook.answered(at_s)

    assert standing(100.0) == (False, False)
    notebook.note(started("a"), 100.3)
    assert standing(100.3) == (True, False)
    notebook.note(stopped("a", 1000), 101.0)
    assert standing(101.0) == (False, False)
    notebook.note(created("r"), 101.1)
    notebook.note(sound("r", 1000), 101.2)
    assert standing(102.3) == (False, False)
    notebook.note(done("r"), 101.3)
    assert standing(102.0) == (False, False)
    assert standing(102.3) == (False, True)
    notebook.note(started("b"), 102.4)
    assert standing(110.0) == (True, False)
