"""Sound is sent only a little ahead of the moment it will be heard.

The lead is what a client's network may stumble over without a gap. It is also how much a listener who interrupts has
been sent and not heard, so it is kept small: a barge-in then needs little to be taken back, and a client that never
tells where it stopped playing is wrong by no more than the lead.

While it is not known whether somebody means to interrupt, nothing is sent (`Gate`). If that is soon known, the lead has
covered it and there is no gap.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable

from realtime.pipeline.clock import Clock
from realtime.pipeline.speak import Piece


class Gate:
    """Open at first. Belongs to one event loop."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self._waiting = 0

    @property
    def holds_back(self) -> bool:
        """Whether somebody waits for it to open."""
        return self._waiting > 0

    @property
    def is_open(self) -> bool:
        """Whether anything passes."""
        return self._open.is_set()

    def close(self) -> None:
        """Nothing passes from now on."""
        self._open.clear()

    def open(self) -> None:
        """Who waits goes on."""
        self._open.set()

    async def opened(self) -> None:
        """Wait until it is open. Cancelling changes nothing."""
        self._waiting += 1
        try:
            await self._open.wait()
        finally:
            self._waiting -= 1


async def pace(
    pieces: AsyncIterable[Piece], rate_hz: int, lead_ms: float, clock: Clock, gate: Gate
) -> AsyncGenerator[Piece, None]:
    """`pieces`, each released when all of it will be over in `lead_ms`, at the latest when it is due to be heard.

    While the gate is closed nothing is. Playing is taken to begin when the first piece is released, and to wait when a
    piece comes too late for it. Cancelling ends it; nothing is held back.
    """
    plays_at_s = clock.now_s()
    async for piece in pieces:
        length_s = len(piece.pcm) / rate_hz
        plays_at_s = max(plays_at_s, clock.now_s())
        early_s = min(plays_at_s, plays_at_s + length_s - lead_ms / 1000) - clock.now_s()
        if early_s > 0:
            await clock.sleep(early_s)
        while not gate.is_open:  # again: by the time one wakes, it may have been closed once more
            await gate.opened()
            plays_at_s = max(plays_at_s, clock.now_s())
        plays_at_s += length_s
        yield piece
