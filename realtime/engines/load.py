"""How busy the engines are: whether speculative work would be in somebody's way, how long urgent work waits, and what
the last work was."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Protocol, runtime_checkable

from realtime.engines.base import Urgency

REMEMBERED_S = 15.0
"""A wait says nothing any more about how busy it is, so long after it was over."""

UNUSUAL = 2
"""So many long waits are bad luck, not overload."""


class Waits:
    """Remembers how long things have waited. `now_s` is any clock that only goes forward."""

    def __init__(self, now_s: Callable[[], float] = monotonic) -> None:
        self._now_s = now_s
        # When each wait was over, and how long it was. A thousand in 15 s would be short ones.
        self._over: deque[tuple[float, float]] = deque(maxlen=1024)
        self._going_on: dict[int, float] = {}
        """When each wait that goes on began."""
        self._count = 0

    @contextmanager
    def noted(self, urgency: Urgency) -> Iterator[None]:
        """Something waits as long as the context lasts; only what is of the highest urgency counts."""
        if urgency is not Urgency.FINAL:
            yield
            return
        self._count += 1
        wait, began_s = self._count, self._now_s()
        self._going_on[wait] = began_s
        try:
            yield
        finally:
            del self._going_on[wait]
            self.note(self._now_s() - began_s)

    def note(self, waited_s: float) -> None:
        """Something has waited for so long."""
        self._over.append((self._now_s(), waited_s))

    def usual_s(self) -> float:
        """How long waits are now: nearly the longest of those lately over or going on; 0 when there were but a few."""
        now_s = self._now_s()
        while self._over and now_s - self._over[0][0] > REMEMBERED_S:
            self._over.popleft()
        waits = [waited_s for _, waited_s in self._over]
        waits += [now_s - began_s for began_s in self._going_on.values()]
        return sorted(waits)[-1 - UNUSUAL] if len(waits) > UNUSUAL else 0.0


@runtime_checkable
class KnowsLoad(Protocol):
    """An engine with a scheduler of its own."""

    @property
    def busy(self) -> bool:
        """Whether speculative work that begins now would be in the way of urgent work."""
        ...

    @property
    def wait_s(self) -> float:
        """How long urgent work has lately had to wait."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """An answer that a language model writes, or has written last."""

    slot: int
    """Where the model remembers the conversation."""
    prompt_tokens: int
    """Read for it; what was remembered is not counted."""
    tokens: int
    """Written so far."""
    tokens_per_s: float
    """How fast, from the first on."""


@runtime_checkable
class KnowsWork(Protocol):
    """A language model that tells what it does."""

    @property
    def work(self) -> Work | None:
        """What it was seen doing last, by whomever that was asked; None before it has done anything."""
        ...
