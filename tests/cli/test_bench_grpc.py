"""`realtime bench grpc` as a command: what it prints, what it writes, and what it draws."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from realtime.bench.own_server import own_server
from realtime.cli import app
from realtime.cli.bench import serving

FAKE = (sys.executable, "-m", "tests.bench.fake_door")


@pytest.fixture(autouse=True)
def _scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "own_server", partial(own_server, program=FAKE))


def bench(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["bench", "grpc", *arguments])


def test_with_a_server_of_its_own(tmp_path: Path) -> None:
    out, plot = tmp_path / "grpc.json", tmp_path / "grpc.svg"
    result = bench(
        *("--transforms", "webrtc,resample", "--frames-ms", "10,16", "--seconds", "0.2", "--streams", "2"),
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
    assert "Streams at once" in plot.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--transforms", "autotune"), "no transform is called autotune"),
        (("--frames-ms", "0"), "numbers from 1 to 1000"),
        (("--frames-ms", "ten"), "numbers from 1 to 1000"),
        (("--url", "127.0.0.1:9", "--seconds", "0.1"), "the backend at 127.0.0.1:9 refuses (UNAVAILABLE)"),
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
