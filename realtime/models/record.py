"""What the store knows about a model's folder, so that it need not read 175 MB at every start.

When all files of a model have been hashed and found right, their sizes, times of change and hashes are written to
`.verified.json` among them. As long as the record and the folder agree, the files are taken as they are; a file that
was touched since makes the record void until somebody hashes again. A record with `sound = false` says that somebody
did hash again and found the folder damaged; it still knows what the hashes ought to be.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from realtime.models.catalogue import File, Model
from realtime.models.disk import sha256_of
from realtime.structs import Frozen

_FILE_NAME = ".verified.json"


class Seen(Frozen):
    """A file as it was when it was hashed."""

    size_bytes: int
    mtime_s: int
    """Whole seconds since 1970: the layers of a container image keep no finer time."""
    sha256: str


class Record(Frozen):
    """One verified folder."""

    source: str
    files: dict[str, Seen]
    sound: bool = True


@dataclass(frozen=True, slots=True)
class Finding:
    """What hashing one file showed."""

    model: str
    path: Path
    state: Literal["ok", "missing", "corrupt"]
    detail: str = ""
    """What is wrong, for people; empty when nothing is."""


def read_record(folder: Path) -> Record | None:
    """The folder's record, or None when there is none that can be read."""
    try:
        return msgspec.json.decode((folder / _FILE_NAME).read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError):
        return None


def write_record(folder: Path, record: Record) -> None:
    """Put `record` into `folder`, wholly or not at all."""
    draft = folder / f"{_FILE_NAME}.{os.getpid()}"
    draft.write_bytes(msgspec.json.encode(record))
    draft.replace(folder / _FILE_NAME)


def vouches(record: Record | None, model: Model, folder: Path) -> bool:
    """Whether `folder` still is what was verified, and is what `model` asks for. Reads no file's content."""
    if record is None or not record.sound or outdated(record, model):
        return False
    return all(_unchanged(record, file, folder / file.path) for file in model.files)


def _unchanged(record: Record, file: File, path: Path) -> bool:
    seen = record.files.get(file.path)
    if seen is None or file.sha256 not in (None, seen.sha256):
        return False
    try:
        now = path.stat()
    except OSError:
        return False
    return (now.st_size, int(now.st_mtime)) == (seen.size_bytes, seen.mtime_s)


def outdated(record: Record | None, model: Model) -> bool:
    """Whether the folder holds what another source gave, and no hash of the catalogue could tell the two apart."""
    known = all(file.sha256 for file in model.files)
    return record is not None and record.source != str(model.source) and not known


def expected(model: Model, record: Record | None) -> tuple[File, ...]:
    """The model's files, with hashes the catalogue lacks taken from what the first fetch recorded."""
    if record is None or record.source != str(model.source):
        return model.files
    seen = record.files
    return tuple(
        msgspec.structs.replace(file, sha256=seen[file.path].sha256)
        if file.sha256 is None and file.path in seen
        else file
        for file in model.files
    )


def missing(model: str, path: Path, why: str = "is not there") -> Finding:
    """The finding that a file is not there, or not the right one."""
    return Finding(model, path, "missing", f"{path} {why}")


def inspect(model: str, folder: Path, files: Iterable[File]) -> tuple[list[Finding], dict[str, Seen]]:
    """Hash every file of `folder` that should be there: what is right or wrong, and what was seen."""
    findings, seen = [], {}
    for file in files:
        path = folder / file.path
        if not path.is_file():
            findings.append(missing(model, path))
            continue
        now = path.stat()
        seen[file.path] = Seen(size_bytes=now.st_size, mtime_s=int(now.st_mtime), sha256=sha256_of(path))
        wrong = _difference(file, seen[file.path])
        findings.append(Finding(model, path, "corrupt", f"{path} {wrong}") if wrong else Finding(model, path, "ok"))
    return findings, seen


def _difference(file: File, seen: Seen) -> str:
    if file.size_bytes not in (None, seen.size_bytes):
        return f"has {seen.size_bytes} bytes instead of {file.size_bytes}"
    if file.sha256 not in (None, seen.sha256):
        return f"has SHA-256 {seen.sha256} instead of {file.sha256}"
    return ""


def audit(model: Model, home: Path) -> list[Finding]:
    """Hash the model's files in `home` and write down what was found: right ones are vouched for from now on."""
    record = read_record(home)
    if record is not None and outdated(record, model):
        return [missing(model.name, home / file.path, f"came from {record.source}") for file in model.files]
    findings, seen = inspect(model.name, home, expected(model, record))
    if all(finding.state == "ok" for finding in findings):
        fresh = Record(source=str(model.source), files=seen)
    elif record is not None:
        fresh = msgspec.structs.replace(record, sound=False)
    else:
        return findings
    if fresh != record:  # a store that is right can be verified where it cannot be written
        write_record(home, fresh)
    return findings
