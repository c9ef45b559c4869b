"""Whether a language model that is somewhere else writes on, by how many tokens it says its last answer has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tests.server.house import until

Count = Callable[[], Awaitable[int]]

AT_REST = 20
"""Counts in a row, 10 ms apart, that are the same when nothing is written any more."""

A_STEP = 16
"""Tokens that may be on their way when a model is told to stop; a story has hundreds."""


async def write_on(count: Count) -> None:
    """Return when more has been written."""
    before = await count()

    async def is_more() -> bool:
        return await count() > before

    await until(is_more)


async def written_before_rest(count: Count) -> int:
    """How many more are written until none is."""
    before = last = await count()
    same = 0

    async def is_at_rest() -> bool:
        nonlocal last, same
        now = await count()
        same = same + 1 if now == last else 0
        last = now
        return same == AT_REST

    await until(is_at_rest)
    return last - before
