"""The vector store's four calls, in the room and over the channel."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import numpy as np
import pytest

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.stores import Stores, written_keys
from realtime.errors import InvalidRequest
from tests.backend.doorway import Doorway, refusal
from tests.backend.rooms import premises_of


def keys(*rows: list[float]) -> list[pb.StoresKey]:
    return [pb.StoresKey(Floats=row) for row in rows]


def values(*contents: bytes) -> list[pb.StoresValue]:
    return [pb.StoresValue(Bytes=content) for content in contents]


def contents(result: pb.StoresGetResult | pb.StoresFindResult) -> list[tuple[list[float], bytes]]:
    """Keys and values of an answer."""
    return [(list(key.Floats), value.Bytes) for key, value in zip(result.Keys, result.Values, strict=True)]


SET = pb.StoresSetOptions(Keys=keys([1, 0], [0, 1], [1, 1]), Values=values(b"x", b"y", b"\xff\x00"))


async def test_the_four_calls() -> None:
    stores = Stores(premises_of())
    result = await stores.stores_set(SET)
    assert (result.success, result.message) == (True, "set 3")
    got = await stores.stores_get(pb.StoresGetOptions(Keys=keys([1, 1], [5, 5], [1, 0])))
    assert contents(got) == [([1, 1], b"\xff\x00"), ([1, 0], b"x")]
    found = await stores.stores_find(pb.StoresFindOptions(Key=keys([0.5, 0.25])[0], TopK=2))
    assert contents(found) == [([1, 1], b"\xff\x00"), ([1, 0], b"x")]
    assert list(found.Similarities) == pytest.approx([0.9486833, 0.8944272])
    deleted = await stores.stores_delete(pb.StoresDeleteOptions(Keys=keys([1, 1], [5, 5])))
    assert (deleted.success, deleted.message) == (True, "deleted 1")
    assert len((await stores.stores_find(pb.StoresFindOptions(Key=keys([1, 1])[0], TopK=100))).Keys) == 2


@pytest.mark.parametrize("top_k", [0, -1])
async def test_a_search_is_for_something(top_k: int) -> None:
    with pytest.raises(InvalidRequest, match="'TopK' must be 1 or more"):
        await Stores(premises_of()).stores_find(pb.StoresFindOptions(Key=keys([1])[0], TopK=top_k))


@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (3, 31), (2, 32), (3, 4096)])
def test_keys_are_written_as_protobuf_writes_them(shape: tuple[int, int]) -> None:
    """However many bytes it takes to say how long they are."""
    vectors = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    expected = pb.StoresGetResult(Keys=[pb.StoresKey(Floats=row) for row in vectors])
    assert written_keys(vectors) == expected.SerializeToString()


async def test_more_than_a_message_holds_is_not_put_together() -> None:
    """A key that is named often, or a search for all; what fits comes, and what a search leaves out is not counted."""
    async with Doorway(premises_of(max_message_bytes=1 << 20)) as door:
        stub = door.stub
        for number in range(4):
            await stub.StoresSet(pb.StoresSetOptions(Keys=keys([number, 1]), Values=values(bytes(300_000))))
        for call, field in (
            (stub.StoresGet(pb.StoresGetOptions(Keys=keys(*[[1.0, 1.0]] * 1000))), "Keys"),
            (stub.StoresFind(pb.StoresFindOptions(Key=keys([1, 1])[0], TopK=2**31 - 1)), "TopK"),
        ):
            status, message = await refusal(call)
            assert status is grpc.StatusCode.OUT_OF_RANGE
            assert f"'{field}' asks for " in message
        assert len((await stub.StoresGet(pb.StoresGetOptions(Keys=keys(*[[1.0, 1.0]] * 3)))).Values) == 3
        assert len((await stub.StoresFind(pb.StoresFindOptions(Key=keys([1, 1])[0], TopK=3))).Values) == 3


async def test_a_search_for_more_than_there_is_finds_all() -> None:
    stores = Stores(premises_of())
    await stores.stores_set(SET)
    found = await stores.stores_find(pb.StoresFindOptions(Key=keys([1, 0])[0], TopK=2**31 - 1))
    assert len(contents(found)) == len(found.Similarities) == 3


async def test_what_is_wrong_has_its_status_over_the_channel() -> None:
    """And nothing is lost by it."""
    async with Doorway(premises_of()) as door:
        await door.stub.StoresSet(SET)
        for call in (
            door.stub.StoresSet(pb.StoresSetOptions()),
            door.stub.StoresSet(pb.StoresSetOptions(Keys=keys([1, 2]), Values=values(b"a", b"b"))),
            door.stub.StoresSet(pb.StoresSetOptions(Keys=keys([1, 2, 3]), Values=values(b"a"))),
            door.stub.StoresSet(pb.StoresSetOptions(Keys=keys([1, float("nan")]), Values=values(b"a"))),
            door.stub.StoresGet(pb.StoresGetOptions()),
            door.stub.StoresGet(pb.StoresGetOptions(Keys=keys([1]))),
            door.stub.StoresDelete(pb.StoresDeleteOptions()),
            door.stub.StoresFind(pb.StoresFindOptions(TopK=1)),
            door.stub.StoresFind(pb.StoresFindOptions(Key=keys([1, 2])[0])),
            door.stub.StoresFind(pb.StoresFindOptions(Key=keys([0, 0])[0], TopK=1)),
        ):
            assert (await refusal(call))[0] is grpc.StatusCode.INVALID_ARGUMENT
        found = await door.stub.StoresFind(pb.StoresFindOptions(Key=keys([1, 0])[0], TopK=9))
        assert [value.Bytes for value in found.Values] == [b"x", b"\xff\x00", b"y"]


async def test_it_needs_no_model() -> None:
    """It works before any is loaded, and after all were let go."""
    async with Doorway(premises_of()) as door:
        await door.stub.Free(pb.HealthMessage())
        await door.stub.StoresSet(SET)
        assert len((await door.stub.StoresGet(pb.StoresGetOptions(Keys=SET.Keys))).Keys) == 3


async def test_another_service_finds_it_as_it_was(tmp_path: Path) -> None:
    """After a restart, where the configuration names a file."""
    vectors = np.random.default_rng(2).normal(size=(100, 32)).astype(np.float32)
    asked = pb.StoresSetOptions(
        Keys=[pb.StoresKey(Floats=row) for row in vectors], Values=values(*(bytes([n]) for n in range(100)))
    )
    first = premises_of(store=tmp_path / "store.db")
    async with Doorway(first) as door:
        await door.stub.StoresSet(asked)
        await door.stub.StoresDelete(pb.StoresDeleteOptions(Keys=asked.Keys[:50]))
    await first.vectors.close()
    second = premises_of(store=tmp_path / "store.db")
    async with Doorway(second) as door:
        finds = [door.stub.StoresFind(pb.StoresFindOptions(Key=key, TopK=1)) for key in asked.Keys]
        found = [result.Values[0].Bytes[0] for result in await asyncio.gather(*finds)]
        assert found[50:] == list(range(50, 100))
        assert min(found) >= 50
    await second.vectors.close()
