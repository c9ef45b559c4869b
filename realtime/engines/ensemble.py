"""The engines that hold conversations together: opened once, warm, and shared by everybody."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from realtime.engines.base import Chat, Detector, Enhancer, Synthesizer, Transcriber, TurnDetector
from realtime.engines.load import KnowsLoad
from realtime.engines.on_demand import OnDemand
from realtime.engines.scheduler import Scheduler
from realtime.engines.speech_to_speech import SpeechToSpeech


@dataclass(frozen=True, slots=True, kw_only=True)
class Engines:
    """Everything a conversation needs of models."""

    detector: Detector
    enhancer: Enhancer
    transcriber: Transcriber
    chat: Chat
    synthesizer: Synthesizer
    scheduler: Scheduler
    turn_detector: TurnDetector | None = None
    """None where turns can only be ended by silence."""
    speech_to_speech: SpeechToSpeech | None = None
    """Where there is one, it answers in place of chat and synthesizer, which nobody asks then (`absent`)."""
    on_demand: OnDemand = field(default_factory=OnDemand)
    """Those that no conversation needs. They run on the same scheduler, and go with the others."""

    @property
    def models(self) -> tuple[str, ...]:
        """What the models are called that hear and answer."""
        names = [self.transcriber.model, self.chat.model, self.synthesizer.model]
        if self.speech_to_speech:
            names.append(self.speech_to_speech.model)
        return tuple(name for name in names if name)

    @property
    def busy(self) -> bool:
        """Whether work that may be for nothing would now delay work that somebody waits for."""
        return self.scheduler.busy or (isinstance(self.chat, KnowsLoad) and self.chat.busy)

    @property
    def wait_s(self) -> float:
        """How long what somebody is waiting for has lately waited for a processor, in the worst of the queues."""
        return max(self.scheduler.wait_s, self.chat.wait_s if isinstance(self.chat, KnowsLoad) else 0.0)

    async def close(self) -> None:
        """Let running work end and give the models back. Cancelling leaves some of them open."""
        await self.on_demand.close()
        ears = self.detector, self.turn_detector, self.enhancer, self.transcriber
        for engine in (*ears, self.chat, self.synthesizer, self.speech_to_speech):
            if engine:
                await engine.close()
        await asyncio.to_thread(self.scheduler.close)
