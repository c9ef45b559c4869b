"""The HTTP door of llama.cpp's server: what its Python binding has no name for is asked here.

It is on a socket in a folder that only we may look into, and on a system without such sockets on a port of this
machine; in both cases it wants the key that was made up for it.
"""

from __future__ import annotations

import socket
from http.client import HTTPConnection, HTTPException
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import msgspec

from realtime.engines.chat_completions import Json
from realtime.errors import EngineFailed

PATIENCE_S = 30.0
"""For an answer. One needs milliseconds; of a text of megabytes, more."""


class Refused(EngineFailed):
    """llama.cpp answers, and the answer is a complaint."""


class LlamaDoor:
    """One server's. Safe to use from several threads, which take turns at it."""

    def __init__(self, address: str, key: str, folder: TemporaryDirectory[str]) -> None:
        """`address` is `unix://PATH` or `http://HOST:PORT`. `folder` goes when the door is closed."""
        self._address = address
        self._key = key
        self._folder = folder

    def ask(self, path: str, question: Json) -> Json:
        """What is answered to a question. Raises `Refused` if that is a complaint, `EngineFailed` if nothing is.

        Blocks.
        """
        connection = _connection(self._address)
        # One thread serves the door: who has been answered lets the next one in.
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json", "Connection": "close"}
        try:
            connection.request("POST", path, msgspec.json.encode(question), headers)
            response = connection.getresponse()
            answer = msgspec.json.decode(response.read(), type=dict[str, Any])
        except (OSError, HTTPException, msgspec.DecodeError, UnicodeEncodeError) as problem:
            raise EngineFailed(f"llama.cpp does not answer {path!r}") from problem
        finally:
            connection.close()
        if response.status != 200:
            raise Refused(f"llama.cpp refuses {path!r} with status {response.status}")
        return answer

    def close(self) -> None:
        """Remove the folder; the server must be gone."""
        self._folder.cleanup()


def _connection(address: str) -> HTTPConnection:
    parts = urlsplit(address)
    if parts.scheme == "unix":
        return _UnixConnection(parts.path)
    return HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE_S)


class _UnixConnection(HTTPConnection):
    """To a socket that has a path."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=PATIENCE_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE_S)
        self.sock.connect(self._path)
