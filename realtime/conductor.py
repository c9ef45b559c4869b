"""One conversation, whatever carries it: where the protocol and the pipeline meet.

One loop holds the session. Everything that happens to it, the client's events and the pipeline's reports, comes
through one bounded inbox and is taken one at a time, so the session has one writer. What the session answers is
performed in order before the next thing is taken: events are sent, effects are carried out. The loop never puts into
its own inbox, and it waits for a reply only after cancelling it, so it cannot wait for itself.

    client ──▶ inbox ──▶ session ──▶ events ──▶ client
                 ▲           └─────▶ effects ──▶ microphone, transcriptions, replies ─┐
                 └────────────────────── reports ◀────────────────────────────────────┘
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeAlias
from weakref import WeakSet

import structlog

from realtime.audio import Audio
from realtime.codecs import find_codec
from realtime.codecs.resample import resample
from realtime.engines.base import Finish, Listening, Speaking
from realtime.engines.ensemble import Engines
from realtime.errors import EngineFailed, RealtimeError
from realtime.ids import NewId, random_id
from realtime.microphone import Microphone, decode_recording
from realtime.pipeline.clock import Clock, LoopClock
from realtime.pipeline.reply import Answer, Voice, say, write
from realtime.pipeline.speak import Piece
from realtime.prompt import prompt_for
from realtime.protocol import effects, reports
from realtime.protocol.client_events import ClientEvent
from realtime.protocol.config import CustomVoice, SessionConfig, format_name
from realtime.protocol.responses import Output
from realtime.protocol.server_events import ServerEvent
from realtime.protocol.session import Limits, Session
from realtime.protocol.wire import UnreadableEvent
from realtime.settings import ConversationSettings

INBOX_LIMIT = 16
"""Things that may wait for the session. A full inbox stops reading the client, whose network then holds it back."""

log = structlog.get_logger(__name__)

Incoming: TypeAlias = ClientEvent | UnreadableEvent
Send: TypeAlias = Callable[[ServerEvent], Awaitable[None]]
Ending: TypeAlias = Literal["hung up", "drained"]


class ClientGone(Exception):
    """Raised by a transport's `send` when nobody is there any more."""


@dataclass(frozen=True, slots=True)
class _Told:
    """A report, and the task it comes from: what a task said that was told to stop is stale."""

    report: reports.Report
    by: asyncio.Task[Any]


class _Stop:
    """The server's time is up."""


