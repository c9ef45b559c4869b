"""Speech over an answer, where the session wants to know first whether it is meant to stop it.

What the microphone finds comes by here. Speech that begins while there is something of an answer to hear is held back
and listened to: then it is let through from its true beginning, with what was found in it meanwhile, or it is dropped,
and nobody was told that it had been a turn. Right after a noise, and after the answer's own echo, the next sound is
listened to without a word to anybody (`WARY_MS`): music would make the answer falter at every bar.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TypeAlias

import structlog

from realtime.audio import Audio, ms_to_samples, samples_to_ms
from realtime.codecs.resample import resampled
from realtime.conductor.errands import Errands, account_for
from realtime.conductor.playback import Playback
from realtime.engines.base import Listening, Transcriber
from realtime.languages import language_code
from realtime.microphone import Microphone
from realtime.pipeline.backchannels import HINTS, is_backchannel, plain
from realtime.pipeline.barge_in import Decision, Look, Meaning, Overheard, Step, Suspicion
from realtime.pipeline.clock import Clock
from realtime.pipeline.endpoint import BEGIN_MS, Hushed, Paused, Resumed
from realtime.protocol.config import AudioInput, confirms_barge_in
from realtime.protocol.reports import SpeechBegan, SpeechDismissed, SpeechEnded, SpeechSuspected

log = structlog.get_logger(__name__)

Found: TypeAlias = SpeechBegan | SpeechEnded | Hushed | Resumed | Paused
"""In the user's sound."""
Act: TypeAlias = Callable[[Found | SpeechSuspected | SpeechDismissed], Awaitable[None]]

STEP_MS = 32
"""Sound that is looked at in one go while there may be a barge-in: a window of the detector."""
WARY_MS = 2000
"""Sound after a noise or an echo, in which another is not told of before it is known what it is."""
PATIENCE_S = 2.0
"""A microphone that is switched off says nothing more: then nobody has interrupted."""
POLITE = frozenset({"backchannel", "hum"})
"""Said by somebody who listens; when there is nothing left to listen to, it is an answer."""


@dataclass(slots=True)
class _Doubted:
    suspicion: Suspicion
    began: SpeechBegan
    told: bool
    """Whether the session knows of it."""
    heard_samples: int
    """Of the turn, by the suspicion."""
    held: list[Hushed | Paused] = field(default_factory=list)
    """What was found in the silence that lasts."""
    next_look: Look | None = None
    errands: list[asyncio.Task[None]] = field(default_factory=list)


