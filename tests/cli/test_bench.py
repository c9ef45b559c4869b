"""`realtime bench` as a command: what it prints, what it writes, and what it draws."""

from __future__ import annotations

import json
import sys
from functools import partial, partialmethod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from realtime.audio import Audio
from realtime.bench import interruptions, load, target, turns
from realtime.bench.interruptions import Sound
from realtime.bench.own_server import own_server
from realtime.bench.questions import Question
from realtime.bench.room import Room
from realtime.caller.clip import RATE_HZ, make_clip
from realtime.cli import app
from realtime.cli.bench import latency as latency_module
from realtime.cli.bench import load as load_module
from realtime.cli.bench import serving as serving_module
from realtime.cli.bench import turns as turns_module
from tests.caller.clocks import Hurried
from tests.caller.server import fake_app, serving
from tests.fakes import FakeChat, FakeSynthesizer, fake_engines, quiet, voice

FAKE = (sys.executable, "-m", "tests.bench.fake_server")
COMMANDS = ("latency", "turns", "interruptions", "load", "listening")


@pytest.fixture(autouse=True)
def _scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sounds that the fake detector hears, the fake server, and a caller in a hurry."""
    said = Audio(np.concatenate((voice(700), quiet(100))), RATE_HZ)
    question = Question("who", "Who?", said, (400,))
    for module in (latency_module, load_module, turns_module):
        monkeypatch.setattr(module, "load_questions", lambda: [question])
    murmur = Audio(said.pcm * np.float32(0.1), RATE_HZ)
    sounds = [Sound("shout", "interruption", make_clip(said)), Sound("murmur", "backchannel", make_clip(murmur))]
    monkeypatch.setattr(interruptions, "load_sounds", lambda: sounds)
    monkeypatch.setattr(serving_module, "own_server", partial(own_server, program=FAKE))
    monkeypatch.setattr(target, "LoopClock", Hurried)
    monkeypatch.setattr(Room, "listen", partialmethod(Room.listen, settle_s=0.1))
    monkeypatch.setattr(load, "EVERY_S", 4.0)
    monkeypatch.setattr(turns, "LIMIT_MS", 3000)


def bench(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["bench", *arguments])


def written_by(*arguments: str, out: Path) -> dict[str, Any]:
    """What is in the file that the benchmark writes."""
    result = bench(*arguments, "--out", str(out))
    assert result.exit_code == 0, result.output
    written: dict[str, Any] = json.loads(out.read_text())
    assert written["machine"]["cores"] >= 1
    assert written["machine"]["packages"]
    return written


def test_latency_against_a_running_server(tmp_path: Path) -> None:
    out = tmp_path / "new" / "results.json"
    with serving(fake_app()) as url:
        written = written_by("latency", "--url", url, "--turns", "2", "--turn-detection", "server_vad:300", out=out)
    assert (written["benchmark"], written["url"]) == ("latency", url)
    assert written["session"]["audio"]["input"]["turn_detection"] == {"type": "server_vad", "silence_duration_ms": 300}
    assert [turn["heard"] for turn in written["turns"]] == ["What is the capital of France?"] * 2
    assert written["summary"]["stages"]["first audio"]["count"] == 2
    assert written["summary"]["cut_into"] == 0


def test_latency_with_a_server_of_its_own(tmp_path: Path) -> None:
    result = bench("latency", "--turns", "1", "--markdown", "--plot", str(tmp_path / "latency.svg"))
    assert result.exit_code == 0, result.output
    assert "| first audio | " in result.stdout
    assert "| --- | ---: |" in result.stdout
    assert "first audio" in (tmp_path / "latency.svg").read_text()


def test_turns(tmp_path: Path) -> None:
    with serving(fake_app()) as url:
        arguments = ("turns", "--url", url, "--turn-detection", "server_vad:300", "--at-once", "2")
        written = written_by(*arguments, "--plot", str(tmp_path / "turns.svg"), out=tmp_path / "turns.json")
    [setting] = written["settings"]
    assert [case["how"] for case in setting["cases"]] == ["whole", "plain", "drawn out"]
    assert written["summary"]["settings"]["server_vad:300"]["delay"]["count"] == 1
    assert "Delay against cut-ins" in (tmp_path / "turns.svg").read_text()


def test_a_sweep_goes_through_several_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_module, "SWEEP", ("server_vad:300", "server_vad:5000"))
    with serving(fake_app()) as url:
        written = written_by("turns", "--url", url, "--sweep", "--at-once", "3", out=tmp_path / "turns.json")
        both = bench("turns", "--url", url, "--sweep", "--turn-detection", "server_vad")
    short, long = (written["summary"]["settings"][name] for name in ("server_vad:300", "server_vad:5000"))
    assert short["cut_share"] > long["cut_share"] == 0
    assert (short["delay"]["missed"], long["delay"]["missed"]) == (0, 1)
    assert long["delay"]["p50_ms"] is None
    assert [trade["family"] for trade in written["summary"]["trades"]] == ["server_vad"]
    assert both.exit_code == 1
    assert "leave --turn-detection out" in both.stderr


def test_interruptions(tmp_path: Path) -> None:
    story = "Once upon a time there was a king who told very, very, very long stories."
    engines = fake_engines(chat=FakeChat([story]), synthesizer=FakeSynthesizer(ms_per_letter=300))
    with serving(fake_app(engines)) as url:
        arguments = ("interruptions", "--url", url, "--plot", str(tmp_path / "stops.svg"))
        written = written_by(*arguments, out=tmp_path / "stops.json")
        unknown = bench("interruptions", "--url", url, "--only", "thunder")
    assert [trial["outcome"] for trial in written["trials"]] == ["stopped", "went on"]
    assert (written["summary"]["precision"], written["summary"]["recall"]) == (1, 1)
    assert "What stops an answer" in (tmp_path / "stops.svg").read_text()
    assert "no sound is called thunder" in unknown.stderr


def test_load_with_a_server_of_its_own(tmp_path: Path) -> None:
    arguments = ("load", "--callers", "1,2", "--seconds", "4", "--plot", str(tmp_path / "load.svg"))
    written = written_by(*arguments, out=tmp_path / "load.json")
    assert [phase["callers"] for phase in written["summary"]] == [1, 2]
    assert [len(phase["asked"]) for phase in written["phases"]] == [1, 2]
    assert written["phases"][1]["cpu_ms_per_session_s"] > 0
    assert "Callers at once" in (tmp_path / "load.svg").read_text()


@pytest.mark.parametrize("callers", ["0", "many", "1,,2", "501"])
def test_callers_are_numbers(callers: str) -> None:
    result = bench("load", "--callers", callers)
    assert result.exit_code == 1
    assert "numbers from 1 to 500" in result.stderr


def test_listening(tmp_path: Path) -> None:
    written = written_by("listening", "--conversations", "2", "--seconds", "1", out=tmp_path / "results.json")
    assert [phase["conversations"] for phase in written["phases"]] == [0, 1, 2]
    assert set(written["summary"]) == {"cost", "growth"}


def test_a_session_comes_from_the_command_line_or_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "session.json"
    file.write_text('{"instructions": "Be short."}')
    with serving(fake_app()) as url:
        arguments = ("latency", "--url", url, "--turns", "1", "--session", f"@{file}")
        written = written_by(*arguments, out=tmp_path / "results.json")
        missing = bench("latency", "--url", url, "--session", f"@{tmp_path / 'none.json'}")
        broken = bench("latency", "--url", url, "--session", "{")
    assert written["session"]["instructions"] == "Be short."
    assert written["session"]["audio"]["input"]["transcription"]
    assert "cannot read" in missing.stderr
    assert "no JSON object" in broken.stderr


def test_results_that_cannot_be_written_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    out = str(tmp_path / "file" / "results.json")
    with serving(fake_app()) as url:
        result = bench("latency", "--url", url, "--turns", "1", "--out", out)
    assert result.exit_code == 1
    assert "realtime: cannot write" in result.stderr


def test_a_picture_that_cannot_be_drawn_is_said_first() -> None:
    result = bench("latency", "--url", "ws://127.0.0.1:1", "--plot", "latency.txt")
    assert result.exit_code == 1
    assert "realtime: latency.txt is no picture" in result.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_benchmark_explains_itself(command: str) -> None:
    assert command in bench("--help").stdout
    result = bench(command, "--help")
    assert result.exit_code == 0
    assert "Report" in result.stdout or "report" in result.stdout
