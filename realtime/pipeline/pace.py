"""Sound is sent only a little ahead of the moment it will be heard.

The lead is what a client's network may stumble over without a gap. It is also how much a listener who interrupts has
been sent and not heard, so it is kept small: a barge-in then needs little to be taken back, and a client that never
tells where it stopped playing is wrong by no more than the lead.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable

from realtime.pipeline.clock import Clock
from realtime.pipeline.speak import Piece


async def pace(pieces: AsyncIterable[Piece], rate_hz: int, lead_ms: float, clock: Clock) -> AsyncGenerator[Piece, None]:
    """`pieces`, each released when all of it will be over in `lead_ms`, at the latest when it is due to be heard.

    Playing is taken to begin when the first piece is released, and to wait when a piece comes too late for it.
    Cancelling ends it; nothing is held back.
    """
    plays_at_s = clock.now_s()
    async for piece in pieces:
        plays_at_s = max(plays_at_s, clock.now_s())
        over_at_s = plays_at_s + len(piece.pcm) / rate_hz
        early_s = min(plays_at_s, over_at_s - lead_ms / 1000) - clock.now_s()
        if early_s > 0:
            await clock.sleep(early_s)
        plays_at_s = over_at_s
        yield piece
