"""Lists as streams and streams as lists, so that a stage can be tested like a function."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from typing import TypeVar

T = TypeVar("T")


async def stream(items: Iterable[T], taken: Callable[[T], None] = lambda _: None) -> AsyncGenerator[T, None]:
    """`items` one after another; `taken` is told of each when somebody asks for it."""
    for item in items:
        taken(item)
        yield item


async def collect(generator: AsyncGenerator[T, None]) -> list[T]:
    """Everything that `generator` gives."""
    async with aclosing(generator):
        return [item async for item in generator]


def cut(text: str, sizes: Iterable[int]) -> list[str]:
    """`text` in pieces of these sizes, and what is left over as the last."""
    pieces = []
    for size in sizes:
        pieces.append(text[:size])
        text = text[size:]
    return [*pieces, text]
