"""Speech put into words while it comes: the listening side of a conversation, without the conversation.

Pauses are judged before the sound after them is listened to, so that what is told depends on the sound alone, however
fast it comes; only what the words of an unfinished turn say about its end is taken into account when it is known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import numpy as np
import structlog

from realtime.audio import Audio, Pcm
from realtime.backend.hearing.manner import Manner
from realtime.backend.hearing.transcripts import transcript, words_of
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.sound.codings import resampler
from realtime.codecs.resample import resampled
from realtime.engines.base import EnhancerStream, Listening, Segment, Word
from realtime.engines.ensemble import Engines
from realtime.errors import NotServed
from realtime.pipeline.backchannels import is_backchannel
from realtime.pipeline.draft import DELAYS, Draft
from realtime.pipeline.endpoint import Began, Boundary, Ended, Hushed, Paused, Resumed, Verdict, Wording
from realtime.pipeline.listen import Listener
from realtime.pipeline.recorded import UNSPACED

log = structlog.get_logger(__name__)

CHUNK_S = 1.0
"""Sound listened to at a time: a long message must not hold the other calls up."""

FAILURES = 2
"""Hearings in a row that may fail: a transcriber that is broken is not to be talked to for minutes."""


@dataclass(slots=True)
class _Utterance:
    """One that is being said."""

    draft: Draft
    start_s: float
    following: asyncio.Task[None] | None = None
    knowing: asyncio.Task[None] | None = None
    """Waits for the draft to be whole."""
    segments: list[Segment] = field(default_factory=list)


class Dictation:
    """One client's sound into words. Its tasks run in `tasks`, and are gone after `end` or `drop`.

    In them the engines fail, so that it is told whether or not more sound comes.
    """

    def __init__(
        self,
        engines: Engines,
        max_turn_ms: int,
        tasks: asyncio.TaskGroup,
        tell: Callable[[pb.TranscriptLiveResponse], Awaitable[None]],
    ) -> None:
        """`tell` is given what is found; while it waits, no more is listened to.

        Raises `NotServed` if the transcriber and the detector do not hear the same.
        """
        if engines.transcriber.rate_hz != engines.detector.rate_hz:
            raise NotServed("The configured transcriber cannot follow speech: it hears at a rate of its own.")
        self._engines = engines
        self._max_turn_ms = max_turn_ms
        self._tasks = tasks
        self._tell = tell
        self._utterance: _Utterance | None = None

    def begin(self, manner: Manner) -> None:
        """Listen to what comes from now on in this manner, as if nothing had come before. Raises `InvalidRequest`."""
        engines, params = self._engines, manner.params
        knobs = manner.knobs(engines.turn_detector is not None)
        self._listener = Listener(engines.detector, self._max_turn_ms)
        self._listener.tune(knobs)
        self._is_semantic = bool(knobs.looks_ms)
        rate_hz = self._listener.rate_hz
        self._resampler = resampler(manner.rate_hz, rate_hz, "config.sample_rate")
        distance = params.noise_reduction
        self._cleaning: EnhancerStream | None = engines.enhancer.stream(rate_hz, distance) if distance else None
        self._delay = DELAYS[params.delay]
        self._listening = Listening(
            language=manner.language,
            prompt=params.prompt,
            keywords=tuple(word.strip() for word in params.keywords.split(",") if word.strip()),
            words=True,
        )
        self._chunk_samples = round(CHUNK_S * manner.rate_hz)
        self._heard_samples, self._rate_hz = 0, manner.rate_hz
        self._said: list[Segment] = []
        self._wording: Wording | None = None

    async def hear(self, pcm: Pcm) -> None:
        """The client's next sound, shape (n,). Raises what the detector raises."""
        for start in range(0, len(pcm), self._chunk_samples):
            chunk = pcm[start : start + self._chunk_samples]
            self._heard_samples += len(chunk)
            sound = self._resampler.push(chunk)
            if self._cleaning:
                sound = self._cleaning.push(sound)
            for boundary in self._listener.push(sound):
                await self._act(boundary)
            if self._utterance and len(new := self._listener.new_sound()):
                self._utterance.draft.hear(new)
            wording, self._wording = self._wording, None
            if wording and self._listener.decide(wording):
                await self._finish(is_turn=True)
            await asyncio.sleep(0)

    async def end(self) -> pb.TranscriptResult:
        """There is no more: all that was said."""
        if self._utterance:
            await self._finish(is_turn=False)
        return transcript(self._said, self._heard_samples / self._rate_hz)

    async def drop(self) -> None:
        """Stop listening to what is being said; nobody wants to know."""
        utterance, self._utterance = self._utterance, None
        if utterance:
            await _stop(utterance.knowing)
            await _stop(utterance.following)

    async def _act(self, boundary: Boundary) -> None:
        match boundary:
            case Began(at_sample):
                draft = Draft(self._engines.transcriber, self._listening, self._delay, FAILURES)
                utterance = self._utterance = _Utterance(draft, at_sample / self._listener.rate_hz)
                utterance.following = self._tasks.create_task(self._follow(utterance))
            case Hushed() if self._utterance:
                self._utterance.draft.hush()
                if self._is_semantic:
                    await _stop(self._utterance.knowing)
                    self._utterance.knowing = self._tasks.create_task(self._know(boundary, self._utterance.draft))
            case Resumed() if self._utterance:
                await _stop(self._utterance.knowing)
                self._wording = None
            case Paused():
                if self._listener.decide(Verdict(boundary, await self._completeness())):
                    await self._finish(is_turn=True)
            case Ended():
                await self._finish(is_turn=True)

    async def _follow(self, utterance: _Utterance) -> None:
        """Tell the words of an utterance as they become certain. Raises what the transcriber raises."""
        async with aclosing(utterance.draft.segments()) as segments:
            async for segment in segments:
                found = self._placed(segment, utterance)
                utterance.segments.append(found)
                await self._tell(pb.TranscriptLiveResponse(delta=found.text, words=words_of(found.words)))

    async def _know(self, hush: Hushed, draft: Draft) -> None:
        whole = await draft.whole()
        self._wording = Wording(hush, whole.text.strip(), whole.language)

    async def _completeness(self) -> float | None:
        """How complete the utterance sounds; None when nobody can tell."""
        detector = self._engines.turn_detector
        assert detector
        turn = Audio(self._listener.newest(detector.window_ms), self._listener.rate_hz)
        try:
            return await detector.completeness((await resampled(turn, detector.rate_hz)).pcm)
        except Exception:
            log.exception("turn detection failed")
            return None

    async def _finish(self, *, is_turn: bool) -> None:
        """The utterance is over: tell the rest of its words and, of a turn, that it is."""
        utterance = self._utterance
        assert utterance
        assert utterance.following
        await _stop(utterance.knowing)
        self._wording = None
        utterance.draft.end(self._listener.take(self._rest))
        await utterance.following
        self._utterance = None
        if not utterance.segments:
            return  # it was no speech
        said = _one(utterance.segments)
        self._said.append(said)
        if is_turn:
            is_aside = is_backchannel(said.text, said.language)
            await self._tell(pb.TranscriptLiveResponse(eou=not is_aside, eob=is_aside))

    def _rest(self) -> Pcm:
        """What of the sound is still on its way."""
        last = self._resampler.flush()
        return np.concatenate((self._cleaning.push(last), self._cleaning.flush())) if self._cleaning else last

    def _placed(self, segment: Segment, utterance: _Utterance) -> Segment:
        """The segment by its time since the config, and parted from what was said before it."""
        text = segment.text if utterance.segments else segment.text.strip()
        if not utterance.segments and self._said and segment.language not in UNSPACED:
            text = f" {text}"
        return replace(
            segment,
            text=text,
            start_s=utterance.start_s + segment.start_s,
            end_s=utterance.start_s + segment.end_s,
            words=tuple(_later(word, utterance.start_s) for word in segment.words),
        )


def _later(word: Word, seconds: float) -> Word:
    return replace(word, start_s=seconds + word.start_s, end_s=seconds + word.end_s)


def _one(segments: list[Segment]) -> Segment:
    """The segments of an utterance as one."""
    return replace(
        segments[-1],
        text="".join(segment.text for segment in segments),
        start_s=segments[0].start_s,
        words=tuple(word for segment in segments for word in segment.words),
        tokens=tuple(token for segment in segments for token in segment.tokens),
    )


async def _stop(task: asyncio.Task[None] | None) -> None:
    if task:
        task.cancel()
        await asyncio.wait([task])
