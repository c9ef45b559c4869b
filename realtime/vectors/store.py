"""The store as the doors see it: it checks what it is given, and does its work in a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from realtime.errors import BadConfiguration, EngineBusy, EngineFailed, InvalidRequest
from realtime.vectors.journal import Journal
from realtime.vectors.table import Entries, Table, Vectors, names_of

T = TypeVar("T")

Key: TypeAlias = Sequence[float] | NDArray[np.float32]
Keys: TypeAlias = Sequence[Key] | Vectors
"""Vectors of one length, not empty, their numbers finite."""

MOST_DIMENSIONS = 65_536

LIMIT_BYTES = 2 << 30
"""Of keys and values in memory: some 600,000 of 384 dimensions."""


class VectorStore:
    """Vectors with a value each, in memory, and in the file `path` if there is one.

    One change or search at a time, in the order of asking. All keys have one length, that of the first; two are the
    same if all their numbers are. What is wrong with a request is an `InvalidRequest`, and changes nothing.
    """

    def __init__(self, path: Path | None = None, limit_bytes: int = LIMIT_BYTES) -> None:
        """Nothing is opened yet."""
        self._path = path.expanduser() if path else None
        self._limit_bytes = limit_bytes
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="vectors")
        self._journal: Journal | None = None
        self._table: Table | None = None

    async def open(self) -> None:
        """Read the file, if it was not read yet; otherwise the first request does. Raises `BadConfiguration` for a
        file that is no store, or another process's. Cancelling leaves it to be read all the same.
        """
        await self._run(self._opened)

    async def set(self, keys: Keys, values: Sequence[bytes]) -> None:
        """Add entries, all or none; those with the same keys as entries that are there replace them.

        Returns when they are kept. Raises `EngineBusy` when there is no room for them, and `EngineFailed` when the
        disk does not take them. Cancelling leaves it open whether they are set.
        """
        await self._run(lambda: self._set(keys, values))

    async def delete(self, keys: Keys) -> int:
        """Remove the entries that are there; how many were. Raises `EngineFailed` when the disk does not take it.
        Cancelling leaves it open whether they are removed.
        """
        return await self._run(lambda: self._delete(keys))

    async def get(self, keys: Keys, most_bytes: int | None = None) -> Entries:
        """The entries that are there, in the order of `keys`, and as often. If they come to more than `most_bytes`,
        that is an `InvalidRequest`, and nothing is put together. Cancelling is safe.
        """
        return await self._run(lambda: self._get(keys, most_bytes))

    async def find(self, key: Key, count: int, most_bytes: int | None = None) -> Entries:
        """Up to `count` entries, 1 or more, the most similar to `key` first, and how similar; `most_bytes` as in `get`.
        Cancelling is safe.
        """
        return await self._run(lambda: self._find(key, count, most_bytes))

    async def close(self) -> None:
        """Finish what was asked and let go of the file. Cancelling leaves it to the thread to finish."""
        await asyncio.to_thread(self._shut_down)

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            working = asyncio.get_running_loop().run_in_executor(self._thread, work)
        except RuntimeError as closed:
            raise EngineFailed("the vector store is closed") from closed
        return await working

    def _opened(self) -> Table:
        if self._table is not None:
            return self._table
        table = Table()
        if self._path:
            self._journal = self._journal or Journal(self._path)
            names, values = [], []
            for name, value in self._journal.entries():
                names.append(name)
                values.append(value)
            if len({len(name) for name in names}) > 1:
                raise BadConfiguration(f"setting 'grpc.store': the keys in {self._path} are not of one length")
            table.set(names, values)
        self._table = table
        return table

    def _set(self, keys: Keys, values: Sequence[bytes]) -> None:
        table = self._opened()
        names = names_of(_checked(keys, table.dimensions))
        if len(names) != len(values):
            raise InvalidRequest(f"There are {len(names)} keys and {len(values)} values.", param="values")
        if table.size_bytes + table.growth_bytes(names, values) > self._limit_bytes:
            raise EngineBusy(
                f"the vector store is full: it has {len(table)} entries of {table.size_bytes} bytes together, and room "
                f"for {self._limit_bytes}"
            )
        if self._journal:
            self._journal.set(names, values)
        table.set(names, values)

    def _delete(self, keys: Keys) -> int:
        table = self._opened()
        names = names_of(_checked(keys, table.dimensions))
        if self._journal:
            self._journal.delete(names)
        return table.delete(names)

    def _get(self, keys: Keys, most_bytes: int | None) -> Entries:
        table = self._opened()
        return table.get(names_of(_checked(keys, table.dimensions)), most_bytes)

    def _find(self, key: Key, count: int, most_bytes: int | None) -> Entries:
        table = self._opened()
        if count < 1:
            raise InvalidRequest(f"The number of entries to find must be 1 or more, not {count}.", param="topk")
        wanted = _checked([key], table.dimensions)
        if not wanted.any():
            raise InvalidRequest("A key of nothing but zeros resembles nothing.", param="key")
        return table.find(wanted, count, most_bytes)

    def _shut_down(self) -> None:
        # The file belongs to the thread that opened it.
        self._thread.submit(self._let_go)
        self._thread.shutdown()

    def _let_go(self) -> None:
        if self._journal:
            self._journal.close()


def _checked(keys: Keys, dimensions: int | None) -> Vectors:
    """`keys` as numbers, of as many `dimensions` as the store's are."""
    if not len(keys):
        raise InvalidRequest("There are no keys.", param="keys")
    expected = dimensions or len(keys[0])
    for index, key in enumerate(keys):
        if not 0 < len(key) <= MOST_DIMENSIONS:
            raise InvalidRequest(
                f"Key {index} has {len(key)} numbers; it may have 1 to {MOST_DIMENSIONS}.", param="keys"
            )
        if len(key) != expected:
            others = "the store's keys have" if dimensions else "the first has"
            raise InvalidRequest(f"Key {index} has {len(key)} numbers, and {others} {expected}.", param="keys")
    with np.errstate(over="ignore"):  # what is too large becomes infinite
        vectors = np.array([np.array(key, np.float32) for key in keys])
    if not np.isfinite(vectors).all():
        raise InvalidRequest("A key has a number that is not finite.", param="keys")
    return vectors
