"""The loop that holds one conversation.

Everything that happens to it, the client's events and the pipeline's reports, comes through one bounded inbox and is
taken one at a time, so the session has one writer. What the session answers is performed in order before the next
thing is taken: events are sent, effects are carried out. The loop never puts into its own inbox, and it waits for a
reply only after cancelling it, so it cannot wait for itself.

    client ──▶ inbox ──▶ session ──▶ events ──▶ client
                 ▲           └─────▶ effects ──▶ microphone, transcriptions, replies, tool calls ─┐
                 └────────────────────── reports ◀───────────────────────────────────────────────┘
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, Awaitable, Callable
from typing import Literal, TypeAlias

import msgspec
import structlog

from realtime.audio import Audio
from realtime.conductor.errands import Errands, Told
from realtime.conductor.offer import make_offer
from realtime.conductor.pauses import Pauses
from realtime.conductor.playback import Playback
from realtime.conductor.recordings import Recordings
from realtime.conductor.replies import Replies
from realtime.conductor.tool_calls import ToolCalls
from realtime.conductor.transcriptions import Transcriptions
from realtime.engines.ensemble import Engines
from realtime.ids import NewId, random_id
from realtime.microphone import Microphone, decode_recording
from realtime.pipeline.clock import Clock, LoopClock
from realtime.pipeline.endpoint import Paused, Verdict
from realtime.protocol import effects, reports
from realtime.protocol import server_events as said
from realtime.protocol.client_events import ClientEvent
from realtime.protocol.config import SessionConfig
from realtime.protocol.items import InputAudio, Item, Message
from realtime.protocol.response import Output
from realtime.protocol.server_events import ServerEvent
from realtime.protocol.session import Session
from realtime.protocol.wire import UnreadableEvent
from realtime.remote_tools.base import RemoteTools
from realtime.settings import ConversationSettings

INBOX_LIMIT = 16
"""Things that may wait for the session. A full inbox stops reading the client, whose network then holds it back."""

LAST_MINUTE_S = 60.0
"""So long before a session expires the log says so."""

log = structlog.get_logger(__name__)

Incoming: TypeAlias = ClientEvent | UnreadableEvent
Send: TypeAlias = Callable[[ServerEvent], Awaitable[None]]
Ending: TypeAlias = Literal["hung up", "drained", "expired"]


class ClientGone(Exception):
    """Raised by a transport's `send` when nobody is there any more."""


class _Stop:
    """The server's time is up."""


