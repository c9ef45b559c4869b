"""What may come: while the user is silent and the turn may be over, its words are found and its reply is begun.

All of it is let go at once, here, when the user goes on or anything else makes it pointless.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from realtime.conductor.ear import Ear
from realtime.conductor.replies import Replies
from realtime.pipeline.endpoint import Hushed, Wording
from realtime.protocol.reports import SpeechEnded
from realtime.protocol.session import Session


@dataclass(frozen=True, slots=True)
class Foresight:
    """Of one conversation."""

    session: Session
    ear: Ear
    replies: Replies
    has_room: Callable[[], bool]
    """Whether there is room now for work that may be for nothing."""

    async def hushed(self, hush: Hushed) -> None:
        """The user has fallen silent. The words so far are also wanted where they decide whether the turn is over."""
        if self.session.heeds_words or self.has_room():
            await self.ear.hear_ahead(hush, self.session.config)

    async def worded(self, wording: Wording) -> SpeechEnded | None:
        """The words are known of a turn that may be over: it is, or its reply may be begun."""
        if ended := self.ear.decide(wording):
            return ended
        may_be_over = self.ear.may_be_over(wording.hush) and self.has_room()
        if may_be_over and (reply := self.session.foresee(wording.text)):
            await self.replies.prepare(reply)
        return None

    async def goes_on(self) -> None:
        """It was not all, and there will be other words."""
        await self.ear.goes_on()
        await self.forget()

    async def forget(self) -> None:
        """The reply that was begun will not be wanted."""
        await self.replies.drop_prepared()
