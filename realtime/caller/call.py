"""Two tasks share a line: one speaks, the other hears what the server says meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar

from realtime.caller.errors import Refused
from realtime.caller.events import Event
from realtime.caller.wire import Wire
from realtime.pipeline.clock import Clock

T = TypeVar("T")

Note: TypeAlias = Callable[[Event, float], None]
"""Takes an event and the time of the caller's clock at which it came."""


async def call(line: Wire, speak: Callable[[], Awaitable[T]], note: Note, clock: Clock) -> T:
    """What `speak` returns; until it does, `note` hears of every event.

    Raises `LineLost`, `NotAnEvent`, `Refused` when the server complains, and what `speak` raises. Cancelling stops
    speaking at once and leaves the line open; what the server still has to say stays on it.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            hearing = tasks.create_task(_hear(line, note, clock))
            result = await speak()
            hearing.cancel()
    except ExceptionGroup as problems:
        raise problems.exceptions[0] from None
    return result


async def _hear(line: Wire, note: Note, clock: Clock) -> None:
    while True:
        event = await line.hear()
        note(event, clock.now_s())
        if event.type == "error":
            raise Refused(f"the server complains: {event.error.message if event.error else ''}")
