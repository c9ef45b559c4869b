"""`realtime say`, `transcribe` and `models`, as a user runs them: real models, real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from realtime.codecs.containers import read_audio

pytestmark = pytest.mark.model


def realtime(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "realtime", *map(str, arguments)]
    # asyncio's debug mode, which the suite runs in, writes to stderr whenever a loaded machine is slow.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONASYNCIODEBUG"}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)


def test_what_is_said_can_be_transcribed(tmp_path: Path) -> None:
    """And nothing but the words is printed."""
    said = realtime("say", "The capital of France is Paris.", "--output", tmp_path / "said.wav")
    assert (said.returncode, said.stdout) == (0, "")
    assert 1000 < read_audio(tmp_path / "said.wav").duration_ms < 4000
    heard = realtime("transcribe", tmp_path / "said.wav")
    assert (heard.returncode, heard.stdout) == (0, "The capital of France is Paris.\n")


def test_slower_speech_is_longer(tmp_path: Path) -> None:
    for speed in ("1.0", "0.5"):
        assert realtime("say", "One, two, three.", "-o", tmp_path / speed, "--speed", speed).returncode == 0
    assert read_audio(tmp_path / "0.5").duration_ms > 1.5 * read_audio(tmp_path / "1.0").duration_ms


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("transcribe", __file__), "not an audio file"),
        (("say", "Hello.", "-o", "unwritten.wav", "--voice", "nobody"), "no voice 'nobody'"),
        (("models", "path", "nothing"), "no model 'nothing'"),
    ],
)
def test_what_cannot_be_done_is_one_line(arguments: tuple[str, ...], complaint: str) -> None:
    run = realtime(*arguments)
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.startswith("realtime: ")
    assert complaint in run.stderr
    assert run.stderr.count("\n") == 1


def test_models_are_listed_found_and_verified() -> None:
    listed = realtime("models", "list")
    assert "silero-vad *" in listed.stdout
    where = realtime("models", "path", "silero-vad").stdout.strip()
    assert Path(where).is_file()
    verified = realtime("models", "verify")
    assert verified.returncode == 0
    assert {line.split()[0] for line in verified.stdout.splitlines()} == {"ok"}
