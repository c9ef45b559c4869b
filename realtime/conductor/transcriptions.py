"""The user's speech into words, item by item."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import structlog

from realtime.audio import SPEECH_RATE_HZ, Audio, Pcm
from realtime.codecs.resample import resampled
from realtime.conductor.errands import Errands, account_for
from realtime.conductor.hearing_ahead import HearingAhead, text_of
from realtime.engines.base import Listening, Segment, Transcriber
from realtime.languages import language_code
from realtime.pipeline.clock import Clock
from realtime.pipeline.draft import DELAYS, Draft
from realtime.pipeline.endpoint import Hushed, Wording
from realtime.protocol import reports
from realtime.protocol.config import LOGPROBS, SessionConfig

log = structlog.get_logger(__name__)


LONGEST_AHEAD_MS = 28_000
"""Whisper hears so much at once; to hear more than that again at each pause of a long turn would cost too much."""


class Transcriptions:
    """Starts transcriptions, and stops those that nobody waits for any more."""

    def __init__(self, transcriber: Transcriber, errands: Errands, clock: Clock) -> None:
        self._transcriber = transcriber
        self._errands = errands
        self._clock = clock
        self._running: dict[str, asyncio.Task[None]] = {}
        self._ahead = HearingAhead(self._segments, errands)
        self._draft: Draft | None = None
        """The turn in progress, where its words are told while it is spoken."""
        self._followed_id = ""
        self._following: asyncio.Task[None] | None = None
        self._awaiting: asyncio.Task[None] | None = None
        """Waits for the draft to be whole."""

    async def start(self, item_id: str, sound: Audio, config: SessionConfig, said: Audio | None = None) -> None:
        """Put the sound of an item into words; of one that was followed, the rest of it.

        `said` is all in it that can hold words, where that is known: what follows was silence. Whether it was heard
        ahead or not, it is the same sound that is put into words.
        """
        if self._draft and self._followed_id == item_id:
            draft, self._draft = self._draft, None
            await self._errands.stop(self._awaiting)
            following = self._following
            if following and not following.done():
                draft.end(sound.pcm)
                return
            await self._errands.stop(following)  # it has failed before its time: what it reported of that is stale
        listening = hints(config)
        if said:
            words = await self._ahead.take(said, listening)
        else:
            await self._ahead.drop()
            words = self._segments(sound, listening)
        self._running[item_id] = self._errands.start(self._tell(item_id, words, lambda: sound.duration_ms / 1000))

    async def stop(self, item_id: str) -> None:
        """Nobody wants the words of an item any more."""
        await self._errands.stop(self._running.pop(item_id, None))

    def is_over(self, item_id: str) -> None:
        """The last report of an item has come."""
        self._running.pop(item_id, None)

    # --- while the turn may be over ------------------------------------------------------------------------------

    async def hear_ahead(self, hush: Hushed, sound: Audio, config: SessionConfig) -> None:
        """Put into words what may be all of the turn; they are reported as a `Wording`."""
        if self._draft:
            self._draft.hush()
            await self._errands.stop(self._awaiting)
            self._awaiting = self._errands.start(self._await_whole(hush, self._draft))
        elif sound.duration_ms <= LONGEST_AHEAD_MS:
            await self._ahead.start(hush, sound, hints(config))

    async def forget_ahead(self) -> None:
        """It was not all."""
        await self._errands.stop(self._awaiting)
        await self._ahead.drop()

    async def _await_whole(self, hush: Hushed, draft: Draft) -> None:
        whole = await draft.whole()
        await self._errands.report(Wording(hush, whole.text.strip(), whole.language))

    # --- while the user still speaks -----------------------------------------------------------------------------

    @property
    def is_following(self) -> bool:
        """Whether the turn in progress is put into words while it comes."""
        return self._draft is not None

    def follow(self, item_id: str, config: SessionConfig) -> None:
        """From now on, put the turn in progress into words while it comes."""
        if self._transcriber.rate_hz != SPEECH_RATE_HZ:
            return  # it hears the turn when it is over, at its own rate
        wanted = config.audio.input.transcription
        delay = DELAYS[(wanted.delay if wanted else None) or "medium"]
        draft = self._draft = Draft(self._transcriber, hints(config), delay)
        self._followed_id = item_id
        self._following = self._errands.start(self._tell(item_id, draft.segments(), lambda: draft.heard_s))
        self._running[item_id] = self._following

    def hear(self, pcm: Pcm) -> None:
        """More of the turn that is followed, at the transcriber's rate."""
        if self._draft and len(pcm):
            self._draft.hear(pcm)

    async def drop(self) -> None:
        """The turn in progress will not become an item."""
        await self.forget_ahead()
        if self._draft:
            self._draft = None
            await self.stop(self._followed_id)

    # --- the work ------------------------------------------------------------------------------------------------

    async def _tell(self, item_id: str, words: AsyncGenerator[Segment, None], duration_s: Callable[[], float]) -> None:
        began_s = self._clock.now_s()
        heard: list[reports.Heard] = []
        language: str | None = None
        try:
            async with aclosing(words) as segments:
                async for segment in segments:
                    heard.append(_heard(item_id, segment, first=not heard))
                    language = segment.language
                    await self._errands.report(heard[-1])
        except Exception as failure:
            code, message = account_for(failure, "transcription")
            await self._errands.report(reports.NotHeard(item_id=item_id, code=code, message=message))
            return
        took_ms = round((self._clock.now_s() - began_s) * 1000)
        log.info("transcribed", item=item_id, speech_s=round(duration_s(), 2), took_ms=took_ms)
        await self._errands.report(
            reports.HeardAll(
                item_id=item_id,
                text="".join(part.text for part in heard),
                speech_seconds=duration_s(),
                words=tuple(word for part in heard for word in part.words),
                language=language,
            )
        )

    async def _segments(self, sound: Audio, listening: Listening) -> AsyncGenerator[Segment, None]:
        sound = await resampled(sound, self._transcriber.rate_hz)
        async with aclosing(self._transcriber.transcribe(sound.pcm, listening)) as segments:
            async for segment in segments:
                yield segment


def hints(config: SessionConfig) -> Listening:
    """What the session tells the transcriber beforehand."""
    wanted = config.audio.input.transcription
    words = LOGPROBS in (config.include or ())
    if wanted is None:
        return Listening(words=words)
    return Listening(
        language=language_code(wanted.language) if wanted.language else None,
        languages=tuple(map(language_code, wanted.languages or ())),
        prompt=wanted.prompt or "",
        keywords=wanted.keywords or (),
        words=words,
    )


def _heard(item_id: str, segment: Segment, first: bool) -> reports.Heard:
    words = tuple(reports.HeardWord(word.text, word.log_probability) for word in segment.words)
    return reports.Heard(item_id=item_id, text=text_of(segment, first), words=words)
