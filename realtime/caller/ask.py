"""Say one clip to a server, in real time, and take down everything that follows.

The clip is said as into a microphone, which then stays open for as long as somebody listens. The call goes on until
the server has answered the clip's last turn and the answer has been played.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from realtime.audio import samples_to_ms
from realtime.caller.call import call
from realtime.caller.clip import RATE_HZ, Clip
from realtime.caller.errors import NoAnswer
from realtime.caller.events import Event
from realtime.caller.microphone import PIECE_SAMPLES, Microphone, Said
from realtime.caller.notebook import Notebook
from realtime.caller.turn import Turn
from realtime.caller.wire import Wire
from realtime.pipeline.clock import Clock, LoopClock

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
    line: Wire, clip: Clip, watch: Watch | None = None, patience: Patience = Patience(), clock: Clock | None = None
) -> Conversation:
    """Say `clip` and wait for the answer; `watch` sees every event as it comes.

    Raises `LineLost`, `NoAnswer`, or `Refused` when the server complains. Cancelling stops speaking at once and leaves
    the line open; what the server still has to say stays on it.
    """
    clock = clock or LoopClock()
    notebook = Notebook()
    microphone = Microphone(line, clock)

    def note(event: Event, at_s: float) -> None:
        notebook.note(event, at_s)
        if watch:
            watch(event)

    async def speak() -> Said:
        said = await microphone.say(clip.pcm)

        def over(now_s: float) -> bool:
            waited = line.sent_samples - said.start - clip.voice_end
            return patience.is_over(notebook, samples_to_ms(waited, RATE_HZ), now_s)

        await microphone.stay_quiet(over)
        return said

    said = await call(line, speak, note, clock)
    return Conversation(notebook.record(clip, said.start, said.sent_at_s, PIECE_SAMPLES), microphone.slip_ms)
