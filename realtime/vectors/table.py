"""Vectors of one length with a value each, in memory, searched exactly.

A search looks at every vector, 100,000 of 384 dimensions in 20 to 70 ms. An index would be faster from some hundred
thousand on, and would miss some.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime.errors import InvalidRequest

Vectors = NDArray[np.float32]
"""Shape (vectors, dimensions)."""

FIRST_CAPACITY = 64

AT_A_TIME = 1024
"""Directions that are reckoned in one step, so that a large file does not take thrice the memory for a moment."""

ENTRY_BYTES = 200
"""Of an entry beside its key and its value: the objects that hold it."""

SENT_BYTES = 32
"""Of an entry beside its key and its value, at most, in an answer: lengths, and how similar it is."""


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """Some of the store's."""

    keys: Vectors
    """As they were given, shape (entries, dimensions)."""
    values: tuple[bytes, ...]
    similarities: NDArray[np.float32] | None = None
    """Of a search, shape (entries,): the cosine of the angle to what was searched for, -1 to 1."""


def names_of(keys: Vectors) -> list[bytes]:
    """What each key is kept under: its numbers as little-endian float32."""
    # Zero has two signs and is one number.
    width = keys.shape[1] * 4
    packed = (keys + np.float32(0)).astype("<f4").tobytes()
    return [packed[start : start + width] for start in range(0, len(packed), width)]


class Table:
    """The entries. Not safe for several threads."""

    def __init__(self) -> None:
        self._rows: dict[bytes, int] = {}
        self._names: list[bytes] = []
        self._values: list[bytes] = []
        self._directions: Vectors = np.zeros((0, 0), np.float32)
        """The keys at length 1, with room for more."""
        self._filled = 0
        """Entries whose direction is in its place."""
        self.size_bytes = 0
        """About what all of it takes."""

    def __len__(self) -> int:
        return len(self._names)

    @property
    def dimensions(self) -> int | None:
        """Numbers of every key; None while there is none."""
        return self._directions.shape[1] if self._names else None

    def growth_bytes(self, names: Sequence[bytes], values: Sequence[bytes]) -> int:
        """How much larger `set` would make it, or a little less."""
        given = set(names)
        new = sum(2 * len(name) + ENTRY_BYTES for name in given if name not in self._rows)
        old = sum(len(self._values[self._rows[name]]) for name in given if name in self._rows)
        return new - old + sum(len(value) for value in values)

    def set(self, names: Sequence[bytes], values: Sequence[bytes]) -> None:
        """Add entries; one whose key is there already takes its place, and of two of one key the last stays."""
        if not names:
            return
        if not self._names:
            self._directions = np.zeros((FIRST_CAPACITY, len(names[0]) // 4), np.float32)
        for name, value in zip(names, values, strict=True):
            if (row := self._rows.get(name)) is None:
                self._rows[name] = len(self._names)
                self._names.append(name)
                self._values.append(value)
                self.size_bytes += 2 * len(name) + len(value) + ENTRY_BYTES
            else:
                self.size_bytes += len(value) - len(self._values[row])
                self._values[row] = value
        self._fill()

    def delete(self, names: Iterable[bytes]) -> int:
        """Remove the entries that are there; how many were."""
        before = len(self._names)
        for name in names:
            if (row := self._rows.pop(name, None)) is None:
                continue
            self.size_bytes -= 2 * len(name) + len(self._values[row]) + ENTRY_BYTES
            # The last entry takes the place of the one that goes.
            last, value = self._names.pop(), self._values.pop()
            if last != name:
                self._names[row], self._values[row], self._rows[last] = last, value, row
                self._directions[row] = self._directions[len(self._names)]
        self._filled = len(self._names)
        return before - len(self._names)

    def get(self, names: Iterable[bytes], most_bytes: int | None = None) -> Entries:
        """The entries that are there, in the order in which they are asked for, and as often.

        Raises `InvalidRequest`, before they are put together, if they come to more than `most_bytes`.
        """
        return self._entries([self._rows[name] for name in names if name in self._rows], "Keys", most_bytes)

    def find(self, key: Vectors, count: int, most_bytes: int | None = None) -> Entries:
        """Up to `count` entries, those first whose keys point most nearly where `key`, shape (1, dimensions), does.

        A key without a direction, all zeros, resembles nothing: its similarity is 0. Equally similar ones come in the
        order in which they were set, as long as none was deleted. Raises as `get` does.
        """
        if not self._names:
            return self._entries([], "TopK", similarities=np.zeros(0, np.float32))
        similarities = self._directions[: len(self._names)] @ directions_of(key)[0]
        rows = np.arange(len(similarities))
        if count < len(rows):
            least = np.partition(similarities, len(rows) - count)[len(rows) - count]
            rows = np.flatnonzero(similarities >= least)
        best = rows[np.argsort(-similarities[rows], kind="stable")][:count]
        return self._entries(best.tolist(), "TopK", most_bytes, similarities[best].clip(-1, 1))

    def _entries(
        self, rows: Sequence[int], field: str, most_bytes: int | None = None, similarities: Vectors | None = None
    ) -> Entries:
        """Those in `rows`, which `field` of a request asks for."""
        size_bytes = sum(len(self._names[row]) + len(self._values[row]) + SENT_BYTES for row in rows)
        if most_bytes is not None and size_bytes > most_bytes:
            raise InvalidRequest(
                f"'{field}' asks for {len(rows)} entries of {size_bytes} bytes; an answer has room for {most_bytes}.",
                code="out_of_range",
                param=field,
            )
        packed = b"".join(self._names[row] for row in rows)
        keys = np.frombuffer(packed, "<f4").astype(np.float32).reshape(len(rows), self.dimensions or 0)
        return Entries(keys, tuple(self._values[row] for row in rows), similarities)

    def _fill(self) -> None:
        """Put the directions of new entries where they belong."""
        capacity, dimensions = self._directions.shape
        if capacity < len(self._names):
            larger = np.zeros((max(2 * capacity, len(self._names)), dimensions), np.float32)
            larger[: self._filled] = self._directions[: self._filled]
            self._directions = larger
        for start in range(self._filled, len(self._names), AT_A_TIME):
            names = self._names[start : start + AT_A_TIME]
            fresh = np.frombuffer(b"".join(names), "<f4").reshape(len(names), dimensions)
            self._directions[start : start + len(names)] = directions_of(fresh)
        self._filled = len(self._names)


def directions_of(keys: Vectors) -> Vectors:
    """Each of `keys` at length 1, zeros where it is zeros."""
    # Squares of very large and very small numbers have no place in 32 bits.
    peaks = np.abs(keys).max(axis=1, keepdims=True)
    even = np.divide(keys, peaks, out=np.zeros_like(keys), where=peaks > 0)
    lengths = np.sqrt(np.einsum("ij,ij->i", even, even))[:, None]
    return np.asarray(np.divide(even, lengths, out=even, where=lengths > 0), np.float32)
