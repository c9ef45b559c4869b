"""Answers: what the model writes, shown or said, and the calls it makes."""

from __future__ import annotations

import asyncio

import structlog

from realtime.codecs import find_codec
from realtime.conductor.allowance import Allowance
from realtime.conductor.errands import Errands, account_for
from realtime.conductor.playback import Playback
from realtime.conductor.reading_ahead import ReadingAhead
from realtime.engines.base import CallWhole, Finish, Read, Speaking, ToolCallPart
from realtime.engines.ensemble import Engines
from realtime.errors import EngineFailed
from realtime.pipeline.clock import Clock
from realtime.pipeline.reply import Answer, Voice, say, write
from realtime.pipeline.speak import Piece
from realtime.prompt import prompt_for
from realtime.protocol import effects, reports
from realtime.protocol.config import CustomVoice, format_name
from realtime.protocol.server_events import RateLimit
from realtime.settings import ConversationSettings

log = structlog.get_logger(__name__)


class Replies:
    """Starts replies, and stops those that nobody listens to any more."""

    def __init__(
        self, engines: Engines, settings: ConversationSettings, errands: Errands, playback: Playback, clock: Clock
    ) -> None:
        self._engines = engines
        self._lead_ms = settings.lead_ms
        self._errands = errands
        self._playback = playback
        self._clock = clock
        self._requests = Allowance(settings.requests_per_minute, clock)
        self._tokens = Allowance(settings.tokens_per_minute, clock)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._aloud: set[str] = set()
        self._reading = ReadingAhead(engines.chat, errands)

    def start(self, start: effects.StartReply) -> reports.Allowance:
        """Make a reply, if the session's rate limits allow it; what is left of them then."""
        response_id = start.response_id
        allowed = self._requests.left >= 1 and self._tokens.left > 0
        if allowed:
            self._requests.use(1)
        if start.modality == "audio":
            self._aloud.add(response_id)
        task = self._errands.start(self._reply(start) if allowed else self._refuse(response_id))
        self._running[response_id] = task
        task.add_done_callback(lambda _: self._forget(response_id))
        return reports.Allowance(response_id=response_id, limits=self._limits())

    async def read_ahead(self, start: effects.StartReply) -> None:
        """Have the model read what replies will begin with."""
        await self._reading.start(start)

    async def stop(self, response_id: str) -> None:
        """Stop a reply, and wait until everything it held is let go."""
        aloud = response_id in self._aloud
        await self._errands.stop(self._running.get(response_id))
        if aloud:
            self._playback.stop()  # whoever stops an answer stops playing it

    def _forget(self, response_id: str) -> None:
        del self._running[response_id]
        self._aloud.discard(response_id)

    def _limits(self) -> tuple[RateLimit, ...]:
        requests, tokens = self._requests, self._tokens
        return (
            RateLimit(
                name="requests",
                limit=requests.per_minute,
                remaining=max(0, int(requests.left)),
                reset_seconds=round(requests.full_in_s, 3),
            ),
            RateLimit(
                name="tokens",
                limit=tokens.per_minute,
                remaining=max(0, int(tokens.left)),
                reset_seconds=round(tokens.full_in_s, 3),
            ),
        )

    async def _refuse(self, response_id: str) -> None:
        message = "The session's rate limit is reached; rate_limits.updated says when there is room again."
        failed = reports.Failed(response_id=response_id, code="rate_limit_exceeded", message=message)
        await self._errands.report(failed)

    async def _reply(self, start: effects.StartReply) -> None:
        response_id = start.response_id
        began_s = self._clock.now_s()
        prompt = prompt_for(start)
        await self._reading.make_way(prompt)
        telling = Telling(response_id, self._errands, self._clock)
        answer = Answer(self._engines.chat, prompt, telling)
        making = self._write(start, answer) if start.modality == "text" else self._say(start, answer)
        try:
            finish = await making
        except Exception as failure:
            code, message = account_for(failure, "reply")
            await self._errands.report(reports.Failed(response_id=response_id, code=code, message=message))
            return
        finally:
            self._tokens.use(answer.tokens_used)
        took_ms = round((self._clock.now_s() - began_s) * 1000)
        log.info("reply ended", response=response_id, took_ms=took_ms, tokens=finish.completion_tokens)
        await self._errands.report(_answered(response_id, finish))

    async def _write(self, start: effects.StartReply, answer: Answer) -> Finish:
        async def show(text: str) -> None:
            wrote = reports.Wrote(response_id=start.response_id, text=text, tokens=answer.tokens_written)
            await self._errands.report(wrote)

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
            audio = codec.encode(piece.pcm)
            spoke = reports.Spoke(
                response_id=start.response_id, text=piece.text, audio=audio, tokens=answer.tokens_written
            )
            await self._errands.report(spoke)
            self._playback.add(len(piece.pcm) / codec.rate_hz)

        return await say(answer, voice, play)


class Telling:
    """Reports what in an answer is not to be said: that it began, what it cost, and its calls."""

    def __init__(self, response_id: str, errands: Errands, clock: Clock) -> None:
        self._response_id = response_id
        self._errands = errands
        self._clock = clock
        self._began_s = clock.now_s()
        self._calls: dict[int, str] = {}
        """By index, the ids of the calls that are being written."""

    async def began(self) -> None:
        """There will be words."""
        took_ms = round((self._clock.now_s() - self._began_s) * 1000)
        log.info("reply began", response=self._response_id, took_ms=took_ms)
        await self._errands.report(reports.Began(response_id=self._response_id))

    async def read(self, prompt: Read) -> None:
        """What the prompt cost."""
        read = reports.PromptRead(
            response_id=self._response_id, prompt_tokens=prompt.prompt_tokens, cached_tokens=prompt.cached_tokens
        )
        await self._errands.report(read)

    async def call(self, part: ToolCallPart) -> None:
        """More of a call; the first of an index begins one."""
        if part.index not in self._calls and part.call_id and part.name:
            self._calls[part.index] = part.call_id
            began = reports.CallBegan(response_id=self._response_id, call_id=part.call_id, name=part.name)
            await self._errands.report(began)
        call_id = self._call_id(part)
        if part.arguments:
            wrote = reports.CallWrote(response_id=self._response_id, call_id=call_id, text=part.arguments)
            await self._errands.report(wrote)

    async def call_is_whole(self, whole: CallWhole) -> None:
        """A call can be made."""
        call_id = self._call_id(whole)
        del self._calls[whole.index]
        await self._errands.report(reports.CallEnded(response_id=self._response_id, call_id=call_id))

    def _call_id(self, part: ToolCallPart | CallWhole) -> str:
        if part.index not in self._calls:
            raise EngineFailed("the language model wrote of a call that it had not begun, or had ended")
        return self._calls[part.index]


def _answered(response_id: str, finish: Finish) -> reports.Answered:
    return reports.Answered(
        response_id=response_id,
        reason=finish.reason,
        prompt_tokens=finish.prompt_tokens,
        cached_tokens=finish.cached_tokens,
        completion_tokens=finish.completion_tokens,
    )
