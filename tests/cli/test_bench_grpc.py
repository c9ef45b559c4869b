"""`realtime bench grpc` as a command: what it prints, what it writes, and what it draws."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from realtime.audio import Audio
from realtime.bench.own_server import OwnServer, own_server
from realtime.bench.questions import Question
from realtime.cli import app
from realtime.cli.bench import grpc_doors, serving
from tests.fakes import quiet, voice

FAKE = (sys.executable, "-m", "tests.bench.fake_door")


@pytest.fixture(autouse=True)
def _scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "own_server", partial(own_server, program=FAKE))


def bench(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["bench", "grpc", *arguments])


def test_with_a_server_of_its_own(tmp_path: Path) -> None:
    out, plot = tmp_path / "grpc.json", tmp_path / "grpc.svg"
    result = bench(
        *(
            "--transforms",
            "webrtc,resample",
            "--frames-ms",
            "10,16",
            "--seconds",
            "0.2",
            "--streams",
            "2",
            "--turns",
            "0",
        ),
        *("--out", str(out), "--plot", str(plot), "--markdown"),
    )
    assert result.exit_code == 0, result.output
    assert "| webrtc, 16 kHz, 16 ms | " in result.stdout
    written = json.loads(out.read_text())
    assert written["benchmark"] == "grpc"
    measured = written["transforms"]
    assert [(each["case"]["transform"], each["case"]["frame_ms"]) for each in measured] == [
        ("webrtc", 10),
        ("webrtc", 16),
        ("resample", 10),
        ("resample", 16),
    ]
    assert all(each["runs"][0]["p50_ms"] > 0 and each["runs"][0]["cpu_ms_per_stream_s"] > 0 for each in measured)
    assert len(written["summary"]["transforms"]) == 4
    assert (written["conversations"], written["knocks"]) == ([], [])
    assert "Streams at once" in plot.read_text()


def test_conversations_over_both_doors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A front is a server like another; here it is one that answers by itself."""
    monkeypatch.setattr(grpc_doors, "KNOCKS", 4)
    question = Question("who", "Who?", Audio(np.concatenate((voice(300), quiet(100))), 24_000))
    monkeypatch.setattr(grpc_doors, "load_questions", lambda: [question])
    out, plot = tmp_path / "grpc.json", tmp_path / "grpc.svg"
    files = ("--out", str(out), "--plot", str(plot), "--markdown")
    result = bench("--transforms", "", "--turns", "1", "--front", *files)
    assert result.exit_code == 0, result.output
    assert "| first audio, less the server's own time | " in result.stdout
    assert "| AudioToAudioStream | " in result.stdout
    written = json.loads(out.read_text())
    doors = ["/v1/realtime", "AudioToAudioStream", "a front"]
    [found] = written["conversations"]
    assert list(found["visits"]) == doors
    for visit in found["visits"].values():
        assert visit["asked"]["status"] == "completed"
        assert {"first audio", "on the way", "processor time"} <= set(visit["figures_ms"])
    assert [len(knocks["times_ms"]) for knocks in written["knocks"]] == [4, 4, 4]
    assert [each["door"] for each in written["summary"]["conversations"]] == doors
    assert [each["door"] for each in written["summary"]["knocks"]] == doors
    assert "The same questions over each door" in plot.read_text()


def test_a_front_is_told_whom_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, str]] = []

    @asynccontextmanager
    async def other(settings: dict[str, str]) -> AsyncIterator[OwnServer]:
        told.append(settings)
        yield OwnServer("127.0.0.1", 1, 2, os.getpid())

    async def open_them() -> list[str]:
        async with grpc_doors.open_doors(OwnServer("127.0.0.1", 3, 4, os.getpid()), "sesame", front=True) as doors:
            return [door.name for door in doors]

    monkeypatch.setattr(grpc_doors, "own_process", other)
    assert asyncio.run(open_them()) == ["/v1/realtime", "AudioToAudioStream", "a front"]
    assert told == [
        {
            "REALTIME_SPEECH_TO_SPEECH__ENGINE": "grpc://127.0.0.1:4",
            "REALTIME_SPEECH_TO_SPEECH__TOKEN": "sesame",
        }
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--transforms", "autotune"), "no transform is called autotune"),
        (("--transforms", "", "--turns", "0"), "nothing is to be measured"),
        (("--transforms", "", "--url", "127.0.0.1:9"), "nothing is to be measured"),
        (("--frames-ms", "0"), "numbers from 1 to 1000"),
        (("--frames-ms", "ten"), "numbers from 1 to 1000"),
        (("--url", "127.0.0.1:9", "--seconds", "0.1"), "the backend at 127.0.0.1:9 cannot be reached"),
    ],
)
def test_what_cannot_be_measured_is_one_line(arguments: tuple[str, ...], message: str) -> None:
    result = bench(*arguments)
    assert result.exit_code == 1
    assert message in result.stderr


def test_it_explains_itself() -> None:
    result = bench("--help")
    assert result.exit_code == 0
    assert "Report" in result.stdout
