"""A conversation over gRPC as a caller has any: the stream's events in the words of the Realtime API.

The stream does not say when an answer's first token was written, nor which response a piece of sound belongs to: it is
the last that was begun.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from realtime.caller.clip import RATE_HZ
from realtime.caller.errors import LineLost, NotAnEvent, Unreachable
from realtime.caller.events import Details, Event, Problem, Response, Timing
from realtime.errors import EngineFailed
from realtime.structs import Frozen

if TYPE_CHECKING:
    from realtime.backend.caller.conversation_stream import ConversationClient, ConversationLine, Told

_RENAMED = {
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.text.delta": "response.output_text.delta",
}


class GrpcLine:
    """One conversation, good for one question: who stops hearing has ended it."""

    def __init__(self, line: ConversationLine) -> None:
        self.sent_samples = 0
        self._line = line
        self._response_id = ""
        self._failures: dict[str, Problem] = {}
        """Why responses failed that are not done yet."""

    async def append(self, sound: bytes) -> None:
        """Send the next piece of the microphone. Raises `LineLost`. Cancelling hangs up."""
        with _lost():
            await self._line.say(sound)

    async def clear(self) -> None:
        """Have the session forget the sound that is not part of a turn yet. Raises `LineLost`. Cancelling hangs up."""
        with _lost():
            await self._line.ask_for("input_audio_buffer.clear")

    async def hear(self) -> Event:
        """The next event. Raises `LineLost` or `NotAnEvent`. Cancelling hangs up."""
        with _lost():
            while True:
                if event := self._event(await self._line.hear()):
                    return event

    def _event(self, told: Told) -> Event | None:
        """None for what is told again when the response is done."""
        if told.event == "response.audio.delta":
            sound = base64.b64encode(told.pcm).decode()
            return Event(type="response.output_audio.delta", response_id=self._response_id, delta=sound)
        try:
            meta = _metas.decode(told.meta)
        except msgspec.DecodeError as problem:
            raise NotAnEvent(f"the backend sent a {told.event} that cannot be read: {problem}") from problem
        match told.event:
            case "response.created":
                self._response_id = meta.id
                return Event(type=told.event, response=Response(id=meta.id))
            case "response.done":
                details = Details(reason=meta.reason, error=self._failures.pop(meta.id, None))
                return Event(type=told.event, response=Response(id=meta.id, status=meta.status, status_details=details))
            case "error" if meta.response_id:
                self._failures[meta.response_id] = Problem(code=meta.code, message=meta.message)
                return None
            case "error":
                return Event(type="error", error=Problem(code=meta.code, message=meta.message))
        return Event(
            type=_RENAMED.get(told.event, told.event),
            item_id=meta.item_id,
            response_id=meta.response_id,
            audio_start_ms=meta.audio_start_ms,
            audio_end_ms=meta.audio_end_ms,
            delta=meta.delta,
            transcript=meta.transcript,
            error=meta.error,
            timing=meta.timing,
        )


@asynccontextmanager
async def dial_grpc(client: ConversationClient, session: Mapping[str, Any] | None = None) -> AsyncIterator[GrpcLine]:
    """A line to the client's backend, hung up at the end of the context, in a session that differs by `session`.

    Raises `Unreachable`. Cancelling hangs up.
    """
    try:
        async with client.conversation(RATE_HZ, session) as line:
            yield GrpcLine(line)
    except EngineFailed as problem:
        raise Unreachable(str(problem)) from problem


@contextmanager
def _lost() -> Iterator[None]:
    try:
        yield
    except EngineFailed as problem:
        raise LineLost(str(problem)) from problem


class _Meta(Frozen):
    """What the `meta` of any event may say, as far as a caller looks."""

    id: str = ""
    item_id: str = ""
    response_id: str = ""
    audio_start_ms: int = 0
    audio_end_ms: int = 0
    delta: str = ""
    transcript: str = ""
    status: str = ""
    reason: str | None = None
    code: str | None = None
    message: str = ""
    error: Problem | None = None
    timing: Timing | None = None


_metas = msgspec.json.Decoder(_Meta)
