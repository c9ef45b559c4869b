"""Sounds made into answers of the real server on scripted engines."""

from __future__ import annotations

import asyncio
from collections import Counter
from math import isfinite

import numpy as np
import pytest
from starlette.websockets import WebSocket

from realtime.audio import Audio
from realtime.bench import interruptions
from realtime.bench.errors import BenchFailed
from realtime.bench.interruptions import ATTEMPTS, REQUEST, Echo, Sound, Trial, load_sounds, measure
from realtime.bench.target import Target, session_with
from realtime.caller.clip import RATE_HZ, Clip, make_clip
from realtime.errors import EngineFailed
from tests.caller.clocks import Hurried
from tests.caller.server import fake_app, scripted_app, serving
from tests.fakes import FakeChat, FakeSynthesizer, fake_engines, quiet, voice

STORY = "Once upon a time there was a king who told very, very, very long stories."


def clip(level: float = 1.0) -> Clip:
    sound = np.concatenate((quiet(100), voice(300) * np.float32(level)))
    return make_clip(Audio(sound, RATE_HZ))


SHOUT = Sound("shout", "interruption", clip())
MURMUR = Sound("murmur", "backchannel", clip(0.1))
LOUD_ECHO = Sound("echo", "own echo", None, Echo(100, 0))
SOFT_ECHO = Sound("echo", "own echo", None, Echo(100, -12))
OVER_ECHO = Sound("shout over an echo", "interruption over echo", clip(), Echo(100, 0))


async def trials_of(*sounds: Sound, chat: FakeChat | None = None, told: list[Trial] | None = None) -> list[Trial]:
    engines = fake_engines(chat=chat or FakeChat([STORY]), synthesizer=FakeSynthesizer(ms_per_letter=300))
    tell = (lambda _: None) if told is None else told.append
    with serving(fake_app(engines)) as url:
        return await measure(Target(url, clock=Hurried()), sounds, REQUEST, tell)


async def test_what_the_server_hears_stops_its_answer_and_what_it_does_not_hear_does_not() -> None:
    told: list[Trial] = []
    shout, murmur = await trials_of(SHOUT, MURMUR, told=told)
    assert told == [shout, murmur]
    assert (shout.outcome, shout.stopped_by) == ("stopped", "input_audio_buffer.speech_started")
    assert shout.stop_ms is not None
    assert shout.stop_ms > 0
    assert (murmur.outcome, murmur.stop_ms, murmur.stopped_by) == ("went on", None, "")


async def test_the_answer_comes_back_into_the_microphone_later_and_softer() -> None:
    """The scripted ear hears what is louder than a quarter; the scripted mouth speaks twice as loud as that."""
    loud, soft, over = await trials_of(LOUD_ECHO, SOFT_ECHO, OVER_ECHO)
    assert loud.outcome == "stopped"
    assert loud.stop_ms is not None
    assert loud.stop_ms > 100
    assert soft.outcome == "went on"
    assert (over.outcome, over.stop_ms, over.stopped) == ("stopped too early", None, True)


async def test_an_answer_that_is_over_too_soon_is_asked_for_again() -> None:
    told: list[Trial] = []
    with pytest.raises(BenchFailed, match="no answer could be interrupted: answer too short"):
        await trials_of(MURMUR, chat=FakeChat(["Yes, yes."]), told=told)
    assert Counter(trial.outcome for trial in told) == {"answer too short": ATTEMPTS}
    [murmur] = await trials_of(MURMUR, chat=FakeChat(["Yes, yes.", STORY]))
    assert murmur.outcome == "went on"


async def test_no_answer_at_all_is_no_measurement() -> None:
    with pytest.raises(BenchFailed, match="no answer could be interrupted: the model is ill"):
        await trials_of(SHOUT, chat=FakeChat([EngineFailed("the model is ill")]))


async def test_an_answer_that_never_begins_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interruptions, "PATIENCE_S", 1)
    with pytest.raises(BenchFailed, match="no answer came"):
        await trials_of(SHOUT, chat=FakeChat([STORY], gate=asyncio.Event()))


async def test_a_response_that_is_cancelled_stops_as_well() -> None:
    async def cancel(websocket: WebSocket) -> None:
        await websocket.send_json({"type": "session.updated"})
        sound = "AAAA" * 32_000
        await websocket.send_json({"type": "response.output_audio.delta", "response_id": "r", "delta": sound})
        while "append" not in await websocket.receive_text():
            continue
        while True:  # the piece in which something is heard
            text = await websocket.receive_text()
            if "append" in text and "AAAAAAAA" not in text:
                break
        await websocket.send_json({"type": "response.output_audio.ducked", "response_id": "r"})
        await websocket.send_json({"type": "response.done", "response": {"id": "r", "status": "cancelled"}})
        while (await websocket.receive())["type"] != "websocket.disconnect":
            continue

    with serving(scripted_app(cancel)) as url:
        [trial] = await measure(Target(url, clock=Hurried()), [SHOUT], REQUEST, lambda _: None)
    assert (trial.outcome, trial.stopped_by) == ("stopped", "response.done")
    assert trial.ducked_ms is not None
    assert trial.stop_ms is not None
    assert 0 <= trial.ducked_ms <= trial.stop_ms


async def test_a_server_that_does_not_listen_is_not_stopped() -> None:
    deaf = session_with({"audio": {"input": {"turn_detection": None}}})
    engines = fake_engines(chat=FakeChat([STORY]), synthesizer=FakeSynthesizer(ms_per_letter=300))
    with serving(fake_app(engines)) as url:
        [trial] = await measure(Target(url, session=deaf, clock=Hurried()), [SHOUT], REQUEST, lambda _: None)
    assert trial.outcome == "went on"


def test_there_are_sounds_of_every_kind() -> None:
    sounds = load_sounds()
    kinds = Counter(sound.kind for sound in sounds)
    assert kinds["interruption"] >= 8
    assert kinds["backchannel"] >= 7
    assert kinds["noise"] == 3
    assert kinds["own echo"] == 4
    assert kinds["interruption over echo"] == 2
    assert len({sound.name for sound in sounds}) == len(sounds)
    assert all((sound.clip is None) == (sound.kind == "own echo") for sound in sounds)
    assert all(isfinite(sound.echo.loudness_db) for sound in sounds if sound.echo)
