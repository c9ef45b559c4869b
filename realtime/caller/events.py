"""What a caller reads in a server's events, and what it writes.

One loose struct holds the fields that matter here. Everything else is skipped, so any server of the protocol can be
called, and events that are not known here do no harm.
"""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from realtime.caller.errors import NotAnEvent
from realtime.structs import Frozen


class Problem(Frozen):
    """Why something did not work."""

    code: str | None = None
    message: str = ""


class Details(Frozen):
    """How a response ended."""

    reason: str | None = None
    error: Problem | None = None


class Response(Frozen):
    """The response an event tells of."""

    id: str
    status: str = ""
    status_details: Details | None = None


class Timing(Frozen):
    """How long a server counts itself, from the last voiced sample to the first sound's being sent."""

    total_ms: float
    send_ms: float
    """Of it, from the sound's being there on."""


class Event(Frozen):
    """One server event, as far as a caller looks."""

    type: str
    item_id: str = ""
    response_id: str = ""
    audio_start_ms: int = 0
    audio_end_ms: int = 0
    delta: str = ""
    transcript: str = ""
    response: Response | None = None
    error: Problem | None = None
    timing: Timing | None = None

    @property
    def sound(self) -> bytes:
        """The sound of an audio delta. Raises `NotAnEvent`."""
        try:
            return base64.b64decode(self.delta, validate=True)
        except ValueError as problem:
            raise NotAnEvent("the server sent sound that is not base64") from problem


_events = msgspec.json.Decoder(Event)


def read_event(text: str | bytes) -> Event:
    """The event in `text`. Raises `NotAnEvent`."""
    try:
        return _events.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise NotAnEvent(f"the server sent something that is no event: {problem}") from problem


def write_event(type_: str, **fields: Any) -> str:
    """A client event as JSON text."""
    return msgspec.json.encode({"type": type_, **fields}).decode()


def append(sound: bytes) -> str:
    """The event that carries the next piece of the microphone."""
    return f'{{"type":"input_audio_buffer.append","audio":"{base64.b64encode(sound).decode()}"}}'
