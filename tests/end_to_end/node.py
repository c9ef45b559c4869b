"""Programs in JavaScript, and what they told: OpenAI's own clients run in Node, and are judged in Python."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from platformdirs import user_cache_path

from realtime.audio import Audio
from realtime.codecs.pcm16 import Pcm16
from tests.live import question
from tests.protocol.contract import check_event

SOURCES = Path(__file__).parent / "javascript"
"""The programs and what they need. The Agents SDK cannot do without `@modelcontextprotocol/client`, which npm leaves
out where Node is older than 20 unless somebody asks for it by name."""

PATIENCE_S = 120
"""How long a program may take, or the packages to come, before a test gives up; nothing is measured with it."""


@dataclass(frozen=True)
class Told:
    """What a program printed, a line each: what it is, and its value."""

    lines: list[tuple[str, Any]]

    def all(self, what: str) -> list[Any]:
        return [value for name, value in self.lines if name == what]

    def one(self, what: str) -> Any:
        (value,) = self.all(what)
        return value

    def events(self, type_: str = "") -> list[dict[str, Any]]:
        """The events of that type that the client received, or all of them."""
        return [event for event in self.all("event") if event["type"] == type_ or not type_]

    def check(self, check: Callable[[str], object] = check_event) -> None:
        """Hold every event against a contract; OpenAI's of today unless told."""
        for event in self.events():
            check(json.dumps(event))

    def sound(self, response_id: str) -> Audio:
        """What was heard of a response, 24 kHz."""
        deltas = [event for event in self.all("event") if event["type"].endswith("audio.delta")]
        said = b"".join(base64.b64decode(event["delta"]) for event in deltas if event["response_id"] == response_id)
        return Audio(np.asarray(Pcm16().decoder().decode(said)), 24_000)


class Node:
    """Runs the programs in a folder of their own, beside OpenAI's packages."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def question(self, name: str) -> str:
        """The path of a spoken question, as bytes of pcm16 at 24 kHz."""
        path = self._folder / f"{name}.pcm"
        path.write_bytes(Pcm16().encode(question(name).pcm))
        return str(path)

    def run(self, program: str, *arguments: str) -> Told:
        """All that a program has told until its end, which must be a good one."""
        command = ["node", program, *arguments]
        with subprocess.Popen(command, cwd=self._folder, stdout=PIPE, stderr=PIPE, text=True) as running:
            try:
                printed, complaints = running.communicate(timeout=PATIENCE_S)
            except subprocess.TimeoutExpired:
                running.kill()
                printed, complaints = running.communicate()
        lines = [json.loads(line) for line in printed.splitlines()]
        told = Told([(line["what"], line["value"]) for line in lines])
        heard = [event["type"] for event in told.events()][-10:]
        assert running.returncode == 0, f"{told.all('error')} after {heard}\n{complaints}"
        return told


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    """Node with the packages installed: once in a while over the network, after that from the cache."""
    if not (shutil.which("node") and shutil.which("npm")):
        missing = "needs Node.js and npm"
        pytest.fail(missing) if "CI" in os.environ else pytest.skip(missing)
    folder = tmp_path_factory.mktemp("javascript")
    shutil.copytree(SOURCES, folder, dirs_exist_ok=True)
    # Where Node looks for packages, from the programs' folder on.
    (folder / "node_modules").symlink_to(_installed(SOURCES) / "node_modules")
    return Node(folder)


def _installed(sources: Path) -> Path:
    wanted = (sources / "package.json").read_bytes()
    # Two checkouts that want different versions do not undo each other's work.
    folder = user_cache_path("realtime-voice") / "tests" / f"javascript-{hashlib.sha256(wanted).hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock", timeout=PATIENCE_S):
        for name in ("package.json", ".npmrc"):
            shutil.copy(sources / name, folder)
        ended = subprocess.run(
            ["npm", "install"], cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
    assert ended.returncode == 0, ended.stderr
    return folder
