"""The server that is measured, and the kind of session every caller asks it for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from realtime.bench.errors import BenchFailed
from realtime.caller.ask import SESSION
from realtime.caller.errors import Busy
from realtime.caller.line import Line, dial
from realtime.pipeline.clock import Clock, LoopClock

BUSY_S = 60.0
"""How long a caller that has time tries to get through."""
BUSY_RETRY_S = 2.0


@dataclass(frozen=True, slots=True)
class Target:
    """Where to call, and what to ask for."""

    url: str
    key: str | None = None
    model: str | None = None
    session: dict[str, Any] = field(default_factory=lambda: SESSION)
    """What each caller sends in its `session.update`."""
    clock: Clock = field(default_factory=lambda: LoopClock())

    def with_session(self, session: dict[str, Any]) -> Target:
        """The same server, another kind of session."""
        return replace(self, session=session)

    @asynccontextmanager
    async def call(self) -> AsyncIterator[Line]:
        """A line, its session configured; hung up at the end of the context. Cancelling hangs up.

        Raises `Unreachable`, `Refused`, or `Busy` when the server is full.
        """
        async with dial(self.url, key=self.key, model=self.model) as line:
            await line.configure(self.session)
            yield line

    @asynccontextmanager
    async def call_when_free(self) -> AsyncIterator[Line]:
        """The same; a server that is full is called again, for `BUSY_S` at most. Cancelling hangs up."""
        give_up_s = self.clock.now_s() + BUSY_S
        async with AsyncExitStack() as stack:
            line: Line | None = None
            while line is None:
                try:
                    line = await stack.enter_async_context(self.call())
                except Busy:
                    if self.clock.now_s() > give_up_s:
                        raise
                    await self.clock.sleep(BUSY_RETRY_S)
            yield line


def session_with(*changes: dict[str, Any]) -> dict[str, Any]:
    """What a caller needs of a session, with `changes` merged into it, one after another and key by key."""
    session: dict[str, Any] = SESSION
    for change in changes:
        session = _merge(session, change)
    return session


def read_session(text: str) -> dict[str, Any]:
    """The fields of a session, of JSON text. Raises `BenchFailed`."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as problem:
        raise BenchFailed(f"the session is no JSON object: {problem}") from problem


def read_turn_detection(text: str) -> dict[str, Any]:
    """The session that `semantic_vad`, `semantic_vad:EAGERNESS`, `server_vad` or `server_vad:MS` stands for.

    Raises `BenchFailed`.
    """
    kind, _, choice = text.partition(":")
    detection: dict[str, Any] = {"type": kind}
    if kind == "semantic_vad":
        detection |= {"eagerness": choice} if choice else {}
    elif kind == "server_vad" and (choice.isdecimal() or not choice):
        detection |= {"silence_duration_ms": int(choice)} if choice else {}
    else:
        raise BenchFailed(f"{text!r} is no turn detection: semantic_vad[:EAGERNESS] and server_vad[:SILENCE_MS] are")
    return {"audio": {"input": {"turn_detection": detection}}}


def _merge(session: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    merged = dict(session)
    for key, value in change.items():
        before = merged.get(key)
        merged[key] = _merge(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return merged
