"""The vector store: `StoresSet`, `StoresDelete`, `StoresGet`, `StoresFind`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import numpy as np

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.premises import Premises
from realtime.errors import InvalidRequest
from realtime.vectors import Entries, Vectors

_FIELD_1 = b"\x0a"
"""A message's first field, if its length comes next."""


class Stores:
    """Keeps vectors, and finds the nearest."""

    def __init__(self, premises: Premises) -> None:
        self._vectors = premises.vectors
        self._most_bytes = premises.settings.grpc.max_message_bytes

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
        """The entries that are there, in the order of the request, and as often. Raises `InvalidRequest` for more than
        a message may hold. Cancelling is safe.
        """
        found = await self._vectors.get(await asyncio.to_thread(_floats, request.Keys), self._most_bytes)

        def answer() -> pb.StoresGetResult:
            result = pb.StoresGetResult.FromString(written_keys(found.keys))
            result.Values.extend(_values(found))
            return result

        return await asyncio.to_thread(answer)

    async def stores_find(self, request: pb.StoresFindOptions) -> pb.StoresFindResult:
        """The `TopK` entries most similar to `Key`, or as many as there are, by the cosine of the angle between them.
        Raises `InvalidRequest` for more than a message may hold. Cancelling is safe.
        """
        if request.TopK < 1:
            raise InvalidRequest(f"'TopK' must be 1 or more, not {request.TopK}.", param="TopK")
        found = await self._vectors.find(request.Key.Floats, request.TopK, self._most_bytes)

        def answer() -> pb.StoresFindResult:
            result = pb.StoresFindResult.FromString(written_keys(found.keys))
            result.Values.extend(_values(found))
            result.Similarities.extend([] if found.similarities is None else found.similarities.tolist())
            return result

        return await asyncio.to_thread(answer)


# A request may have millions of keys, so even this is done in threads.


def _floats(keys: Sequence[pb.StoresKey]) -> list[Sequence[float]]:
    return [key.Floats for key in keys]


def _bytes(values: Sequence[pb.StoresValue]) -> list[bytes]:
    return [value.Bytes for value in values]


def _values(entries: Entries) -> Iterator[pb.StoresValue]:
    return (pb.StoresValue(Bytes=value) for value in entries.values)


def written_keys(keys: Vectors) -> bytes:
    """What protobuf writes for `keys` as the field `Keys`, number 1 of an answer: a hundredth of the time and of the
    memory that it takes to hand it over number by number.
    """
    count, dimensions = keys.shape
    if not count:
        return b""
    floats = _FIELD_1 + _varint(4 * dimensions)
    beginning = np.frombuffer(_FIELD_1 + _varint(len(floats) + 4 * dimensions) + floats, np.uint8)
    numbers = keys.astype("<f4", copy=False).view(np.uint8).reshape(count, 4 * dimensions)
    return np.hstack((np.broadcast_to(beginning, (count, len(beginning))), numbers)).tobytes()


def _varint(number: int) -> bytes:
    """As protobuf writes lengths: seven bits a byte, the least first."""
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*written, number])
