"""The files that calls name: only in the operator's folders, and only where they really lie there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from realtime.audio import Audio
from realtime.codecs.containers import read_audio, write_wav
from realtime.errors import InvalidRequest, NotPermitted

LONGEST_AUDIO_S = 4 * 60 * 60
"""Of a file: more is 920 MB of samples at 16 kHz."""


class Files:
    """Files below some folders."""

    def __init__(self, directories: Iterable[Path]) -> None:
        self._directories = tuple(directory.expanduser().resolve() for directory in directories)

    def readable(self, path: str, field: str) -> Path:
        """Where the file that `field` names really lies.

        Raises `InvalidRequest` if it names none or there is none, `NotPermitted` if it lies elsewhere. Blocks.
        """
        place = self._place(path, field)
        if not place.is_file():
            raise InvalidRequest(f"'{field}' names no file: {path}", code="not_found", param=field)
        return place

    def writable(self, path: str, field: str) -> Path:
        """Where the file that `field` names would really lie; raises as `readable` does. Blocks."""
        place = self._place(path, field)
        if place.is_dir():
            raise InvalidRequest(f"'{field}' names a folder: {path}", param=field)
        if not place.parent.is_dir():
            raise InvalidRequest(f"'{field}' lies in no folder that there is: {path}", code="not_found", param=field)
        return place

    async def read_audio(self, path: str, field: str) -> Audio:
        """The sound in a file, at its own rate; raises as `readable` does, and `InvalidRequest` for what is no sound.

        Cancelling leaves it to a thread to finish.
        """

        def read() -> Audio:
            place = self.readable(path, field)
            try:
                return read_audio(place, max_s=LONGEST_AUDIO_S)
            except InvalidRequest as problem:
                raise InvalidRequest(f"'{field}': {problem.message}", code=problem.reason, param=field) from problem
            except OSError as problem:
                raise NotPermitted(f"'{field}' cannot be read: {problem.strerror}") from problem

        return await asyncio.to_thread(read)

    async def write_wav(self, path: str, field: str, audio: Audio) -> Path:
        """Write sound into a file, in place of what is there; where it lies. Raises as `writable` does.

        Cancelling leaves it to a thread to finish.
        """

        def write() -> Path:
            place = self.writable(path, field)
            try:
                write_wav(place, audio)
            except OSError as problem:
                raise NotPermitted(f"'{field}' cannot be written: {problem.strerror}") from problem
            return place

        return await asyncio.to_thread(write)

    def _place(self, path: str, field: str) -> Path:
        if not path:
            raise InvalidRequest(f"'{field}' names no file.", code="missing_required_parameter", param=field)
        if "\0" in path or not Path(path).is_absolute():
            raise InvalidRequest(f"'{field}' must be the absolute path of a file.", param=field)
        place = Path(path).resolve()  # links followed: a link that leads elsewhere lies elsewhere
        if not any(place.is_relative_to(directory) for directory in self._directories):
            raise NotPermitted(
                f"'{field}' lies outside the folders that calls may use (setting 'grpc.directories'): "
                f"{', '.join(map(str, self._directories)) or 'there are none'}"
            )
        return place
