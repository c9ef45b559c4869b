"""What a session answers, carried out: events are sent, effects are done, in their order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

import structlog

from realtime.conductor.ear import Ear
from realtime.conductor.errands import Errands, Told
from realtime.conductor.foresight import Foresight
from realtime.conductor.replies import Replies
from realtime.conductor.silence import Silence
from realtime.conductor.tool_calls import ToolCalls
from realtime.conductor.waterfall import Stopwatch
from realtime.pipeline.barge_in import Overheard
from realtime.pipeline.endpoint import Hushed, Resumed, Verdict, Wording
from realtime.protocol import effects, reports
from realtime.protocol import server_events as said
from realtime.protocol.response import Output
from realtime.protocol.server_events import ServerEvent
from realtime.protocol.session import Session

Send: TypeAlias = Callable[[ServerEvent], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Performer:
    """Acts for one session. Its work is done by errands, whose reports come back through the conductor's inbox."""

    session: Session
    send: Send
    stopwatch: Stopwatch
    errands: Errands
    ear: Ear
    replies: Replies
    silence: Silence
    foresight: Foresight
    tool_calls: ToolCalls | None

    async def take_in(self, told: Told) -> None:
        """An errand has reported."""
        if self.errands.is_stale(told):
            return
        match told.report:
            case Verdict():
                await self._end_turn(self.ear.decide(told.report))
            case Wording():
                await self._end_turn(await self.foresight.worded(told.report))
            case Overheard():
                await self.ear.learn(told.report, self._notice)
            case report:
                if isinstance(report, reports.HeardAll | reports.NotHeard):
                    self.ear.is_over(report)
                await self.tell(report)

    async def tell(self, report: reports.Report) -> None:
        """Tell the session, and do what it answers."""
        if isinstance(report, reports.Draining):
            await self.foresight.forget()
        outputs = self.session.receive(report)
        if isinstance(report, reports.SpeechEnded):
            for output in outputs:
                if isinstance(output, said.ResponseCreated):
                    self.stopwatch.created(output.response.id, self.ear.silence_ms(report))
        await self.perform(outputs)

    async def perform(self, outputs: list[Output]) -> None:
        """Send and do all of it."""
        for output in outputs:
            match output:
                case ServerEvent():
                    await self._send(output)
                case effects.Listen():
                    await self.ear.hear(output.audio, self._notice)
                case effects.TuneInput():
                    await self.foresight.forget()
                    await self.ear.tune(output.settings)
                case effects.ShowItem():
                    await self.send(said.ItemRetrieved(item=await self.ear.recall(output.item)))
                case effects.StartReply():
                    self.stopwatch.known(output.response_id)
                    await self.tell(await self.replies.start(output))
                case effects.ReadAhead():
                    await self.replies.read_ahead(output.reply)
                case effects.StopReply():
                    await self.replies.stop(output.response_id)
                case effects.HoldVoice():
                    self.replies.hold()
                case effects.ReleaseVoice():
                    self.replies.release()
                    await self.ear.stop_doubting(self._notice)
                case effects.ListTools():
                    assert self.tool_calls
                    self.tool_calls.list(output)
                case effects.CallTool():
                    assert self.tool_calls
                    self.tool_calls.call(output)
                case effects.AwaitSpeech():
                    self.silence.watch(output.within_ms / 1000)
                case effects.StopAwaitingSpeech():
                    await self.silence.ignore()
                case effects.Trace():
                    structlog.contextvars.bind_contextvars(workflow=output.workflow_name, group=output.group_id)
                case effects.DropInput():
                    await self.foresight.forget()
                    await self.ear.tend(output, self.session.config)
                case _:
                    await self.ear.tend(output, self.session.config)

    async def _send(self, event: ServerEvent) -> None:
        """Send it, and note when, where somebody waits for it."""
        if isinstance(event, said.ResponseCreated):
            self.stopwatch.created(event.response.id)
        await self.send(event)
        match event:
            case said.OutputItemAdded():
                self.replies.told_of(event.response_id, event.item)
            case said.AudioDelta() | said.TextDelta():
                if waterfall := self.stopwatch.sent(event.response_id):
                    await self.tell(reports.Timed(response_id=event.response_id, waterfall=waterfall))
            case said.ResponseDone():
                self.stopwatch.over(event.response)
                await self.foresight.forget()  # what was begun for one that never started
            case said.SpeechStarted() if self.session.interrupts:
                self.replies.are_not_heard()

    async def _notice(self, heard: reports.SpeechReport | Hushed | Resumed) -> None:
        """Something is to be heard in the user's sound."""
        match heard:
            case Hushed():
                await self.foresight.hushed(heard)
            case Resumed():
                await self.foresight.goes_on()
            case report:
                if isinstance(report, reports.SpeechBegan):
                    await self.foresight.forget()
                await self.tell(report)

    async def _end_turn(self, ended: reports.SpeechEnded | None) -> None:
        if ended:
            await self.tell(ended)
