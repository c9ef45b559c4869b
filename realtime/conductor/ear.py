"""The user's side of a conversation: their sound, where their turns are in it, and its words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from realtime.audio import Audio
from realtime.conductor.errands import Errands
from realtime.conductor.pauses import Pauses
from realtime.conductor.recordings import Recordings
from realtime.conductor.transcriptions import Transcriptions
from realtime.engines.ensemble import Engines
from realtime.microphone import Microphone, decode_recording
from realtime.pipeline.clock import Clock
from realtime.pipeline.endpoint import Paused, Verdict
from realtime.protocol import effects
from realtime.protocol.config import AudioInput, SessionConfig
from realtime.protocol.items import InputAudio, Item, Message
from realtime.protocol.reports import HeardAll, NotHeard, SpeechBegan, SpeechEnded
from realtime.settings import ConversationSettings


class Ear:
    """Hears one client."""

    def __init__(self, engines: Engines, settings: ConversationSettings, errands: Errands, clock: Clock) -> None:
        self._microphone = Microphone(engines.detector, engines.enhancer, settings.max_turn_ms)
        self._recordings = Recordings(settings.kept_audio_s)
        self._transcriptions = Transcriptions(engines.transcriber, errands, clock)
        detector = engines.turn_detector
        self._pauses = Pauses(detector, errands, self._microphone) if detector else None

    def tune(self, settings: AudioInput) -> None:
        """Hear what comes from now on like this."""
        self._microphone.tune(settings)

    async def hear(self, audio: bytes, tell: Callable[[SpeechBegan | SpeechEnded], Awaitable[None]]) -> None:
        """The client's next piece of sound. Where a turn begins or ends, `tell` acts before what follows is heard."""
        for chunk in self._microphone.chunks(audio):
            for boundary in self._microphone.hear(chunk):
                if isinstance(boundary, Paused):
                    assert self._pauses
                    self._pauses.consider(boundary)
                else:
                    await tell(boundary)
            if self._transcriptions.is_following:
                self._transcriptions.hear(self._microphone.new_sound())
            if len(chunk) < len(audio):
                await asyncio.sleep(0)  # a long append must not keep the other conversations waiting

    def decide(self, verdict: Verdict) -> SpeechEnded | None:
        """A pause has been judged; the end of the turn, if that is what it was."""
        return self._microphone.decide(verdict)

    def is_over(self, report: HeardAll | NotHeard) -> None:
        """All has been told of an item's words."""
        self._transcriptions.is_over(report.item_id)

    async def tend(self, effect: effects.ItemEffect, config: SessionConfig) -> None:
        """Do what the session wants done with sound, and with its words."""
        match effect:
            case effects.DropInput():
                self._microphone.drop()
                await self._transcriptions.drop()
            case effects.FollowInput():
                self._transcriptions.follow(effect.item_id, config)
            case effects.TranscribeInput():
                turn = Audio(self._microphone.take(), self._microphone.rate_hz)
                self._recordings.keep(effect.item_id, turn)
                await self._transcriptions.start(effect.item_id, turn, config)
            case effects.TranscribeItem():
                sound = await asyncio.to_thread(decode_recording, effect.audio, self._microphone.codec)
                await asyncio.to_thread(self._recordings.keep, effect.item_id, sound)
                await self._transcriptions.start(effect.item_id, sound, config)
            case effects.StopTranscription():
                await self._transcriptions.stop(effect.item_id)
            case effects.ForgetItem():
                self._recordings.forget(effect.item_id)

    async def recall(self, item: Item) -> Item:
        """A user item with the sound that was kept of it, in its first part of sound."""
        sound = await asyncio.to_thread(self._recordings.play_back, item.id, self._microphone.codec)
        if sound is None or not isinstance(item, Message):
            return item
        place = next(index for index, part in enumerate(item.content) if isinstance(part, InputAudio))
        heard = msgspec.structs.replace(item.content[place], audio=sound)
        return msgspec.structs.replace(item, content=(*item.content[:place], heard, *item.content[place + 1 :]))
