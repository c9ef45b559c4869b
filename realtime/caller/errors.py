"""What goes wrong on a call. One sentence each, for the person who called.

    CallFailed
    ├── NotSound         what should be said is no sound file, or nobody speaks in it
    ├── Unreachable      nothing that speaks the protocol answers at the address
    ├── Refused          the server answers, and does not take the call or what was asked of it
    │   └── Busy         it has no room for another call now, and says so
    ├── NotAnEvent       the server sends what the protocol does not know
    ├── LineLost         the connection broke in the middle of the call
    └── NoAnswer         the server stayed silent

A turn that the server itself reports as failed is no error here: it is one of the results.
"""

from __future__ import annotations

from realtime.errors import RealtimeError


class CallFailed(RealtimeError):
    """Root of what goes wrong on a call."""

    code = "call_failed"


class NotSound(CallFailed):
    """What should be said is no sound file, or nobody speaks in it."""


class Unreachable(CallFailed):
    """Nothing that speaks the protocol answers at the address."""


class Refused(CallFailed):
    """The server answers, and does not take the call or what was asked of it."""


class Busy(Refused):
    """The server has no room for another call now, and says so: HTTP status 503."""


class NotAnEvent(CallFailed):
    """The server sends what the protocol does not know."""


class LineLost(CallFailed):
    """The connection broke in the middle of the call."""


class NoAnswer(CallFailed):
    """The server stayed silent."""
