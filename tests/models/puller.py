"""A process of its own that pulls: `python -m tests.models.puller JSON`.

JSON has `root`, `tables` (name → table), `names`, and perhaps `file_limit_bytes`, the size at which the disk refuses
to let a file grow. Prints one JSON line per report of progress; says on stderr what the store logs and why it failed.
"""

from __future__ import annotations

import json
import logging
import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from realtime.errors import ModelUnavailable
from realtime.models.catalogue import load_catalogue
from realtime.models.store import ModelStore


def start_puller(root: Path, tables: Mapping[str, Any], names: list[str], **more: Any) -> subprocess.Popen[str]:
    """Start such a process."""
    what = json.dumps({"root": str(root), "tables": tables, "names": names, **more})
    command = [sys.executable, "-m", "tests.models.puller", what]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def pull_elsewhere(root: Path, tables: Mapping[str, Any], names: list[str], **more: Any) -> tuple[int, str, str]:
    """Run such a process to its end: exit status, stdout, stderr."""
    with start_puller(root, tables, names, **more) as process:
        out, said = process.communicate()
    return process.returncode, out, said


def main(what: dict[str, Any]) -> int:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    if limit := what.get("file_limit_bytes"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    store = ModelStore(Path(what["root"]), load_catalogue(what["tables"]))

    def report(name: str, done_bytes: int, total_bytes: int | None) -> None:
        sys.stdout.write(json.dumps([name, done_bytes, total_bytes]) + "\n")

    try:
        store.pull(what["names"], report)
    except ModelUnavailable as problem:
        sys.stderr.write(f"{problem}\n")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
