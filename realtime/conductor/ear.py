"""The user's side of a conversation: their sound, where their turns are in it, and its words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeAlias

import msgspec

from realtime.audio import Audio, samples_to_ms
from realtime.conductor.barge_in import STEP_MS, BargeIn, Found
from realtime.conductor.errands import Errands
from realtime.conductor.pauses import Pauses
from realtime.conductor.playback import Playback
from realtime.conductor.recordings import Recordings
from realtime.conductor.transcriptions import Transcriptions
from realtime.engines.ensemble import Engines
from realtime.microphone import CHUNK_MS, Microphone, decode_recording
from realtime.pipeline.barge_in import Overheard
from realtime.pipeline.clock import Clock
from realtime.pipeline.endpoint import Hushed, Paused, Resumed, Verdict, Wording
from realtime.protocol import effects
from realtime.protocol.config import AudioInput, EchoCancellation, SessionConfig
from realtime.protocol.items import InputAudio, Item, Message
from realtime.protocol.reports import (
    HeardAll,
    NotHeard,
    SpeechBegan,
    SpeechDismissed,
    SpeechEnded,
    SpeechReport,
    SpeechSuspected,
)
from realtime.settings import ConversationSettings

Notice: TypeAlias = Callable[[SpeechReport | Hushed | Resumed], Awaitable[None]]
"""Whoever acts on what is heard."""


class Ear:
    """Hears one client."""

    def __init__(
        self, engines: Engines, settings: ConversationSettings, errands: Errands, playback: Playback, clock: Clock
    ) -> None:
        """`playback` is what the client plays."""
        self._reference = playback.reference
        self._microphone = Microphone(engines.detector, engines.enhancer, settings.max_turn_ms, self._reference.beside)
        self._recordings = Recordings(settings.kept_audio_s)
        self._transcriptions = Transcriptions(engines.transcriber, errands, clock)
        self._keeps_newest = engines.speech_to_speech is not None
        self._newest: tuple[str, Audio] | None = None
        """The last item that the user said, and how it sounded."""
        self._hush: Hushed | None = None
        """The silence in which the turn is, or has ended."""
        self._ended = False
        """Whether the turn that will be taken has ended by itself."""
        detector = engines.turn_detector
        self._pauses = Pauses(detector, errands, self._microphone) if detector else None
        self._barge_in = BargeIn(engines.transcriber, errands, self._microphone, playback, clock)

    async def tune(self, settings: AudioInput) -> None:
        """Hear what comes from now on like this."""
        echo = settings.echo_cancellation
        self._reference.follow(echo.delay_ms if isinstance(echo, EchoCancellation) else None)
        self._microphone.tune(settings)
        await self._barge_in.tune(settings)

    async def hear(self, audio: bytes, notice: Notice) -> None:
        """The client's next piece of sound. `notice` acts on what is in it before what follows is heard."""
        act = partial(self._act, notice)
        for chunk in self._microphone.chunks(audio, STEP_MS if self._barge_in.is_alert else CHUNK_MS):
            for boundary in self._microphone.hear(chunk):
                if not await self._barge_in.takes(boundary, act):
                    await act(boundary)
            await self._barge_in.hear(act)
            if self._transcriptions.is_following:
                self._transcriptions.hear(self._microphone.new_sound())
            if len(chunk) < len(audio):
                await asyncio.sleep(0)  # a long append must not keep the other conversations waiting

    async def _act(self, notice: Notice, found: Found | SpeechSuspected | SpeechDismissed) -> None:
        match found:
            case Paused():
                if self._pauses:
                    self._pauses.consider(found)
                return
            case Hushed():
                self._hush = found
            case SpeechBegan() | Resumed():
                self._hush = None
            case SpeechEnded():
                self._ended = True
        await notice(found)

    async def learn(self, overheard: Overheard, notice: Notice) -> None:
        """Words were found in a sound that is doubted."""
        await self._barge_in.learn(overheard, partial(self._act, notice))

    async def stop_doubting(self, notice: Notice) -> None:
        """The session doubts nothing any more."""
        await self._barge_in.end(partial(self._act, notice))

    def decide(self, verdict: Verdict | Wording) -> SpeechEnded | None:
        """A pause has been judged; the end of the turn, if that is what it was."""
        ended = self._microphone.decide(verdict)
        self._ended = self._ended or ended is not None
        return ended

    async def hear_ahead(self, hush: Hushed, config: SessionConfig) -> None:
        """Put the turn as it is now into words, for it may be all; they are reported as a `Wording`."""
        await self._transcriptions.hear_ahead(hush, self._microphone.until(hush), config)

    def may_be_over(self, hush: Hushed) -> bool:
        """Whether nobody has spoken since `hush`, and the turn is neither over nor dropped."""
        return self._hush == hush and not self._ended

    async def goes_on(self) -> None:
        """The user has gone on: what was heard is not all."""
        await self._transcriptions.forget_ahead()

    def silence_ms(self, ended: SpeechEnded) -> int:
        """How long nobody had spoken when the turn ended: 0 when somebody still did, or not for long (`HUSH_MS`)."""
        rate_hz = self._microphone.rate_hz
        return ended.audio_end_ms - samples_to_ms(self._hush.since_sample, rate_hz) if self._hush else 0

    def is_over(self, report: HeardAll | NotHeard) -> None:
        """All has been told of an item's words."""
        self._transcriptions.is_over(report.item_id)

    async def tend(self, effect: effects.ItemEffect, config: SessionConfig) -> None:
        """Do what the session wants done with sound, and with its words."""
        match effect:
            case effects.DropInput():
                await self._barge_in.forget()
                self._microphone.drop()
                self._forget_pause()
                await self._transcriptions.drop()
            case effects.FollowInput():
                self._transcriptions.follow(effect.item_id, config)
            case effects.TranscribeInput():
                await self._barge_in.forget()
                said = self._microphone.until(self._hush) if self._ended and self._hush else None
                self._forget_pause()
                turn = Audio(self._microphone.take(), self._microphone.rate_hz)
                self._recordings.keep(effect.item_id, turn)
                self._remember(effect.item_id, turn)
                await self._transcriptions.start(effect.item_id, turn, config, said)
            case effects.TranscribeItem():
                sound = await asyncio.to_thread(decode_recording, effect.audio, self._microphone.codec)
                await asyncio.to_thread(self._recordings.keep, effect.item_id, sound)
                self._remember(effect.item_id, sound)
                await self._transcriptions.start(effect.item_id, sound, config)
            case effects.StopTranscription():
                await self._transcriptions.stop(effect.item_id)
            case effects.ForgetItem():
                self._recordings.forget(effect.item_id)
                if self.sound_of(effect.item_id):
                    self._newest = None

    def sound_of(self, item_id: str) -> Audio | None:
        """How the user's newest item sounded, for an engine that listens itself; None for any other item."""
        return self._newest[1] if self._newest and self._newest[0] == item_id else None

    def _remember(self, item_id: str, sound: Audio) -> None:
        if self._keeps_newest:
            self._newest = item_id, sound

    def _forget_pause(self) -> None:
        self._hush = None
        self._ended = False

    async def recall(self, item: Item) -> Item:
        """A user item with the sound that was kept of it, in its first part of sound."""
        sound = await asyncio.to_thread(self._recordings.play_back, item.id, self._microphone.codec)
        if sound is None or not isinstance(item, Message):
            return item
        place = next(index for index, part in enumerate(item.content) if isinstance(part, InputAudio))
        heard = msgspec.structs.replace(item.content[place], audio=sound)
        return msgspec.structs.replace(item, content=(*item.content[:place], heard, *item.content[place + 1 :]))
