"""`realtime talk` against the real server with scripted engines."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from starlette.websockets import WebSocket
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

import realtime.cli.talk as talk_module
from realtime.audio import Audio
from realtime.caller.ask import ask
from realtime.caller.events import Event, Response
from realtime.cli import app
from realtime.cli.talk import Captions
from realtime.codecs.containers import read_audio, write_wav
from realtime.errors import EngineFailed
from tests.caller.clocks import Hurried
from tests.caller.server import fake_app, scripted_app, serving
from tests.fakes import FakeChat, FakeTranscriber, fake_engines, quiet, voice


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The caller's clock is fast, and the server, which runs in the same process, keeps its log to itself."""
    monkeypatch.setattr(talk_module, "ask", partial(ask, clock=Hurried()))
    with capture_logs():
        yield


@pytest.fixture
def question(tmp_path: Path) -> Path:
    path = tmp_path / "question.wav"
    write_wav(path, Audio(np.concatenate((voice(300), quiet(100))), 24_000))
    return path


def talk(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["talk", *map(str, arguments)])


def test_both_sides_words_the_times_and_the_answer(question: Path, tmp_path: Path) -> None:
    with serving(fake_app()) as url:
        result = talk(question, "--url", url, "--out", tmp_path / "answer.wav")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[:2] == [
        "You        What is the capital of France?",
        "Assistant  Paris. It lies on the Seine.",
    ]
    assert [line.rsplit(maxsplit=1)[0].strip() for line in lines[4:9]] == [
        "speech stopped",
        "transcript",
        "first token",
        "first audio",
        "done",
    ]
    answer = read_audio(tmp_path / "answer.wav")
    assert answer.duration_ms > 1000
    assert np.abs(answer.pcm).max() == pytest.approx(0.5, abs=0.01)


def test_a_pause_makes_two_columns(question: Path, tmp_path: Path) -> None:
    write_wav(question, Audio(np.concatenate((voice(300), quiet(3000), voice(300))), 24_000))
    with serving(fake_app(fake_engines(transcriber=FakeTranscriber(["One?", "Two?"])))) as url:
        result = talk(question, "--url", url)
    assert [line for line in result.stdout.splitlines() if line.startswith("You")] == [
        "You        One?",
        "You        Two?",
    ]
    assert "turn 1  turn 2" in result.stdout


def refusal(result: Result) -> str:
    """The one line of a command that failed."""
    assert result.exit_code == 1, result.output
    [line] = [line for line in result.stderr.splitlines() if line.startswith("realtime: ")]
    assert "Traceback" not in result.output
    return line


def test_no_server(question: Path) -> None:
    assert "no Realtime server answers at ws://127.0.0.1:1/v1/realtime" in refusal(
        talk(question, "--url", "127.0.0.1:1")
    )


def test_a_wrong_key(question: Path) -> None:
    with serving(fake_app(api_keys=("sesame",))) as url:
        assert "HTTP status 401 (give a key with --key)" in refusal(talk(question, "--url", url))
        assert talk(question, "--url", url, "--key", "sesame").exit_code == 0


def test_no_sound(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<html>")
    assert f"{page}: This is not an audio file" in refusal(talk(page))
    assert "No such file" in refusal(talk(tmp_path / "absent.wav"))


def test_no_speech(question: Path) -> None:
    write_wav(question, Audio(voice(300) * np.float32(0.1), 24_000))
    with serving(fake_app()) as url:
        assert refusal(talk(question, "--url", url)) == "realtime: the server heard nobody speak"


def test_a_connection_that_breaks_in_the_middle(question: Path) -> None:
    async def break_off(websocket: WebSocket) -> None:
        await websocket.send_json({"type": "session.updated"})
        await websocket.receive()
        await websocket.close(1011)

    with serving(scripted_app(break_off)) as url:
        assert "the connection was lost" in refusal(talk(question, "--url", url))


def test_a_server_that_cannot_answer(question: Path) -> None:
    engines = fake_engines(chat=FakeChat([EngineFailed("the model is ill")]))
    with serving(fake_app(engines)) as url:
        assert refusal(talk(question, "--url", url)) == "realtime: the server could not answer: the model is ill"


def test_an_answer_that_cannot_be_written(question: Path, tmp_path: Path) -> None:
    with serving(fake_app()) as url:
        assert "cannot write" in refusal(talk(question, "--url", url, "--out", tmp_path / "no" / "answer.wav"))


HEARD = "conversation.item.input_audio_transcription"


@pytest.mark.parametrize(
    ("events", "shown"),
    [
        (
            [Event(type=f"{HEARD}.delta", delta="Who"), Event(type=f"{HEARD}.delta", delta=" is it?")],
            "You        Who is it?",
        ),
        ([Event(type=f"{HEARD}.completed", transcript=" Who? ")], "You        Who?\n"),
        ([Event(type=f"{HEARD}.completed", transcript="")], "You        (nothing)\n"),
        (
            [Event(type=f"{HEARD}.delta", delta="Who?"), Event(type=f"{HEARD}.completed", transcript="Who?")],
            "You        Who?\n",
        ),
        (
            [
                Event(type="response.output_audio_transcript.delta", delta=" I"),
                Event(type="response.output_audio_transcript.delta", delta=" am"),
                Event(type=f"{HEARD}.completed", transcript="Who?"),
                Event(type="response.output_audio_transcript.delta", delta=" late."),
                Event(type="response.done", response=Response(id="r")),
            ],
            "Assistant  I am\nYou        Who?\nAssistant  late.\n",
        ),
        ([Event(type="response.done", response=Response(id="r")), Event(type="error")], ""),
    ],
)
def test_captions(events: list[Event], shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    captions = Captions()
    for event in events:
        captions.show(event)
    assert capsys.readouterr().out == shown


def test_help_teaches() -> None:
    shown = CliRunner().invoke(app, ["talk", "--help"], env={"COLUMNS": "120"}).stdout
    assert "20 ms at a time" in shown
    assert "--out answer.wav" in shown
    assert "REALTIME_KEY" in shown
