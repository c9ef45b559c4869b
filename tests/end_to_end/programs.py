"""Programs of ours in processes of their own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Program:
    """One that runs."""

    address: str
    """Where it says it is."""
    pid: int


@contextmanager
def running(*command: str, says: str, **environment: str) -> Iterator[Program]:
    """`realtime COMMAND` for as long as the context lasts, from the line on in which `says` finds its address."""
    full = [sys.executable, "-m", "realtime", *command]
    with subprocess.Popen(full, stdout=subprocess.PIPE, text=True, env=os.environ | environment) as process:
        assert process.stdout
        try:
            found = next((match for line in process.stdout if (match := re.search(says, line))), None)
            assert found, f"{command[0]!r} ended before it was ready"
            yield Program(found[1], process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


@contextmanager
def backend(*options: str, **environment: str) -> Iterator[Program]:
    """`realtime backend` on the default models and a free port."""
    says = r"Listening for gRPC on (\S+)"
    with running("backend", "--addr", "127.0.0.1:0", *options, says=says, **environment) as program:
        yield program


@contextmanager
def server(*options: str, **environment: str) -> Iterator[Program]:
    """`realtime serve` on a free port, ready."""
    says = r"Ready\..*?(http://[^\s,]+)"
    with running("serve", "--port", "0", "--grpc-port", "0", *options, says=says, **environment) as program:
        yield program
