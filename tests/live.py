"""The real thing for tests: the model files, a whole server on real models, and questions spoken aloud."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import httpx
import numpy as np
import pytest

from realtime.audio import Audio, silence
from realtime.bench.questions import load_questions
from realtime.codecs.containers import write_wav
from realtime.codecs.resample import resample
from realtime.models.catalogue import load_catalogue
from realtime.models.store import ModelStore
from realtime.settings import load_settings

PATIENCE_S = 60
WAIT_MS = 8000
"""Who was not understood asks again after so long."""


@dataclass(frozen=True)
class LiveServer:
    """A whole server in a process of its own, with the default engines."""

    url: str
    grpc: str
    """Where the second door is: `host:port`."""
    process: subprocess.Popen[str]


@pytest.fixture(scope="session")
def model_store() -> ModelStore:
    """The model files that `make models` has fetched."""
    settings = load_settings(None, os.environ, {})
    return ModelStore(settings.models.directory, load_catalogue())


@pytest.fixture(scope="session")
def _running_server() -> Iterator[LiveServer]:
    """`realtime serve` on a free port."""
    command = [sys.executable, "-m", "realtime", "serve", "--port", "0", "--grpc-port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        ready = next((line for line in process.stdout if "Ready." in line), None)
        assert ready, "the server ended before it was ready"
        url = next(word.rstrip(",") for word in ready.split() if word.startswith("http://"))
        try:
            yield LiveServer(url, ready.split()[-1], process)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


@pytest.fixture
def live_server(_running_server: LiveServer) -> LiveServer:
    """`realtime serve`, ready: it lets nobody in while it is busy with what the test before left behind."""
    give_up_s = monotonic() + PATIENCE_S
    while (answer := httpx.get(f"{_running_server.url}/readyz", trust_env=False)).is_error:
        assert monotonic() < give_up_s, answer.text
        sleep(0.1)
    return _running_server


def question(name: str) -> Audio:
    """A spoken question, 24 kHz."""
    return next(resample(asked.audio, 24_000) for asked in load_questions() if asked.name == name)


@pytest.fixture(scope="session")
def spoken_question(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A WAV file that says "What is the capital of France?", in a voice that is not the server's, and waits."""
    path = tmp_path_factory.mktemp("speech") / "france.wav"
    asked = question("france")
    write_wav(path, Audio(np.concatenate([asked.pcm, silence(WAIT_MS, asked.rate_hz)]), asked.rate_hz))
    return path
