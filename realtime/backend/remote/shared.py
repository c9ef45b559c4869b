"""Files that both machines see: the older calls of the contract hand sound over in files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from secrets import token_hex

from realtime.audio import Audio
from realtime.backend.remote.connection import Connection
from realtime.codecs.containers import read_audio, write_wav
from realtime.errors import BadConfiguration, EngineFailed, InvalidRequest

LONGEST_AUDIO_S = 60 * 60


class FileConnection(Connection):
    """Options of engines whose sound may go by way of files."""

    shared_directory: str = ""
    """A folder that this machine and the backend's both see, for backends that take or give sound in files only.
    The backend has to permit it too."""
    shared_directory_there: str = ""
    """What the backend calls that folder, where it is another name."""


@dataclass(frozen=True, slots=True)
class SharedFile:
    """A name that no file has yet."""

    here: Path
    there: str
    """What the backend calls it."""

    async def read(self) -> Audio:
        """The sound that the backend has written. Raises `EngineFailed` where it has not. Cancelling lets a thread
        finish.
        """
        try:
            return await asyncio.to_thread(read_audio, self.here, max_s=LONGEST_AUDIO_S)
        except (OSError, InvalidRequest) as problem:
            raise EngineFailed(
                f"the backend has written no sound to {self.there} (options `shared_directory`, "
                "`shared_directory_there`)"
            ) from problem


class SharedDirectory:
    """A folder for files that live as long as a call."""

    def __init__(self, here: Path, there: str) -> None:
        self._here = here
        self._there = there

    @asynccontextmanager
    async def file(self, audio: Audio | None = None) -> AsyncIterator[SharedFile]:
        """A WAV file with `audio`, or only its name, for as long as the context lasts. Raises `EngineFailed` where it
        cannot be written. Cancelling leaves no file behind.
        """
        name = f"realtime-{token_hex(12)}.wav"
        file = SharedFile(self._here / name, str(PurePosixPath(self._there) / name))
        try:
            if audio:
                await asyncio.to_thread(write_wav, file.here, audio)
            yield file
        except OSError as problem:
            raise EngineFailed(f"cannot use the option `shared_directory`: {problem.strerror}") from problem
        finally:
            await asyncio.shield(asyncio.to_thread(file.here.unlink, missing_ok=True))


def open_shared(options: FileConnection) -> SharedDirectory | None:
    """The folder of the options, if there is one; raises `BadConfiguration` where it is none. Blocks."""
    if not options.shared_directory:
        return None
    here = Path(options.shared_directory).expanduser()
    if not (here.is_absolute() and here.is_dir()):
        raise BadConfiguration(f"option `shared_directory` is no folder's absolute path: {options.shared_directory}")
    return SharedDirectory(here, options.shared_directory_there or str(here))
