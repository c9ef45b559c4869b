"""Say one clip to a server, in real time, and take down everything that follows.

Two tasks share a line: one speaks, as a microphone would, the clip first and then silence for as long as somebody
listens; the other hears the server's events. The call goes on until the server has answered the clip's last turn and
the answer has been played.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from realtime.audio import ms_to_samples, samples_to_ms
from realtime.caller.clip import RATE_HZ, Clip
from realtime.caller.errors import NoAnswer, Refused
from realtime.caller.events import Event, append
from realtime.caller.line import Line
from realtime.caller.notebook import Notebook
from realtime.caller.pulse import Pulse
from realtime.caller.turn import Turn
from realtime.codecs import find_codec
from realtime.pipeline.clock import Clock, LoopClock

PIECE_MS = 20
"""Sound in one append: what a telephone and most microphones send at a time."""

SLIP_LIMIT_MS = 20
"""A caller that is later than this with an append is no real-time source, and what it measured is doubtful."""

PIECE_SAMPLES = ms_to_samples(PIECE_MS, RATE_HZ)

SESSION: dict[str, Any] = {
    "type": "realtime",
    "audio": {
        "input": {"format": {"type": "audio/pcm", "rate": RATE_HZ}, "transcription": {"model": "whisper-1"}},
        "output": {"format": {"type": "audio/pcm", "rate": RATE_HZ}},
    },
}
"""What a caller needs of a session: the user's words, and sound it can play. The rest is as the server has it."""

Watch: TypeAlias = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a caller waits, counted in sound sent after its last voiced sample."""

    to_be_heard_ms: int = 5_000
    """For the server to notice that somebody spoke."""
    for_an_answer_ms: int = 60_000
    """For the answer to be over."""
    for_more_ms: int = 1_500
    """Before a turn is taken for the last one: a server may end one in a pause of the clip, and begin another."""

    def is_over(self, notebook: Notebook, waited_ms: int, now_s: float) -> bool:
        """Whether the call is, `waited_ms` after the last voiced sample. Raises `NoAnswer` when patience is out."""
        if not notebook.turns and waited_ms > self.to_be_heard_ms:
            raise NoAnswer("the server heard nobody speak")
        if waited_ms > self.for_an_answer_ms:
            raise NoAnswer(f"no complete answer came within {self.for_an_answer_ms / 1000:g} s")
        return waited_ms > self.for_more_ms and not notebook.hearing and notebook.answered(now_s)


@dataclass(frozen=True, slots=True)
class Conversation:
    """What came of one clip."""

    turns: list[Turn]
    """Usually one; more when the clip has pauses long enough to end a turn."""
    worst_slip_ms: float
    """How late the caller itself was with an append, at worst."""


async def ask(
    line: Line, clip: Clip, watch: Watch | None = None, patience: Patience = Patience(), clock: Clock | None = None
) -> Conversation:
    """Say `clip` and wait for the answer; `watch` sees every event as it comes.

    Raises `LineLost`, `NoAnswer`, or `Refused` when the server complains. Cancelling stops speaking at once and leaves
    the line open; what the server still has to say stays on it.
    """
    clock = clock or LoopClock()
    notebook = Notebook()
    mouth = _Mouth(line, clip, Pulse(PIECE_MS / 1000, clock))
    try:
        async with asyncio.TaskGroup() as tasks:
            hearing = tasks.create_task(_hear(line, notebook, watch, clock))
            await mouth.speak(notebook, patience)
            hearing.cancel()
    except ExceptionGroup as problems:
        raise problems.exceptions[0] from None
    turns = notebook.record(clip, mouth.clip_start, mouth.sent_at_s, PIECE_SAMPLES)
    return Conversation(turns, mouth.pulse.worst_slip_s * 1000)


async def _hear(line: Line, notebook: Notebook, watch: Watch | None, clock: Clock) -> None:
    while True:
        event = await line.hear()
        notebook.note(event, clock.now_s())
        if watch:
            watch(event)
        if event.type == "error":
            raise Refused(f"the server complains: {event.error.message if event.error else ''}")


class _Mouth:
    """Speaks one clip, and keeps the microphone open."""

    def __init__(self, line: Line, clip: Clip, pulse: Pulse) -> None:
        self._line = line
        self._clip = clip
        self.pulse = pulse
        self.clip_start = line.sent_samples
        self.sent_at_s: list[float] = []
        """When each piece of the clip was sent."""

    async def speak(self, notebook: Notebook, patience: Patience) -> None:
        """Send the clip and then silence, a piece each beat, until the server has answered."""
        for piece in _pieces(self._clip):
            self.sent_at_s.append(await self._say(piece))
        silence = append(bytes(2 * PIECE_SAMPLES))
        over = False
        while not over:
            now_s = await self._say(silence)
            waited = self._line.sent_samples - self.clip_start - self._clip.voice_end
            over = patience.is_over(notebook, samples_to_ms(waited, RATE_HZ), now_s)

    async def _say(self, piece: str) -> float:
        now_s = await self.pulse.beat()
        self._line.sent_samples += PIECE_SAMPLES
        await self._line.send(piece)
        return now_s


def _pieces(clip: Clip) -> list[str]:
    rest = -len(clip.pcm) % PIECE_SAMPLES
    sound = find_codec("audio/pcm").encode(np.concatenate((clip.pcm, np.zeros(rest, np.float32))))
    size = 2 * PIECE_SAMPLES
    return [append(sound[start : start + size]) for start in range(0, len(sound), size)]
