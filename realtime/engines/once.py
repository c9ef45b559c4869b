"""Something that takes long to open, and is wanted once, however many ask for it and whoever gives up waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from realtime.errors import RealtimeError

T = TypeVar("T")


class Once(Generic[T]):
    """Opened in a thread when somebody first asks. What failed to open is opened anew for whoever asks next.

    Belongs to one event loop.
    """

    def __init__(self, open_it: Callable[[], T], changed: Callable[[], None] = lambda: None) -> None:
        """`changed` is called when it has been opened, whether or not anybody still waits for it, and when it is
        taken. It must not raise.
        """
        self._open_it = open_it
        self._changed = changed
        self._opening: asyncio.Future[T] | None = None
        self.value: T | None = None
        """None while it is not open."""
        self.problem: RealtimeError | None = None
        """What kept it from opening the last time."""

    @property
    def opening(self) -> bool:
        """Whether it is being opened now."""
        return self._opening is not None

    async def get(self) -> T:
        """It, open; raises what keeps it from opening. Cancelling lets the opening go on."""
        if self.value is not None:
            return self.value
        if self._opening is None:
            self._opening = asyncio.get_running_loop().run_in_executor(None, self._open_it)
            self._opening.add_done_callback(self._opened)
        return await asyncio.shield(self._opening)

    async def settled(self) -> None:
        """Return when it is not being opened, or no longer, however that went. Cancelling lets the opening go on."""
        if self._opening is not None:
            await asyncio.wait([self._opening])

    def take(self) -> T | None:
        """It, if it is open: from now on it is the caller's to close, and would be opened anew."""
        value, self.value = self.value, None
        if value is not None:
            self._changed()
        return value

    def _opened(self, opening: asyncio.Future[T]) -> None:
        self._opening = None
        failure = opening.exception()
        self.problem = failure if isinstance(failure, RealtimeError) else None
        if failure is None:
            self.value = opening.result()
            self._changed()
