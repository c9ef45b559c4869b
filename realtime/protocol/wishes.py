"""What a client wants whose door has fewer words than the Realtime API: no event of that API says it.

They enter by the same door as the client's events. What they ask for depends on how things are when they are taken,
not when they were said, so nobody outside the session could put them in the API's words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class EndTurn:
    """The user's turn is over, whatever turn detection thinks, and is to be answered.

    Where turn detection has found that out already, or the client has put something else into the conversation, what is
    left of the user's sound is no turn, and what is there is answered.
    """


@dataclass(frozen=True, slots=True)
class AnswerRest:
    """Answer what has come since the last answer was begun; nothing, if nothing has.

    While that answer is going on, or the user speaks, it waits.
    """

    once_called: bool = False
    """Only when the client has brought the results of the last answer's calls, all of them."""


@dataclass(frozen=True, slots=True)
class SaidAll:
    """The client will say no more, but listens: an open turn is over, and what is answered is answered to its end."""


Wish: TypeAlias = EndTurn | AnswerRest | SaidAll
