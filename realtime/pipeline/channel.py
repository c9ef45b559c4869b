"""A bounded hand-off between two tasks of one conversation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Generic, TypeVar

T = TypeVar("T")

_END = object()


class Channel(Generic[T]):
    """One task puts, another iterates. When `limit` items wait, `put` waits, and the maker slows to the taker."""

    def __init__(self, limit: int) -> None:
        self._items: asyncio.Queue[object] = asyncio.Queue(limit)

    async def put(self, item: T) -> None:
        """Hand over `item`. Cancelling while it waits for room means it was not handed over."""
        await self._items.put(item)

    async def close(self) -> None:
        """There is no more: the iteration ends once it has taken everything."""
        await self._items.put(_END)

    async def items(self) -> AsyncGenerator[T, None]:
        """Everything put, in order, until `close`. Cancelling between two items loses none."""
        while (item := await self._items.get()) is not _END:
            yield item  # type: ignore[misc]  # the queue holds nothing but T and the end mark
