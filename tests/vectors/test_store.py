"""The store: what it refuses, what it keeps, and that it keeps it when the process is killed."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from realtime.errors import BadConfiguration, EngineBusy, EngineFailed, InvalidRequest
from realtime.vectors import VectorStore
from realtime.vectors.journal import Journal
from realtime.vectors.store import MOST_DIMENSIONS


@asynccontextmanager
async def opened(path: Path | None = None, **limits: int) -> AsyncIterator[VectorStore]:
    """A store for as long as the context lasts."""
    store = VectorStore(path, **limits)
    try:
        yield store
    finally:
        await store.close()


async def test_entries_are_set_found_and_removed() -> None:
    async with opened() as store:
        await store.set([[1, 0], [0, 1], [1, 1]], [b"x", b"y", b"xy"])
        await store.set([[0, 1]], [b"Y"])
        assert (await store.get([[0, 1], [7, 7], [1, 0]])).values == (b"Y", b"x")
        found = await store.find([2, 1], 2)
        assert found.values == (b"xy", b"x")
        assert found.similarities is not None
        assert found.similarities.tolist() == pytest.approx([0.9486833, 0.8944272])
        assert await store.delete([[1, 1], [7, 7]]) == 1
        assert (await store.find([2, 1], 9)).values == (b"x", b"Y")


async def test_an_empty_store_has_nothing_to_find() -> None:
    async with opened() as store:
        assert (await store.find([1.5, 2], 3)).values == ()
        assert (await store.get([[1, 2, 3]])).values == ()
        assert await store.delete([[1]]) == 0


BAD_KEYS = [
    ([], "no keys"),
    ([[]], "Key 0 has 0 numbers"),
    ([[1, 2], [1, 2, 3]], "Key 1 has 3 numbers"),
    ([[1, 2, 3]], "Key 0 has 3 numbers, and the store's keys have 2"),
    ([[1, float("nan")]], "not finite"),
    ([[1, float("inf")]], "not finite"),
    ([[1, 1e39]], "not finite"),
    ([[0.0] * (MOST_DIMENSIONS + 1)], "it may have 1 to 65536"),
]


@pytest.mark.parametrize(("keys", "why"), BAD_KEYS)
async def test_keys_that_cannot_be_are_refused(keys: list[list[float]], why: str) -> None:
    """By all that take keys, and nothing is changed."""
    async with opened() as store:
        await store.set([[1, 2]], [b"kept"])
        for asked in (
            lambda: store.set([[5, 6], *keys] if keys else keys, [b"new"] * (len(keys) + 1)),
            lambda: store.get(keys),
            lambda: store.delete(keys),
        ):
            with pytest.raises(InvalidRequest, match=why.replace("Key 0", "Key .").replace("Key 1", "Key .")):
                await asked()
        assert (await store.find([1, 2], 9)).values == (b"kept",)


async def test_a_search_that_cannot_be_is_refused() -> None:
    async with opened() as store:
        await store.set([[1, 2]], [b"kept"])
        for key, count, why in (
            ([1.0, 2.0], 0, "must be 1 or more, not 0"),
            ([0.0, 0.0], 1, "resembles nothing"),
            ([1.0], 1, "the store's keys have 2"),
            ([], 1, "has 0 numbers"),
        ):
            with pytest.raises(InvalidRequest, match=why):
                await store.find(key, count)


async def test_there_are_as_many_values_as_keys() -> None:
    async with opened() as store:
        with pytest.raises(InvalidRequest, match="2 keys and 1 values"):
            await store.set([[1], [2]], [b"x"])
        assert (await store.get([[1], [2]])).values == ()


async def test_a_full_store_takes_no_more(tmp_path: Path) -> None:
    """And loses nothing; what makes it no larger is still taken."""
    async with opened(tmp_path / "store.db", limit_bytes=10_000) as store:
        await store.set([[1, 2]], [b"x" * 9000])
        for keys, values in (([[3, 4]], [b"y" * 2000]), ([[1, 2]], [b"z" * 12_000])):
            with pytest.raises(EngineBusy, match=r"is full: it has 1 entries of 9\d{3} bytes together, and room"):
                await store.set(keys, values)
        await store.set([[1, 2]], [b"w" * 9000])
        assert (await store.get([[1, 2], [3, 4]])).values == (b"w" * 9000,)
    async with opened(tmp_path / "store.db") as store:
        assert (await store.get([[1, 2], [3, 4]])).values == (b"w" * 9000,)


async def test_a_file_keeps_it_all(tmp_path: Path) -> None:
    keys = np.random.default_rng(5).normal(size=(200, 16)).astype(np.float32)
    async with opened(tmp_path / "store.db") as store:
        await store.open()
        await store.set(keys, [bytes([number]) for number in range(200)])
        await store.delete(keys[50:100])
        await store.set(keys[:1], [b"changed"])
    async with opened(tmp_path / "store.db") as store:
        assert (await store.get(keys[49:101])).values == (b"1", b"d")
        found = await store.find(keys[0], 1)
        assert found.values == (b"changed",)
        assert np.array_equal(found.keys, keys[:1])


async def test_what_the_disk_does_not_take_is_not_in_memory_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise EngineFailed("the vector store's file takes no changes: database or disk is full")

    async with opened(tmp_path / "store.db") as store:
        await store.set([[1]], [b"x"])
        monkeypatch.setattr(Journal, "set", fail)
        monkeypatch.setattr(Journal, "delete", fail)
        with pytest.raises(EngineFailed):
            await store.set([[1], [2]], [b"y", b"y"])
        with pytest.raises(EngineFailed):
            await store.delete([[1]])
        assert (await store.get([[1], [2]])).values == (b"x",)


async def test_requests_beside_each_other_are_one_after_the_other() -> None:
    async with opened() as store:
        await asyncio.gather(*(store.set([[number % 10, 1]], [bytes([number])]) for number in range(100)))
        found = await store.get([[number, 1] for number in range(10)])
        assert found.values == tuple(bytes([90 + number]) for number in range(10))


async def test_a_closed_store_has_failed() -> None:
    store = VectorStore()
    await store.close()
    with pytest.raises(EngineFailed, match="closed"):
        await store.get([[1]])


async def test_a_file_that_is_no_store_is_a_bad_configuration(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("somebody's notes " * 100)
    async with opened(tmp_path / "notes.txt") as store:
        with pytest.raises(BadConfiguration, match=r"grpc\.store"):
            await store.open()
    journal = Journal(tmp_path / "store.db")
    journal.set([b"aaaa", b"bbbbbbbb"], [b"", b""])
    journal.close()
    async with opened(tmp_path / "store.db") as store:
        with pytest.raises(BadConfiguration, match="not of one length"):
            await store.open()


WRITER = """
import asyncio, sys
from pathlib import Path
from realtime.vectors import VectorStore

async def write() -> None:
    store = VectorStore(Path(sys.argv[1]))
    for number in range(1_000_000):
        await store.set([[number, 1], [number, 2]], [b"one", b"two"])
        print(number, flush=True)

asyncio.run(write())
"""


async def test_what_was_acknowledged_survives_a_killed_process(tmp_path: Path) -> None:
    """And of what was not, nothing is there by half."""
    last = await asyncio.to_thread(write_until_killed, tmp_path / "store.db")
    async with opened(tmp_path / "store.db") as store:
        for number in range(last + 1):
            assert (await store.get([[number, 1], [number, 2]])).values == (b"one", b"two")
        assert len((await store.get([[last + 1, 1], [last + 1, 2]])).values) in (0, 2)
        await store.set([[-1, 0]], [b"goes on"])


def write_until_killed(path: Path) -> int:
    """The last change that another process said was kept, before it was killed in the middle of its work."""
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout
        said = [writer.stdout.readline() for _ in range(30)]
        writer.kill()
        said += writer.stdout.readlines()
    assert writer.returncode == -signal.SIGKILL
    # What it was killed in may have broken off in the middle of a line.
    return int([line for line in said if line.endswith("\n")][-1])
