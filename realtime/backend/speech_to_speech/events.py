"""What the server says in a conversation, as `AudioToAudioResponse`s: the Realtime API's beta names, JSON in `meta`.

| event | `meta` |
|---|---|
| `response.audio.delta` | none: `pcm` at `sample_rate` |
| `response.audio_transcript.delta`, `response.text.delta` | `delta`, `response_id`, `item_id` |
| `response.function_call_arguments.delta` | `delta`, `call_id`, `name`, `response_id`, `item_id` |
| `response.function_call_arguments.done` | `arguments`, `call_id`, `name`, `response_id`, `item_id` |
| `response.created` | `id` |
| `response.done` | `id`, `status`; `cancelled` and `reason` of one that was; `usage` where it is known |
| `error` | `message`, `code`, `param`; `response_id` of a response that failed, which is then done |
| those of `_AS_THEY_ARE` | the fields of the event |
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Any

import msgspec

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.speech_to_speech.sound import SESSION_HZ, StreamResampler
from realtime.conductor import ClientGone
from realtime.errors import InvalidRequest
from realtime.protocol import client_events as asked
from realtime.protocol import server_events as said
from realtime.protocol.items import FunctionCall
from realtime.protocol.server_events import ServerEvent, describe

_AS_THEY_ARE = frozenset(
    {
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "input_audio_buffer.cleared",
        "input_audio_buffer.timeout_triggered",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
        "conversation.item.input_audio_transcription.failed",
        "conversation.item.truncated",
        "conversation.item.deleted",
        "response.output_audio.ducked",
        "response.output_audio.resumed",
        "response.timing",
    }
)


@dataclass(frozen=True, slots=True)
class _Change:
    """What a session was asked for last, and what it has against that."""

    event_id: str
    """One that no client can have chosen for an event of its own."""
    problem: asyncio.Future[InvalidRequest | None]

    def is_answered_by(self, event: ServerEvent) -> bool:
        """Whether this is what the session says to it, and nobody has heard it yet."""
        is_mine = isinstance(event, said.Error) and event.error.event_id == self.event_id
        return not self.problem.done() and (is_mine or isinstance(event, said.SessionUpdated))


class Teller:
    """Tells the client of one stream, of one conversation after another."""

    def __init__(self, write: Callable[[Any], Awaitable[None]], stalled_client_s: float) -> None:
        """`write` sends a message; a client that takes none for `stalled_client_s` is given up."""
        self._write = write
        self._stalled_client_s = stalled_client_s
        self._sequence = 0
        self._live: dict[str, None] = {}
        """The responses that are not done, in their order."""
        self._called: dict[str, str] = {}
        """By call, the functions that are being called."""
        self._change: _Change | None = None
        """The last."""
        self.gave_up = False
        """Whether the client has stopped reading."""
        self.resampler = StreamResampler(SESSION_HZ, SESSION_HZ)
        """Turns sound into what the client wants; another may take its place at any time."""

    def change(self, session: dict[str, Any]) -> asked.SessionUpdate:
        """What asks the session for that; `changed` waits for the answer, and the client is told nothing of it.

        Before there is one nothing else may be asked for.
        """
        self._change = _Change(token_urlsafe(), asyncio.get_running_loop().create_future())
        return asked.SessionUpdate(event_id=self._change.event_id, session=session)

    async def changed(self) -> None:
        """Return when the session has changed; raises `InvalidRequest` when it has not. Cancelling stops waiting."""
        assert self._change
        if problem := await self._change.problem:
            raise problem

    async def tell(self, event: ServerEvent) -> None:
        """Say it, if it is anything to this client. Raises `ClientGone` when the client has stopped reading.

        Cancelling may leave it unsaid.
        """
        if self._change and self._change.is_answered_by(event):
            self._change.problem.set_result(_problem(event))
            return
        match event:
            case said.AudioDelta():
                for pcm in self.resampler.push(event.delta):
                    await self._sound(pcm)
            case said.AudioDone():
                if tail := self.resampler.flush():
                    await self._sound(tail)
            case said.TranscriptDelta():
                await self._say("response.audio_transcript.delta", _delta(event))
            case said.TextDelta():
                await self._say("response.text.delta", _delta(event))
            case said.OutputItemAdded(item=FunctionCall() as call):
                self._called[call.call_id] = call.name
            case said.FunctionArgumentsDelta():
                await self._say(_name(event), _call(event, self._called[event.call_id]) | {"delta": event.delta})
            case said.FunctionArgumentsDone():
                await self._say(_name(event), _call(event, event.name) | {"arguments": event.arguments})
            case said.OutputItemDone(item=FunctionCall() as call):
                del self._called[call.call_id]
            case said.ResponseCreated():
                self._live[event.response.id] = None
                await self._say("response.created", {"id": event.response.id})
            case said.ResponseDone():
                await self._done(event.response)
            case said.Error(error=error) if error.code != "response_cancel_not_active":  # it was over already
                await self._say("error", {"message": error.message, "code": error.code, "param": error.param})
            case _ if _name(event) in _AS_THEY_ARE:
                fields = describe(event)
                del fields["type"]
                await self._say(_name(event), fields)

    async def cut_off(self) -> None:
        """The conversation is over, and with it whatever was being answered. Cancelling may leave it unsaid."""
        with suppress(ClientGone):
            for response_id in self._live if not self.gave_up else ():
                await self._say("response.done", {"id": response_id, "status": "cancelled", "cancelled": True})
        self._live.clear()
        self._called.clear()

    async def _done(self, response: said.ResponseObject) -> None:
        self._live.pop(response.id, None)
        details = response.status_details
        meta: dict[str, Any] = {"id": response.id, "status": response.status}
        if response.status == "cancelled":
            meta["cancelled"] = True
        if details and details.reason:
            meta["reason"] = details.reason
        if response.usage:
            meta["usage"] = response.usage
        if details and details.error:
            failed = {"message": details.error.message, "code": details.error.code, "param": None}
            await self._say("error", failed | {"response_id": response.id})
        await self._say("response.done", meta)

    async def _sound(self, pcm: bytes) -> None:
        await self._send(
            pb.AudioToAudioResponse(event="response.audio.delta", pcm=pcm, sample_rate=self.resampler.to_hz)
        )

    async def _say(self, event: str, meta: dict[str, Any]) -> None:
        await self._send(pb.AudioToAudioResponse(event=event, meta=msgspec.json.encode(meta)))

    async def _send(self, message: pb.AudioToAudioResponse) -> None:
        self._sequence += 1
        message.sequence = self._sequence
        try:
            async with asyncio.timeout(self._stalled_client_s):
                await self._write(message)
        except TimeoutError:
            self.gave_up = True
            raise ClientGone from None


def _name(event: ServerEvent) -> str:
    return str(event.__struct_config__.tag)


def _problem(event: ServerEvent) -> InvalidRequest | None:
    if not isinstance(event, said.Error):
        return None
    error = event.error
    return InvalidRequest(error.message, code=error.code or "invalid_value", param=error.param)


def _delta(event: said.TranscriptDelta | said.TextDelta) -> dict[str, Any]:
    return {"delta": event.delta, "response_id": event.response_id, "item_id": event.item_id}


def _call(event: said.FunctionArgumentsDelta | said.FunctionArgumentsDone, name: str) -> dict[str, Any]:
    return {"call_id": event.call_id, "name": name, "response_id": event.response_id, "item_id": event.item_id}
