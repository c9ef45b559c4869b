"""The vector store: `StoresSet`, `StoresDelete`, `StoresGet`, `StoresFind`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.premises import Premises
from realtime.errors import InvalidRequest
from realtime.vectors import Entries


class Stores:
    """Answers them."""

    def __init__(self, premises: Premises) -> None:
        self._vectors = premises.vectors

    async def stores_set(self, request: pb.StoresSetOptions) -> pb.Result:
        """Add entries, all or none, in place of those with the same keys. Raises `InvalidRequest` for keys of another
        length than the store's, or as many values as there are not keys, and `EngineBusy` when the store is full.
        Cancelling leaves it open whether they are set.
        """
        if len(request.Keys) != len(request.Values):
            raise InvalidRequest(
                f"'Keys' has {len(request.Keys)} items and 'Values' {len(request.Values)}.", param="Values"
            )
        keys, values = await asyncio.to_thread(lambda: (_floats(request.Keys), _bytes(request.Values)))
        await self._vectors.set(keys, values)
        return pb.Result(success=True, message=f"set {len(request.Keys)}")

    async def stores_delete(self, request: pb.StoresDeleteOptions) -> pb.Result:
        """Remove the entries that are there; the message says how many were. Cancelling leaves it open whether."""
        deleted = await self._vectors.delete(await asyncio.to_thread(_floats, request.Keys))
        return pb.Result(success=True, message=f"deleted {deleted}")

    async def stores_get(self, request: pb.StoresGetOptions) -> pb.StoresGetResult:
        """The entries that are there, in the order of the request. Cancelling is safe."""
        found = await self._vectors.get(await asyncio.to_thread(_floats, request.Keys))
        return await asyncio.to_thread(lambda: pb.StoresGetResult(Keys=_keys(found), Values=_values(found)))

    async def stores_find(self, request: pb.StoresFindOptions) -> pb.StoresFindResult:
        """The `TopK` entries most similar to `Key`, by the cosine of the angle between them. Cancelling is safe."""
        if request.TopK < 1:
            raise InvalidRequest(f"'TopK' must be 1 or more, not {request.TopK}.", param="TopK")
        found = await self._vectors.find(request.Key.Floats, request.TopK)
        similarities = found.similarities
        return await asyncio.to_thread(
            lambda: pb.StoresFindResult(Keys=_keys(found), Values=_values(found), Similarities=similarities)
        )


# A request may have millions of keys, so even this is done in threads.


def _floats(keys: Sequence[pb.StoresKey]) -> list[Sequence[float]]:
    return [key.Floats for key in keys]


def _bytes(values: Sequence[pb.StoresValue]) -> list[bytes]:
    return [value.Bytes for value in values]


def _keys(entries: Entries) -> list[pb.StoresKey]:
    return [pb.StoresKey(Floats=key) for key in entries.keys.tolist()]


def _values(entries: Entries) -> list[pb.StoresValue]:
    return [pb.StoresValue(Bytes=value) for value in entries.values]
