"""What a session answers, carried out: events are sent, effects are done, in their order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

import structlog

from realtime.conductor.ear import Ear
from realtime.conductor.errands import Errands, Told
from realtime.conductor.replies import Replies
from realtime.conductor.silence import Silence
from realtime.conductor.tool_calls import ToolCalls
from realtime.pipeline.endpoint import Verdict
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
    errands: Errands
    ear: Ear
    replies: Replies
    silence: Silence
    tool_calls: ToolCalls | None

    async def take_in(self, told: Told) -> None:
        """An errand has reported."""
        if self.errands.is_stale(told):
            return
        report = self.ear.decide(told.report) if isinstance(told.report, Verdict) else told.report
        if isinstance(report, reports.HeardAll | reports.NotHeard):
            self.ear.is_over(report)
        if report:
            await self.tell(report)

    async def tell(self, report: reports.Report) -> None:
        """Tell the session, and do what it answers."""
        await self.perform(self.session.receive(report))

    async def perform(self, outputs: list[Output]) -> None:
        """Send and do all of it."""
        for output in outputs:
            match output:
                case ServerEvent():
                    await self.send(output)
                case effects.Listen():
                    await self.ear.hear(output.audio, self.tell)
                case effects.TuneInput():
                    self.ear.tune(output.settings)
                case effects.ShowItem():
                    await self.send(said.ItemRetrieved(item=await self.ear.recall(output.item)))
                case effects.StartReply():
                    await self.tell(self.replies.start(output))
                case effects.ReadAhead():
                    await self.replies.read_ahead(output.reply)
                case effects.StopReply():
                    await self.replies.stop(output.response_id)
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
                case _:
                    await self.ear.tend(output, self.session.config)
