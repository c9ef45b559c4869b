"""What the store asks of the disk: room, a checksum, and a change that happens wholly or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from realtime.errors import ModelUnavailable


@dataclass(frozen=True, slots=True)
class Places:
    """Where one model lies, and where it lies while it is being fetched. All on one filesystem."""

    home: Path
    """The folder with its verified files."""
    staging: Path
    """Whatever a pull has got so far; an unfinished pull leaves it for the next one."""

    @property
    def ready(self) -> Path:
        """Files laid out as in `home`, but not verified yet."""
        return self.staging / "ready"


def sha256_of(path: Path) -> str:
    """The file's SHA-256 in lower-case hex; about a second per gigabyte."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def megabytes(size_bytes: int | None) -> str:
    """`75.5 MB`, for people."""
    return "size unknown" if size_bytes is None else f"{size_bytes / 1e6:.1f} MB"


def ensure_room(folder: Path, needed_bytes: int, what: str) -> None:
    """Refuse with `ModelUnavailable` what the disk of `folder` cannot hold, before any of it is fetched."""
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes:
        raise ModelUnavailable(
            f"no room for {what}: fetching it takes {megabytes(needed_bytes)}, and the disk of {folder} has "
            f"{megabytes(free_bytes)} free; free some space or choose another folder for models"
        )


def swap_in(new: Path, place: Path, aside: Path) -> None:
    """Make folder `new` be `place`; what was there is moved to `aside`.

    All three lie on one filesystem. Whatever happens, `place` is the old folder, the new one or absent, never a
    mixture, and after a power cut a folder that is in place has all its bytes.
    """
    for path in (*new.rglob("*"), new):
        _flush(path)
    if place.exists():
        shutil.rmtree(aside, ignore_errors=True)
        os.replace(place, aside)
    os.replace(new, place)
    _flush(place.parent)


def _flush(path: Path) -> None:
    """Wait until the disk has `path`, a file or a folder."""
    if os.name != "posix":  # elsewhere folders cannot be opened, and a file only for writing
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
