"""What a caller needs of a connection, whatever it is made of: the sound goes out, events come in."""

from __future__ import annotations

from typing import Protocol

from realtime.caller.events import Event


class Wire(Protocol):
    """One conversation, going on."""

    sent_samples: int
    """Length of the audio the session has been sent; whoever sends it counts."""

    async def append(self, sound: bytes) -> None:
        """Send the next piece of the microphone, 16-bit samples at `clip.RATE_HZ`, waiting while the network is slow.

        Raises `LineLost`. Cancelled, it may or may not have been sent.
        """

    async def clear(self) -> None:
        """Have the session forget the sound that is not part of a turn yet; otherwise as `append`."""

    async def hear(self) -> Event:
        """The next event. Raises `LineLost` or `NotAnEvent`."""