class BargeIn:
    """Doubts one sound at a time."""

    def __init__(
        self, transcriber: Transcriber, errands: Errands, microphone: Microphone, playback: Playback, clock: Clock
    ) -> None:
        self._transcriber = transcriber
        self._errands = errands
        self._microphone = microphone
        self._playback = playback
        self._clock = clock
        self._settings = AudioInput()
        self._doubted: _Doubted | None = None
        self._wary_until_ms = 0
        """A position in all audio of the session."""

    @property
    def is_alert(self) -> bool:
        """Whether speech would be doubted."""
        return confirms_barge_in(self._settings.turn_detection) and (self._is_audible or self._doubted is not None)

    async def tune(self, settings: AudioInput) -> None:
        """Speech is doubted, or not, from now on. What the session knows to be doubted, it will end itself."""
        self._settings = settings
        if self._doubted and not self._doubted.told and not confirms_barge_in(settings.turn_detection):
            await self.forget()
            self._microphone.drop()

    async def takes(self, found: Found, act: Act) -> bool:
        """Keep what was found if it belongs to a sound that is doubted; else nothing happens."""
        doubted = self._doubted
        if doubted is None:
            return isinstance(found, SpeechBegan) and self.is_alert and await self._doubt(found, act)
        match found:
            case Hushed():
                doubted.held.append(found)
                silent_samples = found.at_sample - found.since_sample
                doubted.suspicion.hush(len(self._microphone.so_far().pcm) - silent_samples)
            case Resumed():
                doubted.held.clear()
                doubted.suspicion.resume()
            case Paused():
                doubted.held.append(found)
        interrupts = await self.hear(act)
        if not isinstance(found, SpeechEnded):
            return True
        if interrupts is None:
            interrupts = await self._settle(doubted.suspicion.end(), act)
        return not interrupts

    async def hear(self, act: Act) -> bool | None:
        """The microphone has heard more. Whether that was an interruption; None if it is not decided."""
        if not (doubted := self._doubted):
            return None
        turn = self._microphone.so_far().pcm
        new, doubted.heard_samples = turn[doubted.heard_samples :], len(turn)
        return await self._take_step(doubted, doubted.suspicion.hear(new), act)

    async def learn(self, overheard: Overheard, act: Act) -> None:
        """Words were found in a sound, or nothing more will come."""
        doubted = self._doubted
        if doubted is None or overheard.suspicion is not doubted.suspicion:
            return
        suspicion = doubted.suspicion
        if overheard.samples is None:
            await self._settle(suspicion.end(), act)
        else:
            await self._take_step(doubted, suspicion.learn(overheard.samples, self._meaning(overheard.text)), act)

    async def end(self, act: Act) -> None:
        """The session doubts nothing any more: the client has taken or dropped the sound, or speech counts at once."""
        doubted = self._doubted
        await self.forget()
        if doubted is None or confirms_barge_in(self._settings.turn_detection):
            return
        if self._settings.turn_detection:
            await self._let_through(doubted, act)
        else:
            self._microphone.drop()

    async def forget(self) -> None:
        """The sound that is doubted is gone."""
        doubted, self._doubted = self._doubted, None
        for errand in doubted.errands if doubted else ():
            await self._errands.stop(errand)

    @property
    def _is_audible(self) -> bool:
        return self._playback.left_s > 0 or self._playback.gate.holds_back

    async def _doubt(self, began: SpeechBegan, act: Act) -> bool:
        turn = self._microphone.so_far()
        start = max(0, len(turn.pcm) - ms_to_samples(BEGIN_MS, turn.rate_hz))
        suspicion = Suspicion(turn.rate_hz, turn.pcm, start)
        is_wary = began.audio_start_ms + samples_to_ms(start, turn.rate_hz) < self._wary_until_ms
        doubted = self._doubted = _Doubted(suspicion, began, not is_wary, len(turn.pcm))
        if doubted.told:
            await act(SpeechSuspected())
            if self._playback.gate.is_open:  # the session sees nothing to doubt
                self._doubted = None
                return False
        doubted.errands.append(self._errands.start(self._lose_patience(suspicion)))
        return True

    async def _take_step(self, doubted: _Doubted, step: Step | None, act: Act) -> bool | None:
        match step:
            case Decision():
                return await self._settle(step, act)
            case Look():
                is_looking, doubted.next_look = doubted.next_look is not None, step
                if not is_looking:
                    doubted.errands.append(self._errands.start(self._look(doubted)))
        return None

    async def _settle(self, decision: Decision, act: Act) -> bool:
        """Act on a decision; whether it was an interruption."""
        doubted = self._doubted
        assert doubted
        interrupts = decision.interrupts or (decision.why in POLITE and not self._is_audible)
        turn = self._microphone.so_far()
        log.info("barge-in decided", interrupts=interrupts, why=decision.why, sound_ms=round(turn.duration_ms))
        await self.forget()
        if interrupts:
            await self._let_through(doubted, act)
            return True
        if decision.why not in POLITE:
            self._wary_until_ms = doubted.began.audio_start_ms + round(turn.duration_ms) + WARY_MS
        self._microphone.drop()
        if doubted.told:
            await act(SpeechDismissed())
        return False

    async def _let_through(self, doubted: _Doubted, act: Act) -> None:
        await act(doubted.began)
        for found in doubted.held:
            await act(found)

    def _meaning(self, text: str | None) -> Meaning | None:
        if text is None:
            return None
        if not plain(text):
            return "nothing"
        if self._playback.words.are(text, self._clock.now_s()):
            return "own"
        return "backchannel" if is_backchannel(text, self._language) else "words"

    @property
    def _language(self) -> str | None:
        wanted = self._settings.transcription
        if wanted and wanted.language:
            return language_code(wanted.language)
        only = self._transcriber.languages
        return next(iter(only)) if len(only) == 1 else None

    # --- errands -------------------------------------------------------------------------------------------------

    async def _look(self, doubted: _Doubted) -> None:
        """One look at a time; while it is at one, only the newest of the others waits."""
        rate_hz = self._microphone.rate_hz
        while look := doubted.next_look:
            text = await self._words(Audio(look.sound, rate_hz))
            await self._errands.report(Overheard(doubted.suspicion, look.samples, text))
            if doubted.next_look is look:  # not before it is told: there may be no room for that, and sound comes
                doubted.next_look = None

    async def _words(self, sound: Audio) -> str | None:
        try:
            sound = await resampled(sound, self._transcriber.rate_hz)
            wanted = self._language if self._settings.transcription else None
            listening = Listening(language=wanted, prompt=HINTS.get(self._language or "en", ""))
            async with aclosing(self._transcriber.transcribe(sound.pcm, listening)) as segments:
                return "".join([segment.text async for segment in segments])
        except Exception as failure:
            account_for(failure, "transcription of a possible barge-in")
            return None

    async def _lose_patience(self, suspicion: Suspicion) -> None:
        await self._clock.sleep(PATIENCE_S)
        await self._errands.report(Overheard(suspicion, None, None))
