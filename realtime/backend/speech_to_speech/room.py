"""Spoken conversations: `AudioToAudioStream`, a door to the same conductor that `/v1/realtime` has.

    Config, Frame, Control ──▶ events and wishes ──▶ conductor ──▶ server events ──▶ AudioToAudioResponse

One stream holds one conversation, and another after each `Config` that says `reset`. A conversation is counted among
the server's, and ends with them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass

import msgspec
import structlog

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.premises import Premises
from realtime.backend.speech_to_speech.config import Wanted, in_its_words, read_config
from realtime.backend.speech_to_speech.controls import read_control
from realtime.backend.speech_to_speech.events import Teller
from realtime.backend.speech_to_speech.sound import SESSION_HZ, StreamResampler, open_resampler
from realtime.conductor import Conductor, Incoming, make_offer
from realtime.errors import InvalidRequest, NoRoom, ServerBusy, ServerStopping
from realtime.protocol import client_events as asked
from realtime.protocol.config import first_config
from realtime.protocol.wire import UnreadableEvent
from realtime.protocol.wishes import EndTurn, SaidAll

log = structlog.get_logger(__name__)

DEFAULT_INPUT_HZ, DEFAULT_OUTPUT_HZ = 16_000, 24_000
"""What the contract has for clients that do not say."""


class SpeechToSpeech:
    """Holds spoken conversations, one after another on a stream."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises

    async def audio_to_audio_stream(
        self,
        requests: AsyncIterator[pb.AudioToAudioRequest],
        send: Callable[[pb.AudioToAudioResponse], Awaitable[None]],
    ) -> None:
        """Converse until the client has said all and is answered, or is given up because it does not read.

        Raises `InvalidRequest` for a first message that is no possible `Config`, `NoRoom` when there is none or the
        server stops, `TimeoutError` for a client that has stopped reading. What is wrong with a later message is told
        in an `error` event. Cancelling ends the conversation and everything that is done for it.
        """
        premises = self._premises
        try:
            opening = await self._first(requests)
            if premises.busy():
                raise ServerBusy("The server is busy with the conversations that are going on; try again in a moment.")
            premises.conversations.check_room()
        except (NoRoom, InvalidRequest) as refused:
            premises.meter.conversation_refused(refused.reason if isinstance(refused, InvalidRequest) else refused.code)
            raise
        stream = _Stream(requests, Teller(send, premises.settings.server.stalled_client_s), self._open)
        await self._converse(stream, opening)

    async def _first(self, requests: AsyncIterator[pb.AudioToAudioRequest]) -> _Opening:
        async for request in requests:
            if request.WhichOneof("payload") == "config":
                return await self._open(request.config)
            break
        raise InvalidRequest("The first message must be a 'config'.", param="config")

    async def _open(self, config: pb.AudioToAudioConfig) -> _Opening:
        """The conversation that a `Config` asks for; nothing has begun yet. Raises `InvalidRequest`."""
        wanted, engines = read_config(config), self._premises.engines
        settings = self._premises.settings.conversation
        if wanted.lead_ms is not None:
            settings = msgspec.structs.replace(settings, lead_ms=wanted.lead_ms)
        offer = make_offer(engines, settings, mcp=False)
        shows_words = {"type": "realtime", "audio": {"input": {"transcription": {}}}}
        try:
            usual = offer.accept(first_config(settings.model, settings.instructions), shows_words)
            conductor = Conductor(engines, settings, offer.accept(usual, wanted.session))
        except InvalidRequest as problem:
            raise in_its_words(problem) from problem
        ears = await open_resampler(wanted.input_hz or DEFAULT_INPUT_HZ, SESSION_HZ)
        voice = await open_resampler(SESSION_HZ, wanted.output_hz or DEFAULT_OUTPUT_HZ)
        return _Opening(conductor, ears, voice)

    async def _converse(self, stream: _Stream, opening: _Opening) -> None:
        conversations, meter = self._premises.conversations, self._premises.meter
        next_one: _Opening | None = opening
        while next_one:
            conductor = next_one.conductor
            with (
                structlog.contextvars.bound_contextvars(session=conductor.session_id),
                conversations.hold(conductor),
            ):
                meter.conversation_began()
                log.info("conversation began", dialect="grpc")
                async with aclosing(stream.hear(next_one)) as incoming:
                    ending = await conductor.converse(incoming, stream.teller.tell, meter)
                log.info("conversation ended", how=ending)
                await stream.teller.cut_off()
                if stream.teller.gave_up:
                    log.warning("client stopped reading")
                    raise TimeoutError
                if ending == "drained":
                    raise ServerStopping("The server is shutting down.")
                next_one = stream.next_one


