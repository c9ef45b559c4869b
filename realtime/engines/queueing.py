"""When work waits for engines that are busy with other work: noted for whoever asks where the time went."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

SPANS_KEPT = 64
"""Of one conversation, the newest: an answer waits a few times until it is heard."""


class Queueing:
    """The times at which the work of one conversation has waited."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        """`now_s` is the clock, in seconds, by which they are noted and asked for."""
        self._now_s = now_s
        self._spans_s: deque[tuple[float, float]] = deque(maxlen=SPANS_KEPT)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """What waits in this context, or in a task that is started in it, is noted here."""
        before = _watching.set(self)
        try:
            yield
        finally:
            _watching.reset(before)

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Something waits."""
        start_s = self._now_s()
        try:
            yield
        finally:
            self._spans_s.append((start_s, self._now_s()))

    def within_s(self, start_s: float, end_s: float) -> float:
        """For how long something has waited between those times; what waits together counts once."""
        waited_s, until_s = 0.0, start_s
        for begun_s, over_s in sorted(self._spans_s):
            waited_s += max(0.0, min(over_s, end_s) - max(begun_s, until_s))
            until_s = max(until_s, over_s)
        return waited_s


@contextmanager
def waiting() -> Iterator[None]:
    """To be entered by an engine while it makes its caller wait for others."""
    watching = _watching.get()
    if watching is None:
        yield
        return
    with watching.noted():
        yield


_watching: ContextVar[Queueing | None] = ContextVar("watching", default=None)
