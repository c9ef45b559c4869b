"""Whole calls over a real socket, to the real server with scripted engines. The caller's clock is in a hurry."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from starlette.websockets import WebSocket

from realtime.audio import Audio
from realtime.caller.ask import SESSION, Patience, ask
from realtime.caller.clip import RATE_HZ, Clip, make_clip
from realtime.caller.errors import LineLost, NoAnswer, NotAnEvent, Refused
from realtime.caller.events import Event, Response
from realtime.caller.line import dial
from realtime.caller.notebook import Notebook
from realtime.caller.turn import STAGES
from realtime.errors import EngineFailed
from tests.caller.clocks import Hurried
from tests.caller.server import Script, fake_app, scripted_app, serving
from tests.fakes import FakeChat, FakeSynthesizer, FakeTranscriber, fake_engines, quiet, voice


def said(*parts_ms: float) -> Clip:
    """Voice and quiet by turns."""
    parts = [quiet(ms) if place % 2 else voice(ms) for place, ms in enumerate(parts_ms)]
    return make_clip(Audio(np.concatenate(parts), RATE_HZ))


async def test_a_question_is_heard_answered_and_timed() -> None:
    seen: list[Event] = []
    with serving(fake_app()) as url:
        async with dial(url) as line:
            await line.configure(SESSION)
            conversation = await ask(line, said(400, 100), seen.append, clock=Hurried())
    [turn] = conversation.turns
    assert turn.heard == "What is the capital of France?"
    assert turn.said == "Paris. It lies on the Seine."
    assert turn.status == "completed"
    assert list(turn.latencies_ms()) == list(STAGES)
    times = list(turn.times_s.values())
    assert turn.last_voiced_s < times[0]
    assert times == sorted(times)
    spoken_ms = FakeSynthesizer.ms_per_letter * len("Paris." + "It lies on the Seine.")
    assert turn.answer.duration_ms - turn.gaps_ms == pytest.approx(spoken_ms, abs=1)
    assert "response.created" in [event.type for event in seen]


async def test_one_line_holds_one_question_after_another() -> None:
    transcriber = FakeTranscriber(["Who?", "Where?"])
    with serving(fake_app(fake_engines(transcriber=transcriber))) as url:
        async with dial(url) as line:
            await line.configure(SESSION)
            heard = [(await ask(line, said(300), clock=Hurried())).turns[0].heard for _ in range(2)]
    assert heard == ["Who?", "Where?"]


async def test_talking_over_an_answer_silences_it() -> None:
    story = "Once upon a time there was a king who told very, very, very long stories."
    engines = fake_engines(chat=FakeChat([story, "Yes?"]), synthesizer=FakeSynthesizer(ms_per_letter=200))
    with serving(fake_app(engines)) as url:
        async with dial(url) as line:
            await line.configure(SESSION)
            conversation = await ask(line, said(300, 3000, 300), clock=Hurried())
    first, second = conversation.turns
    assert first.interrupted_s is not None
    assert first.answer.duration_ms < 200 * len(story)
    assert second.interrupted_s is None
    assert second.said == "Yes?"


async def test_a_voice_the_server_does_not_notice_gets_no_answer() -> None:
    faint = make_clip(Audio(voice(300) * np.float32(0.1), RATE_HZ))
    with serving(fake_app()) as url:
        async with dial(url) as line:
            await line.configure(SESSION)
            with pytest.raises(NoAnswer, match="heard nobody"):
                await ask(line, faint, clock=Hurried())


async def test_an_answer_that_never_ends_is_not_waited_for() -> None:
    chat = FakeChat(gate=asyncio.Event())
    with serving(fake_app(fake_engines(chat=chat))) as url:
        async with dial(url) as line:
            await line.configure(SESSION)
            with pytest.raises(NoAnswer, match="no complete answer came within 5 s"):
                await ask(line, said(300), patience=Patience(for_an_answer_ms=5000), clock=Hurried())


async def test_a_failure_of_the_server_is_told() -> None:
    engines = fake_engines(chat=FakeChat([EngineFailed("the model is ill")]))
    with serving(fake_app(engines)) as url:
        async with dial(url) as line:
            await line.configure(SESSION)
            [turn] = (await ask(line, said(300), clock=Hurried())).turns
    assert (turn.status, turn.problem) == ("failed", "the model is ill")
    assert "first audio" not in turn.times_s
    assert len(turn.answer.pcm) == 0


async def test_a_transcription_that_fails_is_told() -> None:
    engines = fake_engines(transcriber=FakeTranscriber([EngineFailed("it is deaf")]))
    with serving(fake_app(engines)) as url:
        async with dial(url) as line:
            await line.configure(SESSION)
            [turn] = (await ask(line, said(300), clock=Hurried())).turns
    assert turn.problem == "it is deaf"
    assert "transcript" not in turn.times_s


async def test_cancelling_leaves_the_line_open() -> None:
    heard_voice = asyncio.Event()

    def watch(event: Event) -> None:
        if event.type == "input_audio_buffer.speech_stopped":
            heard_voice.set()

    with serving(fake_app()) as url:
        async with dial(url) as line:
            await line.configure(SESSION)
            asking = asyncio.create_task(ask(line, said(300), watch, clock=Hurried()))
            await heard_voice.wait()
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            [turn] = (await ask(line, said(400), clock=Hurried())).turns
    assert turn.status == "completed"


def test_a_caller_waits_for_more_before_it_hangs_up() -> None:
    """The server may end a turn in a pause of the clip and answer it before it notices that the voice goes on."""
    notebook = Notebook()
    for event in (
        Event(type="input_audio_buffer.speech_started", item_id="a"),
        Event(type="input_audio_buffer.speech_stopped", item_id="a"),
        Event(type="response.created", response=Response(id="r")),
        Event(type="response.done", response=Response(id="r")),
    ):
        notebook.note(event, 1.0)
    patience = Patience(for_more_ms=1500)
    assert [patience.is_over(notebook, waited_ms, 1.0) for waited_ms in (0, 1500, 1501)] == [False, False, True]


async def break_off(websocket: WebSocket) -> None:
    for _ in range(3):
        await websocket.receive()
    await websocket.close(1011)


async def complain(websocket: WebSocket) -> None:
    await websocket.send_json({"type": "error", "error": {"message": "too loud"}})
    await hear_out(websocket)


async def babble(websocket: WebSocket) -> None:
    await websocket.send_text("bla bla")
    await hear_out(websocket)


async def hear_out(websocket: WebSocket) -> None:
    while (await websocket.receive())["type"] != "websocket.disconnect":
        continue


@pytest.mark.parametrize(
    ("script", "error", "why"),
    [
        (break_off, LineLost, "connection was lost: the server had an internal error"),
        (complain, Refused, "complains: too loud"),
        (babble, NotAnEvent, "no event"),
    ],
)
async def test_what_goes_wrong_in_the_middle_is_one_error(script: Script, error: type[Exception], why: str) -> None:
    async def configured(websocket: WebSocket) -> None:
        await websocket.send_json({"type": "session.updated"})
        await script(websocket)

    with serving(scripted_app(configured)) as url:
        async with dial(url) as line:
            await line.configure(SESSION)
            with pytest.raises(error, match=why):
                await ask(line, said(300), clock=Hurried())
