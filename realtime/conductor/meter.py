"""What is counted of conversations, whoever counts."""

from __future__ import annotations

from typing import Protocol

from realtime.protocol.server_events import ResponseObject
from realtime.protocol.timing import Waterfall


class Meter(Protocol):
    """Counts what conversations do. Called from their event loop: it must not take time, wait or raise."""

    def conversation_began(self) -> None:
        """Somebody was let in."""
        ...

    def conversation_refused(self, code: str) -> None:
        """Somebody was not; `code` is the error's."""
        ...

    def turn_answered(self, waterfall: Waterfall) -> None:
        """The first of an answer is on its way to the user."""
        ...

    def response_ended(self, response: ResponseObject) -> None:
        """A response is over: how, and what it cost."""
        ...

    def speculation_kept(self, took_ms: float, tokens: int) -> None:
        """An answer begun while the user was silent was wanted: so long before, so much read and written by then."""
        ...

    def speculation_dropped(self, took_ms: float, tokens: int) -> None:
        """An answer begun while the user was silent was for nothing: so long it was worked on, so much it cost."""
        ...


class NoMeter:
    """Counts nothing."""

    def conversation_began(self) -> None: ...

    def conversation_refused(self, code: str) -> None: ...

    def turn_answered(self, waterfall: Waterfall) -> None: ...

    def response_ended(self, response: ResponseObject) -> None: ...

    def speculation_kept(self, took_ms: float, tokens: int) -> None: ...

    def speculation_dropped(self, took_ms: float, tokens: int) -> None: ...
