"""The file that keeps a store's entries, in SQLite: what was acknowledged is on the disk, whatever ends the process.

The file is written with every change and read once, when the store is opened; meanwhile it belongs to one process.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from hashlib import blake2b
from pathlib import Path

from realtime.errors import BadConfiguration, EngineFailed

APPLICATION = 0x52545656
"""How SQLite files of ours are told from others."""

VERSION = 1

WAIT_S = 2.0
"""For another process that is about to let go of the file."""


class Journal:
    """One file. Belongs to the thread that opens it."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it, folder and all; raises `BadConfiguration` for one that cannot be used."""
        self._path = path
        connection = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _look(path)
            connection = sqlite3.connect(path, timeout=WAIT_S, isolation_level=None)
            _prepare(connection)
        except (OSError, sqlite3.Error) as problem:
            if connection:
                connection.close()
            raise BadConfiguration(f"setting 'grpc.store': cannot keep vectors in {path}: {problem}") from problem
        self._connection = connection

    def entries(self) -> Iterator[tuple[bytes, bytes]]:
        """All keys and values, in the order in which they were first set."""
        try:
            yield from self._connection.execute("SELECT key, value FROM entries ORDER BY rowid")
        except sqlite3.Error as problem:
            raise BadConfiguration(f"setting 'grpc.store': cannot read {self._path}: {problem}") from problem

    def set(self, names: Sequence[bytes], values: Sequence[bytes]) -> None:
        """Keep the entries, all or none; returns when the disk has them. Raises `EngineFailed` if it takes none."""
        statement = (
            "INSERT INTO entries (digest, key, value) VALUES (?, ?, ?) "
            "ON CONFLICT (digest) DO UPDATE SET value = excluded.value"
        )
        self._change(statement, zip(map(_digest, names), names, values, strict=True))

    def delete(self, names: Sequence[bytes]) -> None:
        """Forget the entries, all or none; returns when the disk has. Raises `EngineFailed` if it does not."""
        self._change("DELETE FROM entries WHERE digest = ?", ((_digest(name),) for name in names))

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _change(self, statement: str, rows: Iterable[tuple[bytes, ...]]) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(statement, rows)
            self._connection.execute("COMMIT")
        except sqlite3.Error as problem:
            with suppress(sqlite3.Error):  # which has rolled back by itself where the disk was full
                self._connection.execute("ROLLBACK")
            raise EngineFailed(f"the vector store's file takes no changes: {problem}") from problem


def _digest(name: bytes) -> bytes:
    """What an entry is found by: an index of whole keys would be larger than all the rest."""
    return blake2b(name, digest_size=16).digest()


def _look(path: Path) -> None:
    """Raise for a file that is not for us, without touching it.

    Any other way to open a database may change it, even to read: what its own program left in its log is taken over.
    """
    if path.exists():
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as untouched:
            _is_new(untouched)


def _is_new(connection: sqlite3.Connection) -> bool:
    """Whether there is nothing in it. Raises `DatabaseError` if there is, and not from us."""
    made_by = tuple(connection.execute(f"PRAGMA {mark}").fetchone()[0] for mark in ("application_id", "user_version"))
    if made_by == (APPLICATION, VERSION):
        return False
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables or any(made_by):
        raise sqlite3.DatabaseError("the file is another program's, or of another version")
    return True


def _prepare(connection: sqlite3.Connection) -> None:
    # Another process's changes would not come into this one's memory.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    # A commit is acknowledged, so the disk must have it. In WAL mode anything less waits for the disk only when the log
    # is taken over into the file, and some builds of SQLite have that as their default.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN EXCLUSIVE")
    if _is_new(connection):
        connection.execute("CREATE TABLE entries (digest BLOB NOT NULL UNIQUE, key BLOB NOT NULL, value BLOB NOT NULL)")
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")
    # Last, for it stays in the file, and so that the marks are in the file itself and not only in its log.
    connection.execute("PRAGMA journal_mode = WAL")
