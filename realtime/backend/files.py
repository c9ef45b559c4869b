"""The files that calls name: only in the operator's folders, and only where they really lie there."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from threading import Event
from typing import TypeVar

from realtime.audio import SPEECH_RATE_HZ, Audio
from realtime.backend.folders import NotRegular, Place, opened, replaced
from realtime.backend.sound_memory import SoundMemory
from realtime.backend.threads import Threads
from realtime.codecs.containers import read_audio, read_rate, write_wav
from realtime.errors import EngineBusy, InvalidRequest, NotPermitted

T = TypeVar("T")

LONGEST_AUDIO_S = 4 * 60 * 60

MOST_SAMPLES = LONGEST_AUDIO_S * SPEECH_RATE_HZ
"""Of a file, a channel: 920 MB when they are decoded and the channels are one, 80 minutes at 48 kHz."""

MOST_SAMPLES_AT_ONCE = 2 * MOST_SAMPLES
"""Of all files together that calls work on: 1.8 GB."""

LARGEST_FILE_BYTES = 2 << 30
"""As many samples of 64 bits, or of two channels of 32, and something beside them."""

THREADS = 4
"""In which files are read and written: on a disk that hangs, as many calls hang, and the others of files wait."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

_ODD_NAMES = {errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR}


class _GivenUp(Exception):
    """Nobody waits for it any more."""


class Files:
    """Files below some folders. They have threads of their own. Belongs to one event loop."""

    def __init__(self, directories: Iterable[Path]) -> None:
        self._directories = tuple(directory.expanduser().resolve() for directory in directories)
        self._threads = Threads(THREADS, "files")
        self._memory = SoundMemory(MOST_SAMPLES_AT_ONCE)

    def readable(self, path: str, field: str) -> Path:
        """Where the file that `field` names really lies.

        Raises `InvalidRequest` if it names none or there is none, `NotPermitted` if it lies elsewhere. Blocks.
        """
        with _problems_of(field, "read"):
            return self._readable(path, field).path

    def writable(self, path: str, field: str) -> Path:
        """Where the file that `field` names would really lie; raises as `readable` does. Blocks."""
        with _problems_of(field, "written"):
            return self._writable(path, field).path

    async def check_writable(self, path: str, field: str) -> None:
        """Raises as `writable` does. Cancelling lets a thread finish its look."""
        await self._threads.run(lambda: self.writable(path, field))

    async def read_audio(self, path: str, field: str, rate_hz: int | None = None) -> Audio:
        """The sound in a file, at its own rate, or at `rate_hz`: then no more of it is ever in memory than is returned,
        and some seconds. Raises as `readable` does, and `InvalidRequest` for what is no sound, or is more than
        `LONGEST_AUDIO_S` or `MOST_SAMPLES`, as soon as the file says so or has given so much; `EngineBusy` while there
        is too much of other files (`MOST_SAMPLES_AT_ONCE`). Cancelling stops it.
        """
        given_up = Event()

        def read(file: FileIO) -> Audio:
            audio = read_audio(file, rate_hz, max_s=LONGEST_AUDIO_S, max_samples=MOST_SAMPLES, given_up=given_up)
            return self._memory.count(audio)

        return await self._read(path, field, read, given_up)

    async def read_rate(self, path: str, field: str) -> int:
        """The rate, in Hz, of the sound in a file, which is not decoded; otherwise as `read_audio`."""
        return await self._read(path, field, read_rate)

    async def write_wav(self, path: str, field: str, audio: Audio) -> Path:
        """Write sound into a file, in place of what is there; where it lies. Raises as `writable` does, and
        `EngineBusy` for a full disk. What is there is there until all of the new is, and stays if that fails.
        Cancelling stops it: what was there stays, unless the new was whole already.
        """
        given_up = Event()

        def write() -> Path:
            with _problems_of(field, "written"):
                place = self._writable(path, field)
                with replaced(place) as file:
                    write_wav(file, audio, given_up)
                    if given_up.is_set():
                        raise _GivenUp
                return place.path

        return await self._threads.run(write, given_up)

    async def close(self) -> None:
        """Let what is being done be done, and take no more. Cancelling leaves that to the threads."""
        await self._threads.close()

    async def _read(self, path: str, field: str, read: Callable[[FileIO], T], given_up: Event | None = None) -> T:
        def work() -> T:
            with _problems_of(field, "read"), opened(self._readable(path, field)) as file:
                size_bytes = os.fstat(file.fileno()).st_size
                if size_bytes > LARGEST_FILE_BYTES:
                    message = f"The file has {size_bytes} bytes; {LARGEST_FILE_BYTES} are the most."
                    raise InvalidRequest(message, code="out_of_range")
                return read(file)

        return await self._threads.run(work, given_up)

    def _readable(self, path: str, field: str) -> Place:
        place = self._place(path, field)
        if not place.path.is_file():
            raise InvalidRequest(f"'{field}' names no file: {path}", code="not_found", param=field)
        return place

    def _writable(self, path: str, field: str) -> Place:
        place = self._place(path, field)
        try:
            mode = place.path.lstat().st_mode
        except FileNotFoundError:
            mode = stat.S_IFREG
        if stat.S_ISDIR(mode):
            raise InvalidRequest(f"'{field}' names a folder: {path}", param=field)
        if not stat.S_ISREG(mode):
            raise NotRegular
        if not place.path.parent.is_dir():
            raise InvalidRequest(f"'{field}' lies in no folder that there is: {path}", code="not_found", param=field)
        return place

    def _place(self, path: str, field: str) -> Place:
        if not path:
            raise InvalidRequest(f"'{field}' names no file.", code="missing_required_parameter", param=field)
        if "\0" in path or not Path(path).is_absolute():
            raise InvalidRequest(f"'{field}' must be the absolute path of a file.", param=field)
        problem: Exception | None = None
        try:
            found = Path(path).resolve()  # links followed: a link that leads elsewhere lies elsewhere
        except (OSError, RuntimeError, ValueError) as unknown:  # links in a circle, and what no name can be
            found, problem = Path(os.path.normpath(path)), unknown
        for directory in self._directories:
            if found.is_relative_to(directory):
                if problem:
                    message = f"'{field}' leads nowhere: {path}"
                    raise InvalidRequest(message, param=field) from problem
                return Place(directory, found.relative_to(directory))
        raise NotPermitted(
            f"'{field}' lies outside the folders that calls may use (setting 'grpc.directories'): "
            f"{', '.join(map(str, self._directories)) or 'there are none'}"
        )


@contextmanager
def _problems_of(field: str, done: str) -> Iterator[None]:
    """What is wrong with a file, said of the `field` that names it; `done` is what was to be done with it."""
    try:
        yield
    except InvalidRequest as problem:
        if problem.param == field:
            raise
        raise InvalidRequest(f"'{field}': {problem.message}", code=problem.reason, param=field) from problem
    except NotRegular as problem:
        raise InvalidRequest(f"'{field}' names what is no regular file.", param=field) from problem
    except FileNotFoundError as problem:
        raise InvalidRequest(f"'{field}' is no longer there.", code="not_found", param=field) from problem
    except OSError as problem:
        if problem.errno in _ODD_NAMES:
            raise InvalidRequest(f"'{field}' cannot name a file: {problem.strerror}.", param=field) from problem
        if problem.errno in _FULL:
            raise EngineBusy(f"'{field}' cannot be {done}: {problem.strerror}") from problem
        raise NotPermitted(f"'{field}' cannot be {done}: {problem.strerror}") from problem