class Conductor:
    """Holds one conversation."""

    def __init__(
        self,
        engines: Engines,
        settings: ConversationSettings,
        *,
        model: str | None = None,
        new_id: NewId = random_id,
        clock: Clock | None = None,
    ) -> None:
        self._engines = engines
        self._lead_ms = settings.lead_ms
        self._clock = clock or LoopClock()
        config = SessionConfig(model=model or settings.model, instructions=settings.instructions)
        limits = Limits(voices=frozenset(engines.synthesizer.voices), max_buffer_ms=settings.max_turn_ms)
        self._session = Session(config, limits, new_id)
        self._microphone = Microphone(engines.detector, settings.max_turn_ms)
        self._inbox: asyncio.Queue[Incoming | reports.Report | _Told | _Stop] = asyncio.Queue(INBOX_LIMIT)
        self._working: set[asyncio.Task[None]] = set()
        self._replies: dict[str, asyncio.Task[None]] = {}
        self._transcriptions: dict[str, asyncio.Task[None]] = {}
        self._stopped: WeakSet[asyncio.Task[Any]] = WeakSet()
        self._draining = False

    @property
    def session_id(self) -> str:
        """The session's id on the wire."""
        return self._session.id

    async def converse(self, incoming: AsyncIterable[Incoming], send: Send) -> Ending:
        """Hold the conversation until the client leaves or, once draining, nothing is being answered any more.

        Cancelling ends it: replies and transcriptions stop, and it returns when every task it had started is gone.
        """
        self._send = send
        async with asyncio.TaskGroup() as self._tasks:
            self._start(self._read(incoming))
            try:
                return await self._hold()
            except ClientGone:
                return "hung up"
            finally:
                self._session.receive(reports.HungUp())
                for task in self._working:
                    task.cancel()

    async def stop(self) -> None:
        """End now, whatever is running. Cancelled early, it may not have been heard."""
        await self._inbox.put(_Stop())

    async def drain(self) -> None:
        """Begin nothing new, and end once what is running is over. Cancelled early, it may not have been heard."""
        await self._inbox.put(reports.Draining())

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
            self._draining = self._draining or isinstance(event, reports.Draining)
            if self._draining and not self._session.busy:
                return "drained"
        return "hung up"

    def _take_in(self, event: ClientEvent | reports.Report | _Told) -> list[Output]:
        if not isinstance(event, _Told):
            return self._session.receive(event)
        if event.by in self._stopped:
            return []
        if isinstance(event.report, reports.HeardAll | reports.NotHeard):
            del self._transcriptions[event.report.item_id]
        return self._session.receive(event.report)

    async def _perform(self, outputs: list[Output]) -> None:
        for output in outputs:
            match output:
                case effects.Listen():
                    await self._listen(output.audio)
                case effects.TuneInput():
                    self._microphone.tune(output.settings)
                case effects.DropInput():
                    self._microphone.drop()
                case effects.TranscribeInput():
                    turn = Audio(self._microphone.take(), self._microphone.rate_hz)
                    hearing = self._transcribe(output.item_id, turn, self._hints())
                    self._transcriptions[output.item_id] = self._start(hearing)
                case effects.TranscribeItem():
                    recording = partial(decode_recording, output.audio, self._microphone.codec)
                    hearing = self._transcribe_recording(output.item_id, recording, self._hints())
                    self._transcriptions[output.item_id] = self._start(hearing)
                case effects.StopTranscription():
                    await self._stop(self._transcriptions.pop(output.item_id, None))
                case effects.StartReply():
                    self._start_reply(output)
                case effects.StopReply():
                    await self._stop(self._replies.get(output.response_id))
                case _:
                    await self._send(output)

    async def _listen(self, audio: bytes) -> None:
        for chunk in self._microphone.chunks(audio):
            for boundary in self._microphone.hear(chunk):
                await self._perform(self._session.receive(boundary))
            if len(chunk) < len(audio):
                await asyncio.sleep(0)  # a long append must not keep the other conversations waiting

    # --- tasks: they report to the inbox and touch nothing else --------------------------------------------------

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._tasks.create_task(work)
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        return task

    def _start_reply(self, start: effects.StartReply) -> None:
        task = self._replies[start.response_id] = self._start(self._reply(start))
        task.add_done_callback(lambda _: self._replies.pop(start.response_id))

    async def _stop(self, task: asyncio.Task[None] | None) -> None:
        if task:  # else it is over already
            self._stopped.add(task)
            task.cancel()
            await asyncio.wait([task])

    async def _read(self, incoming: AsyncIterable[Incoming]) -> None:
        async for event in incoming:
            await self._inbox.put(event)
        await self._inbox.put(reports.HungUp())

    async def _report(self, report: reports.Report) -> None:
        # Who was told to stop is waited for by whoever takes from the inbox, and must not wait for room in it; nor is
        # there anything left to tell. A failure on the way out, or a TaskGroup in which something failed just then
        # (before Python 3.13), can have swallowed the cancel.
        task = asyncio.current_task()
        assert task
        if task.cancelling():
            raise asyncio.CancelledError
        await self._inbox.put(_Told(report, task))

    async def _transcribe_recording(self, item_id: str, decode: Callable[[], Audio], hints: Listening) -> None:
        await self._transcribe(item_id, await asyncio.to_thread(decode), hints)

    async def _transcribe(self, item_id: str, sound: Audio, hints: Listening) -> None:
        began_s = self._clock.now_s()
        transcriber = self._engines.transcriber
        texts: list[str] = []
        try:
            if sound.rate_hz != transcriber.rate_hz:
                sound = await asyncio.to_thread(resample, sound, transcriber.rate_hz)
            async with aclosing(transcriber.transcribe(sound.pcm, hints)) as segments:
                async for segment in segments:
                    texts.append(segment.text.rstrip() if texts else segment.text.strip())
                    await self._report(reports.Heard(item_id=item_id, text=texts[-1]))
        except Exception as failure:
            code, message = _account_for(failure, "transcription")
            await self._report(reports.NotHeard(item_id=item_id, code=code, message=message))
            return
        seconds = sound.duration_ms / 1000
        log.info("transcribed", item=item_id, speech_s=round(seconds, 2), took_ms=self._since_ms(began_s))
        await self._report(reports.HeardAll(item_id=item_id, text="".join(texts), speech_seconds=seconds))

    def _hints(self) -> Listening:
        wanted = self._session.config.audio.input.transcription
        return Listening(language=wanted.language, prompt=wanted.prompt or "") if wanted else Listening()

    async def _reply(self, start: effects.StartReply) -> None:
        response_id = start.response_id
        began_s = self._clock.now_s()

        async def began() -> None:
            log.info("reply began", response=response_id, took_ms=self._since_ms(began_s))
            await self._report(reports.Began(response_id=response_id))

        answer = Answer(self._engines.chat, prompt_for(start), began)
        try:
            finish = await (self._write(response_id, answer) if start.modality == "text" else self._say(start, answer))
        except Exception as failure:
            code, message = _account_for(failure, "reply")
            await self._report(reports.Failed(response_id=response_id, code=code, message=message))
            return
        log.info("reply ended", response=response_id, took_ms=self._since_ms(began_s), tokens=finish.completion_tokens)
        await self._report(_answered(response_id, finish))

    async def _write(self, response_id: str, answer: Answer) -> Finish:
        async def show(text: str) -> None:
            await self._report(reports.Wrote(response_id=response_id, text=text))

        return await write(answer, show)

    async def _say(self, start: effects.StartReply, answer: Answer) -> Finish:
        codec = find_codec(format_name(start.output_format))
        synthesizer = self._engines.synthesizer
        name = start.voice.id if isinstance(start.voice, CustomVoice) else start.voice
        voice = Voice(
            synthesizer=synthesizer,
            speaking=Speaking(voice=name if name in synthesizer.voices else None, speed=start.speed),
            rate_hz=codec.rate_hz,
            lead_ms=self._lead_ms,
            clock=self._clock,
        )

        async def play(piece: Piece) -> None:
            spoke = reports.Spoke(response_id=start.response_id, text=piece.text, audio=codec.encode(piece.pcm))
            await self._report(spoke)

        return await say(answer, voice, play)

    def _since_ms(self, began_s: float) -> int:
        return round((self._clock.now_s() - began_s) * 1000)


def _answered(response_id: str, finish: Finish) -> reports.Answered:
    return reports.Answered(
        response_id=response_id,
        reason=finish.reason if finish.reason != "tool_calls" else "stop",
        prompt_tokens=finish.prompt_tokens,
        cached_tokens=finish.cached_tokens,
        completion_tokens=finish.completion_tokens,
    )


def _account_for(failure: Exception, work: str) -> tuple[str, str]:
    """Code and message for the client. An engine's failure explains itself; a bug is logged whole and told as one."""
    if isinstance(failure, EngineFailed):
        log.warning(f"{work} failed", reason=str(failure))
        return failure.code, str(failure)
    log.error(f"{work} failed", exc_info=failure)
    return RealtimeError.code, f"The {work} failed because of an error in the server."
