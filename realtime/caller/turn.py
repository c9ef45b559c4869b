"""One turn of a call: what the caller said, what was answered, and when each thing reached the caller.

    last voiced sample ─▶ speech stopped ─▶ transcript ─▶ first token ─▶ first audio ─▶ done

All times are of the caller's clock and at the caller's end of the line: the first is when the append with the last
voiced sample was handed to the socket, the others when an event arrived. This server opens the output item when the
model writes its first token, so that event is the first token's; other servers may open it earlier.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from realtime.audio import Audio

Stage: TypeAlias = Literal["speech stopped", "transcript", "first token", "first audio", "done"]

STAGES: tuple[Stage, ...] = ("speech stopped", "transcript", "first token", "first audio", "done")
"""What a turn is timed by, in the order in which it usually comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What was said and heard, and when."""

    heard: str
    """What the server understood; empty when it did not tell."""
    said: str
    """What it answered."""
    status: str
    """How the response ended: `completed`, `cancelled`, `failed` or `incomplete`; empty when none did."""
    problem: str
    """Why transcription or response failed, in the server's words."""
    answer: Audio
    """The answer's sound as it would have been heard, gaps included, cut where the caller talked over it."""
    gaps_ms: int
    """Silence inside the answer because sound came too late."""
    last_voiced_s: float
    """When the turn's last voiced sample was sent."""
    times_s: Mapping[Stage, float]
    """When each stage was reached; what did not happen is not there."""
    interrupted_s: float | None
    """When the answer fell silent because the caller spoke again."""

    def latencies_ms(self) -> dict[Stage, float]:
        """For each stage reached, milliseconds after the last voiced sample."""
        return {stage: (self.times_s[stage] - self.last_voiced_s) * 1000 for stage in STAGES if stage in self.times_s}
