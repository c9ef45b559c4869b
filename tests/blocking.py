"""A watch on what holds the event loop up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from blockbuster import blockbuster_ctx


@contextmanager
def no_blocking_calls() -> Iterator[None]:
    """A call that would hold the event loop up, made anywhere below our own code, raises instead.

    But for what coverage does when a line runs for the first time: it shares a lock with the threads that it measures.
    """
    with blockbuster_ctx("realtime") as watch:
        watch.functions["threading.Lock.acquire"].can_block_in("coverage/collector.py", "lock_data")
        yield