class Conductor:
    """Holds one conversation."""

    def __init__(
        self,
        engines: Engines,
        settings: ConversationSettings,
        config: SessionConfig,
        *,
        remote_tools: RemoteTools | None = None,
        new_id: NewId = random_id,
        clock: Clock | None = None,
    ) -> None:
        """`config` is what the session begins with; `remote_tools` reaches MCP servers; None where nobody does.

        Raises `InvalidRequest` for a configuration that cannot be kept.
        """
        self._engines = engines
        self._settings = settings
        self._remote_tools = remote_tools
        self._clock = clock or LoopClock()
        expires_at = None if settings.max_session_s is None else round(time.time() + settings.max_session_s)
        offer = make_offer(engines, settings, mcp=remote_tools is not None, expires_at=expires_at)
        self._session = Session(config, offer, new_id)
        self._microphone = Microphone(engines.detector, engines.enhancer, settings.max_turn_ms)
        self._recordings = Recordings(settings.kept_audio_s)
        self._playback = Playback(self._clock)
        self._inbox: asyncio.Queue[Incoming | reports.Report | Told | _Stop] = asyncio.Queue(INBOX_LIMIT)
        self._silence: asyncio.Task[None] | None = None
        self._draining = False

    @property
    def session_id(self) -> str:
        """The session's id on the wire."""
        return self._session.id

    async def converse(self, incoming: AsyncIterable[Incoming], send: Send) -> Ending:
        """Hold the conversation until the client leaves, the session expires or, once draining, nothing is answered.

        Cancelling ends it: replies and transcriptions stop, and it returns when every task it had started is gone.
        """
        self._send = send
        async with asyncio.TaskGroup() as tasks:
            self._gather(Errands(tasks, self._inbox.put))
            self._errands.start(self._read(incoming))
            if self._settings.max_session_s is not None:
                self._errands.start(self._expire(self._settings.max_session_s))
            try:
                return await self._hold()
            except ClientGone:
                return "hung up"
            finally:
                self._session.receive(reports.HungUp())
                self._errands.stop_all()

    async def stop(self) -> None:
        """End now, whatever is running. Cancelled early, it may not have been heard."""
        await self._inbox.put(_Stop())

    async def drain(self) -> None:
        """Begin nothing new, and end once what is running is over. Cancelled early, it may not have been heard."""
        await self._inbox.put(reports.Draining())

    def _gather(self, errands: Errands) -> None:
        """Those who do the work, once there is a TaskGroup for it."""
        self._errands = errands
        self._transcriptions = Transcriptions(self._engines.transcriber, errands, self._clock)
        self._replies = Replies(self._engines, self._settings, errands, self._playback, self._clock)
        self._tool_calls = ToolCalls(errands, self._remote_tools) if self._remote_tools else None
        detector = self._engines.turn_detector
        self._pauses = Pauses(detector, errands, self._microphone) if detector else None

    # --- the loop: the only place where the session changes ------------------------------------------------------

    async def _hold(self) -> Ending:
        await self._perform(self._session.open())
        while not isinstance(event := await self._inbox.get(), reports.HungUp):
            if isinstance(event, _Stop):
                return "drained"
            if isinstance(event, UnreadableEvent):
                await self._perform(self._session.refuse(event, event.event_id))
                continue
            await self._perform(self._take_in(event))
            if isinstance(event, Told) and isinstance(event.report, reports.Expired):
                return "expired"
            self._draining = self._draining or isinstance(event, reports.Draining)
            if self._draining and not self._session.busy:
                return "drained"
        return "hung up"

    def _take_in(self, event: ClientEvent | reports.Report | Told) -> list[Output]:
        if not isinstance(event, Told):
            return self._session.receive(event)
        if self._errands.is_stale(event):
            return []
        if isinstance(event.report, Verdict):
            ended = self._microphone.decide(event.report)
            return self._session.receive(ended) if ended else []
        if isinstance(event.report, reports.HeardAll | reports.NotHeard):
            self._transcriptions.is_over(event.report.item_id)
        return self._session.receive(event.report)

    async def _perform(self, outputs: list[Output]) -> None:
        for output in outputs:
            match output:
                case effects.Listen():
                    await self._listen(output.audio)
                case effects.TuneInput():
                    self._microphone.tune(output.settings)
                case effects.StartReply():
                    await self._perform(self._session.receive(self._replies.start(output)))
                case effects.ReadAhead():
                    await self._replies.read_ahead(output.reply)
                case effects.StopReply():
                    await self._replies.stop(output.response_id)
                case effects.ListTools():
                    assert self._tool_calls
                    self._tool_calls.list(output)
                case effects.CallTool():
                    assert self._tool_calls
                    self._tool_calls.call(output)
                case effects.AwaitSpeech():
                    self._silence = self._errands.start(self._await_speech(output.within_ms / 1000))
                case effects.StopAwaitingSpeech():
                    await self._errands.stop(self._silence)
                case effects.Trace():
                    structlog.contextvars.bind_contextvars(workflow=output.workflow_name, group=output.group_id)
                case ServerEvent():
                    await self._send(output)
                case _:
                    await self._tend_item(output)

    async def _tend_item(self, effect: effects.ItemEffect) -> None:
        """Whatever concerns the sound of user items, and its words."""
        config = self._session.config
        match effect:
            case effects.DropInput():
                self._microphone.drop()
                await self._transcriptions.drop()
            case effects.FollowInput():
                self._transcriptions.follow(effect.item_id, config)
            case effects.TranscribeInput():
                turn = Audio(self._microphone.take(), self._microphone.rate_hz)
                self._recordings.keep(effect.item_id, turn)
                await self._transcriptions.start(effect.item_id, turn, config)
            case effects.TranscribeItem():
                sound = await asyncio.to_thread(decode_recording, effect.audio, self._microphone.codec)
                await asyncio.to_thread(self._recordings.keep, effect.item_id, sound)
                await self._transcriptions.start(effect.item_id, sound, config)
            case effects.StopTranscription():
                await self._transcriptions.stop(effect.item_id)
            case effects.ForgetItem():
                self._recordings.forget(effect.item_id)
            case effects.ShowItem():
                await self._send(said.ItemRetrieved(item=await self._with_sound(effect.item)))

    async def _listen(self, audio: bytes) -> None:
        for chunk in self._microphone.chunks(audio):
            for boundary in self._microphone.hear(chunk):
                if isinstance(boundary, Paused):
                    assert self._pauses
                    self._pauses.consider(boundary)
                else:
                    await self._perform(self._session.receive(boundary))
            if self._transcriptions.is_following:
                self._transcriptions.hear(self._microphone.new_sound())
            if len(chunk) < len(audio):
                await asyncio.sleep(0)  # a long append must not keep the other conversations waiting

    async def _with_sound(self, item: Item) -> Item:
        """A user item with the sound that was kept of it, in its first part of sound."""
        sound = await asyncio.to_thread(self._recordings.play_back, item.id, self._microphone.codec)
        if sound is None or not isinstance(item, Message):
            return item
        place = next(index for index, part in enumerate(item.content) if isinstance(part, InputAudio))
        heard = msgspec.structs.replace(item.content[place], audio=sound)
        return msgspec.structs.replace(item, content=(*item.content[:place], heard, *item.content[place + 1 :]))

    # --- tasks: they report to the inbox and touch nothing else --------------------------------------------------

    async def _read(self, incoming: AsyncIterable[Incoming]) -> None:
        async for event in incoming:
            await self._inbox.put(event)
        await self._inbox.put(reports.HungUp())

    async def _await_speech(self, within_s: float) -> None:
        await self._clock.sleep(self._playback.left_s + within_s)
        await self._errands.report(reports.NobodySpoke())

    async def _expire(self, after_s: float) -> None:
        await self._clock.sleep(max(0.0, after_s - LAST_MINUTE_S))
        log.warning("the session expires soon", in_s=min(after_s, LAST_MINUTE_S))
        await self._clock.sleep(min(after_s, LAST_MINUTE_S))
        await self._errands.report(reports.Expired())
