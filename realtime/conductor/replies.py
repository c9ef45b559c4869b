"""Answers: what the model writes, shown or said, and the calls it makes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal

import structlog

from realtime.audio import Audio
from realtime.codecs import find_codec
from realtime.conductor.allowance import Allowance
from realtime.conductor.errands import Errands, account_for
from realtime.conductor.playback import Playback
from realtime.conductor.reply_maker import ReplyMaker
from realtime.conductor.speculation import Order, Prepared, Speculation
from realtime.conductor.telling import Telling
from realtime.conductor.waterfall import Stopwatch
from realtime.engines.base import Finish, Urgency
from realtime.pipeline.clock import Clock
from realtime.pipeline.reply import Reply
from realtime.pipeline.speak import Piece
from realtime.protocol import effects, reports
from realtime.protocol.config import format_name
from realtime.protocol.items import Item
from realtime.protocol.server_events import RateLimit
from realtime.settings import ConversationSettings

log = structlog.get_logger(__name__)


class Replies:
    """Starts replies, and stops those that nobody listens to any more."""

    def __init__(
        self,
        maker: ReplyMaker,
        settings: ConversationSettings,
        errands: Errands,
        playback: Playback,
        stopwatch: Stopwatch,
        clock: Clock,
    ) -> None:
        self._maker = maker
        self._errands = errands
        self._playback = playback
        self._stopwatch = stopwatch
        self._clock = clock
        self._requests = Allowance(settings.requests_per_minute, clock)
        self._tokens = Allowance(settings.tokens_per_minute, clock)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._aloud: set[str] = set()
        self._speculation = Speculation(errands, stopwatch.meter, clock)

    async def start(self, start: effects.StartReply) -> reports.Allowance:
        """Make a reply, if the session's rate limits allow it; what is left of them then."""
        response_id = start.response_id
        if start.modality == "audio":
            self._aloud.add(response_id)
        prepared: Prepared | None = None
        if self._has_room:
            self._requests.use(1)
            order = Order.of(start)
            prepared = await self._speculation.take(order, must_have_begun=self._maker.is_busy)
            work = self._let_out(start, order, prepared)
        else:
            await self._speculation.drop()
            work = self._refuse(response_id)
        task = self._running[response_id] = self._errands.start(work)
        task.add_done_callback(lambda _: self._forget(response_id, prepared))
        return reports.Allowance(response_id=response_id, limits=self._limits())

    async def prepare(self, start: effects.StartReply) -> None:
        """Begin a reply, unheard, that will perhaps be started. Another that was begun so is dropped."""
        if self._maker.foresees and self._has_room:
            await self._speculation.drop()
            self._speculation.begin(self._begin(Order.of(start), Urgency.SPECULATIVE))

    async def drop_prepared(self) -> None:
        """It will not be started."""
        await self._speculation.drop()

    async def read_ahead(self, start: effects.StartReply) -> None:
        """Replies will probably begin like this."""
        await self._maker.read_ahead(start)

    def told_of(self, response_id: str, item: Item) -> None:
        """The client knows of an item that came of a reply."""
        self._maker.told_of(response_id, item)

    async def stop(self, response_id: str) -> None:
        """Stop a reply, and wait until everything it held is let go."""
        aloud = response_id in self._aloud
        await self._errands.stop(self._running.get(response_id))
        if aloud:
            self._playback.stop()  # whoever stops an answer stops playing it

    def hold(self) -> None:
        """Send nothing more that is to be heard; replies are made all the same."""
        self._playback.gate.close()

    def release(self) -> None:
        """Go on where it was held."""
        self._playback.gate.open()

    def are_not_heard(self) -> None:
        """The client has been told that its user speaks, and plays no more of what it has."""
        self._playback.stop()

    def _forget(self, response_id: str, prepared: Prepared | None) -> None:
        del self._running[response_id]
        self._aloud.discard(response_id)
        if prepared:
            prepared.making.cancel()  # over already, unless the reply was stopped before its first step

    @property
    def _has_room(self) -> bool:
        return self._requests.left >= 1 and self._tokens.left > 0

    def _limits(self) -> tuple[RateLimit, ...]:
        return (_rate_limit("requests", self._requests), _rate_limit("tokens", self._tokens))

    async def _refuse(self, response_id: str) -> None:
        message = "The session's rate limit is reached; rate_limits.updated says when there is room again."
        failed = reports.Failed(response_id=response_id, code="rate_limit_exceeded", message=message)
        await self._errands.report(failed)

    def _begin(self, order: Order, urgency: Urgency) -> Prepared:
        """Have a reply made."""
        reply = self._maker.reply(order, urgency)
        return Prepared(order, reply, self._errands.start(self._make(reply)), self._clock.now_s())

    async def _make(self, reply: Reply) -> None:
        await self._maker.clear_way()
        await reply.make()

    async def _let_out(self, start: effects.StartReply, order: Order, prepared: Prepared | None) -> None:
        began_s = self._clock.now_s()
        prepared = prepared or self._begin(order, Urgency.FINAL)
        response_id, reply = start.response_id, prepared.reply
        self._stopwatch.made(response_id, reply.moments)
        telling = Telling(response_id, self._errands, self._clock)
        try:
            finish = await reply.let_out(telling, self._player(start, reply))
        except Exception as failure:
            code, message = account_for(failure, "reply")
            await self._errands.report(reports.Failed(response_id=response_id, code=code, message=message))
            return
        finally:
            if not prepared.making.done():  # what it has told of a reply that is whole is not stale
                await self._errands.stop(prepared.making)
            self._tokens.use(reply.answer.tokens_used)
        took_ms = round((self._clock.now_s() - began_s) * 1000)
        log.info("reply ended", response=response_id, took_ms=took_ms, tokens=finish.completion_tokens)
        await self._errands.report(_answered(response_id, finish))

    def _player(self, start: effects.StartReply, reply: Reply) -> Callable[[Piece], Awaitable[None]]:
        """Who shows a piece of a reply, or has it played."""
        response_id, answer, codec = start.response_id, reply.answer, find_codec(format_name(start.output_format))

        async def show(piece: Piece) -> None:
            wrote = reports.Wrote(response_id=response_id, text=piece.text, tokens=answer.tokens_written)
            await self._errands.report(wrote)

        async def play(piece: Piece) -> None:
            audio = codec.encode(piece.pcm)
            spoke = reports.Spoke(response_id=response_id, text=piece.text, audio=audio, tokens=answer.tokens_written)
            await self._errands.report(spoke)
            self._playback.add(Audio(piece.pcm, codec.rate_hz), piece.text)

        return show if start.modality == "text" else play


def _rate_limit(name: Literal["requests", "tokens"], allowance: Allowance) -> RateLimit:
    return RateLimit(
        name=name,
        limit=allowance.per_minute,
        remaining=max(0, int(allowance.left)),
        reset_seconds=round(allowance.full_in_s, 3),
    )


def _answered(response_id: str, finish: Finish) -> reports.Answered:
    return reports.Answered(
        response_id=response_id,
        reason=finish.reason,
        prompt_tokens=finish.prompt_tokens,
        cached_tokens=finish.cached_tokens,
        completion_tokens=finish.completion_tokens,
    )
