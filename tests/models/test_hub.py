"""The real hub client, against a loopback server and a cache folder laid out as the hub's are.

The client reads its environment when it is imported, so every pull runs in a process of its own.
"""

from __future__ import annotations

import importlib.util
import json
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from realtime.models.catalogue import load_catalogue
from realtime.models.store import ModelStore
from tests.models.puller import pull_elsewhere
from tests.models.shelf import Shelf, sha256

pytestmark = pytest.mark.skipif(importlib.util.find_spec("huggingface_hub") is None, reason="needs the `hub` extra")

COMMIT = "c0ffee" * 6 + "c0ff"
CONFIG = b'{"sample_rate": 24000}'
VOICE = random.Random(2).randbytes(1_200_000)
TABLES: dict[str, Any] = {
    "voice": {
        "kind": "synthesizer",
        "source": {"from": "hub", "repo": "some-body/voices"},
        "files": [{"path": "config.json"}, {"path": "voice.onnx", "member": "voices/a.onnx"}],
    }
}


@pytest.fixture
def hub(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """A hub with one repository, whose branch `main` is at COMMIT."""
    put(shelf, "config.json", CONFIG, etag="0123456789012345678901234567890123456789")
    put(shelf, "voices/a.onnx", VOICE, etag=sha256(VOICE))
    monkeypatch.setenv("HF_ENDPOINT", shelf.address)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_TOKEN", "hf_AbCdEfGhIjKlMnOp")
    return shelf


def put(shelf: Shelf, member: str, data: bytes, etag: str) -> None:
    for revision in ("main", COMMIT):
        path = f"/some-body/voices/resolve/{revision}/{member}"
        shelf.files[path] = data
        shelf.extra_headers[path] = {"X-Repo-Commit": COMMIT, "ETag": f'"{etag}"'}


def test_a_repository_is_fetched_from_one_commit_with_progress(hub: Shelf, tmp_path: Path) -> None:
    status, out, said = pull_elsewhere(tmp_path / "store", TABLES, ["voice"])
    assert status == 0, said
    home = ModelStore(tmp_path / "store", load_catalogue(TABLES)).path("voice")
    assert (home / "config.json").read_bytes() == CONFIG
    assert (home / "voice.onnx").read_bytes() == VOICE
    assert sorted(path.name for path in home.iterdir()) == [".verified.json", "config.json", "voice.onnx"]
    assert all(COMMIT in asked for asked in hub.asked[1:])
    reports = [json.loads(line) for line in out.splitlines()]
    whole = len(CONFIG) + len(VOICE)
    assert reports == [["voice", len(CONFIG), whole], ["voice", whole, whole], ["voice", whole, whole]]
    assert not (tmp_path / "store" / ".staging" / "voice").exists()


def test_a_second_pull_asks_nobody(hub: Shelf, tmp_path: Path) -> None:
    assert pull_elsewhere(tmp_path / "store", TABLES, ["voice"])[0] == 0
    hub.asked.clear()
    assert pull_elsewhere(tmp_path / "store", TABLES, ["voice"])[0] == 0
    assert hub.asked == []


def test_a_file_that_is_not_what_the_hub_says_is_refused_and_removed(hub: Shelf, tmp_path: Path) -> None:
    put(hub, "voices/a.onnx", VOICE[:-1] + b"?", etag=sha256(VOICE))
    status, _, said = pull_elsewhere(tmp_path / "store", TABLES, ["voice"])
    assert status == 3
    assert "is not what the catalogue promises" in said
    assert sha256(VOICE) in said
    assert not (tmp_path / "store" / "voice").exists()
    assert not (tmp_path / "store" / ".staging" / "voice").exists()


def test_a_broken_connection_is_taken_up_where_it_broke(hub: Shelf, tmp_path: Path) -> None:
    long = bytes(30_000_000)  # the client keeps what it has in steps of some ten megabytes
    put(hub, "voices/a.onnx", long, etag=sha256(long))
    hub.break_off = True
    status, _, said = pull_elsewhere(tmp_path / "store", TABLES, ["voice"])
    assert status == 0, said
    assert re.search(r"voices/a\.onnx bytes=[1-9]\d+-$", hub.asked[-1])


def test_a_repository_that_is_not_there_says_so_and_keeps_the_token(hub: Shelf, tmp_path: Path) -> None:
    tables = {"voice": {**TABLES["voice"], "source": {"from": "hub", "repo": "some-body/else"}}}
    status, _, said = pull_elsewhere(tmp_path / "store", tables, ["voice"])
    assert status == 3
    assert re.search(r"cannot fetch model 'voice' from hub repository some-body/else at main: .*404", said)
    assert f"into {tmp_path / 'store' / 'voice'} as config.json, voice.onnx" in said
    assert "realtime models verify voice" in said
    assert "hf_AbCdEf" not in said


def test_without_a_network_the_hub_clients_own_cache_serves(
    hub: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert pull_elsewhere(tmp_path / "store", TABLES, ["voice"])[0] == 3
    cached = tmp_path / "hf" / "hub" / "models--some-body--voices"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text(COMMIT)
    snapshot = cached / "snapshots" / COMMIT
    (snapshot / "voices").mkdir(parents=True)
    (snapshot / "config.json").write_bytes(CONFIG)
    (snapshot / "voices" / "a.onnx").write_bytes(VOICE)
    status, _, said = pull_elsewhere(tmp_path / "store", TABLES, ["voice"])
    assert status == 0, said
    home = ModelStore(tmp_path / "store", load_catalogue(TABLES)).path("voice")
    assert (home / "voice.onnx").read_bytes() == VOICE
    assert hub.asked == []


def test_a_missing_client_is_named_with_the_extra_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "huggingface_hub.py").write_text("raise ModuleNotFoundError(name='huggingface_hub')\n")
    monkeypatch.setenv("PYTHONPATH", str(hidden))
    status, _, said = pull_elsewhere(tmp_path / "store", TABLES, ["voice"])
    assert status == 3
    assert "needs the Python package 'huggingface_hub'" in said
    assert "`hub` extra" in said


def test_finding_a_model_does_not_load_the_client() -> None:
    loaded = "import sys, realtime.models.store; print('huggingface_hub' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
