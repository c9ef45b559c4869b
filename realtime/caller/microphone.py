"""An open microphone: a piece of sound each beat, somebody's voice or the quiet of the room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from realtime.audio import Pcm, ms_to_samples
from realtime.caller.clip import RATE_HZ
from realtime.caller.pulse import Pulse
from realtime.caller.wire import Wire
from realtime.codecs import find_codec
from realtime.pipeline.clock import Clock

PIECE_MS = 20
"""Sound in one append: what a telephone and most microphones send at a time."""

PIECE_SAMPLES = ms_to_samples(PIECE_MS, RATE_HZ)

SLIP_LIMIT_MS = 20
"""A caller that is later than this with an append is no real-time source, and what it measured is doubtful."""

Room: TypeAlias = Callable[[float], Pcm | None]
"""What else the microphone hears during the `PIECE_SAMPLES` before a moment; nothing where the room is quiet."""

_QUIET = bytes(2 * PIECE_SAMPLES)


@dataclass(frozen=True, slots=True)
class Said:
    """Sound that went into the microphone."""

    start: int
    """In samples of the session's audio."""
    sent_at_s: list[float] = field(default_factory=list)
    """When each piece was handed to the socket."""

    def at_s(self, sample: int) -> float:
        """When this sample of the sound was sent; what lies beyond its end has the time of its last piece."""
        return self.sent_at_s[min(sample // PIECE_SAMPLES, len(self.sent_at_s) - 1)]


class Microphone:
    """Sends to one line, in real time, for as long as somebody awaits one of its coroutines."""

    def __init__(self, line: Wire, clock: Clock, room: Room | None = None) -> None:
        self._line = line
        self._room = room
        self._pulse = Pulse(PIECE_MS / 1000, clock)

    @property
    def slip_ms(self) -> float:
        """How late it was with a piece, at worst."""
        return self._pulse.worst_slip_s * 1000

    async def say(self, pcm: Pcm) -> Said:
        """Send `pcm`, and quiet to the end of its last piece. Cancelling stops at once. Raises `LineLost`."""
        said = Said(self._line.sent_samples)
        rest = -len(pcm) % PIECE_SAMPLES
        for piece in np.concatenate((pcm, np.zeros(rest, np.float32))).reshape(-1, PIECE_SAMPLES):
            said.sent_at_s.append(await self._send(piece))
        return said

    async def stay_quiet(self, until: Callable[[float], bool]) -> None:
        """Send quiet, a piece at least, until `until`, asked after each piece with the time, says so.

        Cancelling stops at once. Raises `LineLost`, and what `until` raises.
        """
        while not until(await self._send(None)):
            pass

    async def _send(self, pcm: Pcm | None) -> float:
        now_s = await self._pulse.beat()
        self._line.sent_samples += PIECE_SAMPLES
        # What is sent late was not heard late: the sound has no seams.
        heard = self._room(self._pulse.due_s) if self._room else None
        if pcm is not None and heard is not None:
            heard = heard + pcm
        elif heard is None:
            heard = pcm
        await self._line.append(_QUIET if heard is None else find_codec("audio/pcm").encode(heard))
        return now_s
