"""`realtime bench` as a command: what it prints and what it writes."""

from __future__ import annotations

import json
import sys
from functools import partial, partialmethod
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import realtime.cli.bench as bench_module
from realtime.audio import Audio
from realtime.bench import latency
from realtime.bench.own_server import own_server
from realtime.bench.questions import Question
from realtime.bench.room import Room
from realtime.cli import app
from tests.caller.clocks import Hurried
from tests.caller.server import fake_app, serving
from tests.fakes import quiet, voice

FAKE = (sys.executable, "-m", "tests.bench.fake_server")


@pytest.fixture(autouse=True)
def _scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Questions that the fake detector hears, the fake server, and a caller in a hurry."""
    question = Question("who", "Who?", Audio(np.concatenate((voice(300), quiet(100))), 24_000))
    monkeypatch.setattr(bench_module, "load_questions", lambda: [question])
    monkeypatch.setattr(bench_module, "own_server", partial(own_server, program=FAKE))
    monkeypatch.setattr(latency, "measure", partial(latency.measure, clock=Hurried()))
    monkeypatch.setattr(Room, "listen", partialmethod(Room.listen, settle_s=0.1))


def test_latency_against_a_running_server(tmp_path: Path) -> None:
    out = tmp_path / "new" / "results.json"
    with serving(fake_app()) as url:
        result = CliRunner().invoke(app, ["bench", "latency", "--url", url, "--turns", "2", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "first audio" in result.stdout
    written = json.loads(out.read_text())
    assert written["benchmark"] == "latency"
    assert [turn["heard"] for turn in written["turns"]] == ["What is the capital of France?"] * 2
    assert written["summary"]["first audio"]["turns"] == 2
    assert written["machine"]["cores"] >= 1


def test_latency_with_a_server_of_its_own() -> None:
    result = CliRunner().invoke(app, ["bench", "latency", "--turns", "1", "--markdown"])
    assert result.exit_code == 0, result.output
    assert "| first audio | " in result.stdout
    assert "| --- | ---: |" in result.stdout


def test_listening(tmp_path: Path) -> None:
    out = tmp_path / "results.json"
    arguments = ["bench", "listening", "--conversations", "2", "--seconds", "1", "--out", str(out)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "one more conversation, MiB" in result.stdout
    written = json.loads(out.read_text())
    assert [phase["conversations"] for phase in written["phases"]] == [0, 1, 2]
    assert set(written["summary"]) == {"cost", "growth"}


def test_results_that_cannot_be_written_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    out = str(tmp_path / "file" / "results.json")
    with serving(fake_app()) as url:
        result = CliRunner().invoke(app, ["bench", "latency", "--url", url, "--turns", "1", "--out", out])
    assert result.exit_code == 1
    assert "realtime: cannot write" in result.stderr
