"""What a speech-to-speech backend owes: an answer that was asked for, and a word that it stopped.

    nothing ──ask──▶ answer ──done──▶ nothing
                        └─────stop──▶ stop ──cancelled──▶ nothing
                                        └────done───────▶ word

    word ──cancelled──▶ nothing
      └────ask────────▶ answer and word ──done───────▶ word
                                ├─────────cancelled──▶ answer
                                └─────────stop───────▶ stop

A backend that is told to stop does so and says that the answer was cancelled. One that was done with it by then says
first that it is done; some confirm all the same, in the middle of the next answer, of which that is no part.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from enum import Enum, auto
from typing import Literal, TypeAlias

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.remote.spoken_answer import was_cancelled

Cause: TypeAlias = Literal["ask", "stop", "done", "cancelled"]
"""What we say, and what is heard: of an answer, that it has come to its end, or was cancelled."""


class Owed(Enum):
    """What is still to come."""

    NOTHING = auto()
    ANSWER = auto()
    STOP = auto()
    """The end of an answer that nobody wants any more, and the word that it was stopped: mostly the same event."""
    WORD = auto()
    """That it has stopped, though it was done before it was told to. It may never come."""
    ANSWER_AND_WORD = auto()


_NEXT: Mapping[tuple[Owed, Cause], Owed] = {
    (Owed.NOTHING, "ask"): Owed.ANSWER,
    (Owed.ANSWER, "stop"): Owed.STOP,
    (Owed.ANSWER, "done"): Owed.NOTHING,
    (Owed.ANSWER, "cancelled"): Owed.NOTHING,  # of its own accord
    (Owed.STOP, "done"): Owed.WORD,
    (Owed.STOP, "cancelled"): Owed.NOTHING,
    (Owed.WORD, "ask"): Owed.ANSWER_AND_WORD,
    (Owed.WORD, "cancelled"): Owed.NOTHING,
    (Owed.ANSWER_AND_WORD, "stop"): Owed.STOP,
    (Owed.ANSWER_AND_WORD, "done"): Owed.WORD,
    (Owed.ANSWER_AND_WORD, "cancelled"): Owed.ANSWER,
}
"""All else changes nothing."""

_CLEAR = {Owed.NOTHING, Owed.WORD}
_UNCONFIRMED = {Owed.STOP, Owed.WORD, Owed.ANSWER_AND_WORD}


class SpeechDebt:
    """Of one conversation."""

    def __init__(self) -> None:
        self.owed = Owed.NOTHING
        self._clear = asyncio.Event()
        self._become(Owed.NOTHING)

    @property
    def clear(self) -> bool:
        """Whether no answer is to come, so that another may be asked for."""
        return self._clear.is_set()

    async def wait_until_clear(self) -> None:
        """For as long as that takes. Cancelling changes nothing."""
        await self._clear.wait()

    def ask(self) -> None:
        """An answer was asked for."""
        self._follow("ask")

    def stop(self) -> None:
        """It was told to stop what it answers."""
        self._follow("stop")

    def hear(self, event: pb.AudioToAudioResponse) -> bool:
        """Something has come. Returns whether it may be part of an answer: a word that it stopped is not."""
        if event.event != "response.done":
            return True
        cancelled = was_cancelled(event)
        confirms = cancelled and self.owed in _UNCONFIRMED
        self._follow("cancelled" if cancelled else "done")
        return not confirms

    def write_off(self) -> None:
        """Nothing will come any more."""
        self._become(Owed.NOTHING)

    def _follow(self, cause: Cause) -> None:
        self._become(_NEXT.get((self.owed, cause), self.owed))

    def _become(self, owed: Owed) -> None:
        self.owed = owed
        if owed in _CLEAR:
            self._clear.set()
        else:
            self._clear.clear()
