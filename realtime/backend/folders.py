"""Files below a folder, opened and replaced so that nothing put in their way meanwhile leads elsewhere.

Whoever else may write in the folder may put a link in a file's place after it was looked at. So every part of the way
is opened from the one before it, and no link is followed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path, PurePath
from secrets import token_hex
from typing import BinaryIO


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file lies, or may lie."""

    folder: Path
    """With no link on the way to it that somebody else may change."""
    below: PurePath
    """The rest of the way, links followed."""

    @property
    def path(self) -> Path:
        """The whole way."""
        return self.folder / self.below


class NotRegular(OSError):
    """What lies there is a folder, a pipe, a device or the like."""


@contextmanager
def opened(place: Place) -> Iterator[FileIO]:
    """The file, to be read. Raises `NotRegular` for what is none, and `OSError` for what cannot be read. Blocks."""
    with _parent(place) as parent:
        # A pipe that nobody writes into would be waited for.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        number = os.open(place.below.name, flags, dir_fd=parent)
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise NotRegular
        with FileIO(number, closefd=False) as file:
            yield file
    finally:
        os.close(number)


@contextmanager
def replaced(place: Place) -> Iterator[BinaryIO]:
    """A new file, which is put in place of what is there, at once and whole, when the context ends well.

    Until then, and if it ends otherwise, what is there stays as it is, and nothing else is left. Raises `NotRegular`
    for what is there and no file, and `OSError` for what cannot be written. Blocks.
    """
    with _parent(place) as parent:
        mode = _mode(place.below.name, parent)
        new = f".{token_hex(8)}.new"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        number = os.open(new, flags, 0o666, dir_fd=parent)
        try:
            with os.fdopen(number, "wb") as file:
                if mode is not None:
                    os.fchmod(number, mode)
                yield file
            os.replace(new, place.below.name, src_dir_fd=parent, dst_dir_fd=parent)
        except BaseException:
            with suppress(OSError):
                os.unlink(new, dir_fd=parent)
            raise


def _mode(name: str, parent: int) -> int | None:
    """Who may do what with the file that is there, if there is one."""
    try:
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise NotRegular
    return stat.S_IMODE(found.st_mode)


@contextmanager
def _parent(place: Place) -> Iterator[int]:
    """The number of the open folder that the file lies in."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    number = os.open(place.folder, flags)
    try:
        for part in place.below.parts[:-1]:
            inner = os.open(part, flags | os.O_NOFOLLOW, dir_fd=number)
            os.close(number)
            number = inner
        yield number
    finally:
        os.close(number)
