"""The vector store: `StoresSet`, `StoresDelete`, `StoresGet`, `StoresFind`."""

from __future__ import annotations

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.premises import Premises
from realtime.errors import NotServed


class Stores:
    """Answers them."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises

    async def stores_set(self, request: pb.StoresSetOptions) -> pb.Result:
        """Not built yet."""
        raise NotServed("not built yet")

    async def stores_delete(self, request: pb.StoresDeleteOptions) -> pb.Result:
        """Not built yet."""
        raise NotServed("not built yet")

    async def stores_get(self, request: pb.StoresGetOptions) -> pb.StoresGetResult:
        """Not built yet."""
        raise NotServed("not built yet")

    async def stores_find(self, request: pb.StoresFindOptions) -> pb.StoresFindResult:
        """Not built yet."""
        raise NotServed("not built yet")
