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
from collections.abc import AsyncIterable
from typing import Literal, TypeAlias

import structlog

from realtime.conductor.chat_replies import ChatReplies
from realtime.conductor.ear import Ear
from realtime.conductor.errands import Errands, Told
from realtime.conductor.foresight import Foresight
from realtime.conductor.meter import Meter, NoMeter
from realtime.conductor.offer import make_offer
from realtime.conductor.performer import Performer, Send
from realtime.conductor.playback import Playback
from realtime.conductor.replies import Replies
from realtime.conductor.reply_maker import ReplyMaker
from realtime.conductor.silence import Silence
from realtime.conductor.speech_replies import SpeechReplies
from realtime.conductor.tool_calls import ToolCalls
from realtime.conductor.waterfall import Stopwatch
from realtime.engines.ensemble import Engines
from realtime.engines.queueing import Queueing
from realtime.ids import NewId, random_id
from realtime.pipeline.clock import Clock, LoopClock
from realtime.protocol import reports, wishes
from realtime.protocol.client_events import ClientEvent
from realtime.protocol.config import SessionConfig
from realtime.protocol.session import Session
from realtime.protocol.wire import UnreadableEvent
from realtime.remote_tools.base import RemoteTools
from realtime.settings import ConversationSettings

INBOX_LIMIT = 16
"""Things that may wait for the session. A full inbox stops reading the client, whose network then holds it back."""

LAST_MINUTE_S = 60.0
"""So long before a session expires the log says so."""

log = structlog.get_logger(__name__)

Incoming: TypeAlias = ClientEvent | wishes.Wish | UnreadableEvent
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
        """`config` is what the session begins with; `remote_tools` reaches MCP servers, None where nobody does.

        Raises `InvalidRequest` for a configuration that cannot be kept.
        """
        self._engines = engines
        self._settings = settings
        self._remote_tools = remote_tools
        self._clock = clock or LoopClock()
        self._queueing = Queueing(self._clock.now_s)
        expires_at = None if settings.max_session_s is None else round(time.time() + settings.max_session_s)
        offer = make_offer(engines, settings, mcp=remote_tools is not None, expires_at=expires_at)
        self._session = Session(config, offer, new_id)
        self._inbox: asyncio.Queue[Incoming | reports.Report | Told | _Stop] = asyncio.Queue(INBOX_LIMIT)

    @property
    def session_id(self) -> str:
        """The session's id on the wire."""
        return self._session.id

    async def converse(self, incoming: AsyncIterable[Incoming], send: Send, meter: Meter | None = None) -> Ending:
        """Hold the conversation until the client leaves, the session expires or, once draining, nothing is answered.

        A client that has said all is answered to the end before it is taken to have left. `meter` counts what is done.
        Cancelling ends the conversation: replies and transcriptions stop, and it returns when every task it had
        started is gone.
        """
        with self._queueing.watched():
            return await self._converse(incoming, send, meter or NoMeter())

    async def _converse(self, incoming: AsyncIterable[Incoming], send: Send, meter: Meter) -> Ending:
        async with asyncio.TaskGroup() as tasks:
            errands = Errands(tasks, self._inbox.put)
            errands.start(self._read(incoming))
            if self._settings.max_session_s is not None:
                errands.start(self._expire(self._settings.max_session_s))
            try:
                return await self._hold(self._performer(errands, send, meter))
            except ClientGone:
                return "hung up"
            finally:
                self._session.receive(reports.HungUp())
                errands.stop_all()

    async def stop(self) -> None:
        """End now, whatever is running. Cancelled early, it may not have been heard."""
        await self._inbox.put(_Stop())

    async def drain(self) -> None:
        """Begin nothing new, and end once what is running is over. Cancelled early, it may not have been heard."""
        await self._inbox.put(reports.Draining())

    def _performer(self, errands: Errands, send: Send, meter: Meter) -> Performer:
        """Everybody who has something to do in the conversation."""
        engines, settings, clock = self._engines, self._settings, self._clock
        playback = Playback(clock)
        stopwatch = Stopwatch(clock, meter, self._queueing)
        ear = Ear(engines, settings, errands, playback, clock)
        maker: ReplyMaker
        if engines.speech_to_speech:
            maker = SpeechReplies(
                engines.speech_to_speech, ear.sound_of, settings.lead_ms, playback.gate, errands, clock
            )
        else:
            maker = ChatReplies(engines, settings.lead_ms, playback.gate, errands, clock)
        replies = Replies(maker, settings, errands, playback, stopwatch, clock)
        return Performer(
            session=self._session,
            send=send,
            stopwatch=stopwatch,
            errands=errands,
            ear=ear,
            replies=replies,
            foresight=Foresight(self._session, ear, replies, lambda: settings.speculation and not engines.busy),
            silence=Silence(errands, playback, clock),
            tool_calls=ToolCalls(errands, self._remote_tools) if self._remote_tools else None,
        )

    async def _hold(self, performer: Performer) -> Ending:
        """The loop: the only place where the session changes."""
        session, draining, said_all = self._session, False, False
        await performer.perform(session.open())
        while True:
            match await self._inbox.get():
                case wishes.SaidAll() as wish:
                    said_all = True
                    await performer.perform(session.receive(wish))
                case reports.HungUp():
                    if not said_all:
                        return "hung up"
                case _Stop():
                    return "drained"
                case UnreadableEvent() as problem:
                    await performer.perform(session.refuse(problem, problem.event_id))
                case reports.Expired() as report:
                    await performer.tell(report)
                    return "expired"
                case reports.Draining() as report:
                    draining = True
                    await performer.tell(report)
                case Told() as told:
                    await performer.take_in(told)
                case event:
                    await performer.perform(session.receive(event))
            if (draining or said_all) and not session.busy:
                return "drained" if draining else "hung up"

    async def _read(self, incoming: AsyncIterable[Incoming]) -> None:
        async for event in incoming:
            await self._inbox.put(event)
        await self._inbox.put(reports.HungUp())

    async def _expire(self, after_s: float) -> None:
        await self._clock.sleep(max(0.0, after_s - LAST_MINUTE_S))
        log.warning("the session expires soon", in_s=min(after_s, LAST_MINUTE_S))
        await self._clock.sleep(min(after_s, LAST_MINUTE_S))
        await self._inbox.put(reports.Expired())