@dataclass(frozen=True, slots=True)
class _Opening:
    """A conversation that can begin, and how it sounds."""

    conductor: Conductor
    ears: StreamResampler
    voice: StreamResampler


class _Stream:
    """What the client of one stream says."""

    def __init__(
        self,
        requests: AsyncIterator[pb.AudioToAudioRequest],
        teller: Teller,
        open_: Callable[[pb.AudioToAudioConfig], Awaitable[_Opening]],
    ) -> None:
        self.teller = teller
        self.next_one: _Opening | None = None
        """The conversation that the client wants instead of the one that is going on."""
        self._requests = requests
        self._open = open_
        self._ears: StreamResampler

    async def hear(self, opening: _Opening) -> AsyncGenerator[Incoming, None]:
        """What the client says in one conversation, up to its end or the next conversation's beginning."""
        self._begin(opening)
        async for request in self._requests:
            try:
                async with aclosing(self._read(request)) as events:
                    async for event in events:
                        yield event
            except UnreadableEvent as problem:
                yield problem
            except InvalidRequest as problem:
                yield UnreadableEvent(problem, None)
            if self.next_one:
                return
        if rest := self._ears.flush():
            yield asked.AudioAppend(audio=rest)
        yield SaidAll()

    def _begin(self, opening: _Opening) -> None:
        self.next_one, self._ears, self.teller.resampler = None, opening.ears, opening.voice

    async def _read(self, request: pb.AudioToAudioRequest) -> AsyncGenerator[Incoming, None]:
        match request.WhichOneof("payload"):
            case "frame":
                for sound in self._frame(request.frame):
                    yield sound
            case "control":
                for event in read_control(request.control.event, request.control.payload):
                    if isinstance(event, asked.SessionUpdate):
                        yield self.teller.change(event.session)
                        await self.teller.changed()
                    else:
                        yield event
            case "config" if request.config.reset:
                self.next_one = await self._open(request.config)
            case "config":
                async with aclosing(self._change(read_config(request.config))) as events:
                    async for event in events:
                        yield event
            case _:
                raise InvalidRequest("A message must have a 'config', a 'frame' or a 'control'.", param="payload")

    def _frame(self, frame: pb.AudioToAudioFrame) -> Iterator[Incoming]:
        for sound in self._ears.push(frame.pcm):
            yield asked.AudioAppend(audio=sound)
        if frame.end_of_input:
            if rest := self._ears.flush():
                yield asked.AudioAppend(audio=rest)
            yield EndTurn()

    async def _change(self, wanted: Wanted) -> AsyncGenerator[Incoming, None]:
        """The conversation goes on in another way, or as before if any of it cannot be; what the `Config` says nothing
        about stays. Nothing else is listened to before the session has said which.
        """
        if wanted.lead_ms is not None:
            raise InvalidRequest(
                "'params.lead_ms' is chosen when a conversation begins.",
                code="unsupported_value",
                param="params.lead_ms",
            )
        ears = await open_resampler(wanted.input_hz, SESSION_HZ) if wanted.input_hz else None
        voice = await open_resampler(SESSION_HZ, wanted.output_hz) if wanted.output_hz else None
        yield self.teller.change(wanted.session)
        try:
            await self.teller.changed()
        except InvalidRequest as problem:
            raise in_its_words(problem) from problem
        self.teller.resampler = voice or self.teller.resampler
        if ears:
            before, self._ears = self._ears.flush(), ears
            if before:
                yield asked.AudioAppend(audio=before)
